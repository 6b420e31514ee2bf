"""Transaction tokens: one transaction within one trust domain, requested by a workload."""

from __future__ import annotations

from typing import Final

from grantline.dialects import oauth
from grantline.dialects.dialect import Dialect
from grantline.dialects.reading import Claims, Json, Reading


def _shaped(claims: Json) -> bool:
    return isinstance(claims.get("txn"), str) and isinstance(claims.get("req_wl"), str)


def read(claims: Claims) -> Reading:
    """`req_wl` asked for it, and whoever works on the transaction hands it on as it is."""
    found = oauth.read(claims)
    found.type = "txn_token"
    found.evidence["type"] = "claim" if claims.typ == "txntoken+jwt" else "shape"
    return found


DIALECT: Final = Dialect(
    "txn_token",
    "draft-ietf-oauth-transaction-tokens, sections on the claims and on replacement tokens",
    read=read,
    shaped=_shaped,
    first=frozenset({"txn"}),
    scope_domain="issuer",
    actors="none",
    attenuates=True,
)
