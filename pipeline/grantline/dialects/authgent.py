"""authgent: clients as `client:<id>`, people as `user:<id>`, nested actors, parents in its log."""

from __future__ import annotations

from typing import Final

from grantline.dialects.dialect import Dialect, Json


def _shaped(claims: Json) -> bool:
    """It says of every token whether a human is at its root."""
    return isinstance(claims.get("human_root"), bool)


DIALECT: Final = Dialect(
    "authgent",
    "a run of authgent-server 0.3.4 (../shared/data/authgent)",
    shaped=_shaped,
    scope_domain="issuer",
)
