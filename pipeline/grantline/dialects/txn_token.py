"""Transaction tokens: one transaction within one trust domain, requested by a workload."""

from __future__ import annotations

from typing import Final

from grantline.dialects.dialect import Dialect, Json


def _shaped(claims: Json) -> bool:
    return isinstance(claims.get("txn"), str) and isinstance(claims.get("req_wl"), str)


DIALECT: Final = Dialect(
    "txn_token",
    "draft-ietf-oauth-transaction-tokens, sections on the claims and on replacement tokens",
    shaped=_shaped,
    scope_domain="issuer",
    actors="none",
    attenuates=True,
)
