"""Ping Identity: PingOne's environments, PingAM's typed subjects (`(usr!...)`, `(age!...)`)."""

from __future__ import annotations

import re
from typing import Final

from grantline.dialects.dialect import Dialect, Json


def _shaped(claims: Json) -> bool:
    """PingAM writes its audit trail's id into every token; PingOne its environment."""
    return {"auditTrackingId", "tokenName"} <= claims.keys() or {"env", "org", "p1.rid"} <= (
        claims.keys()
    )


DIALECT: Final = Dialect(
    "ping",
    "docs.pingidentity.com: PingOne access tokens, PingAM token exchange and may_act",
    issuers=re.compile(r"https://auth\.pingone\.[a-z.]+/[^/]+/as"),
    shaped=_shaped,
)
