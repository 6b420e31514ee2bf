"""Ping Identity: PingOne's environments, PingAM's typed subjects (`(usr!...)`, `(age!...)`)."""

from __future__ import annotations

import re
from typing import Final

from grantline.dialects import oauth
from grantline.dialects.dialect import Dialect
from grantline.dialects.reading import Claims, Json, Party, Reading

# How PingAM writes a name: `(usr!demo)` a person, `(age!app)` a client or agent.
_KINDS: Final = {"(usr!": "user", "(age!": "service"}
_TYPES: Final = frozenset({"access_token", "id_token", "refresh_token"})


def _shaped(claims: Json) -> bool:
    """PingAM writes its audit trail's id into every token; PingOne its environment."""
    return {"auditTrackingId", "tokenName"} <= claims.keys() or {"env", "org", "p1.rid"} <= (
        claims.keys()
    )


def read(claims: Claims) -> Reading:
    """As the RFCs have it, the names left as told; their prefix says what kind of party it is."""
    found = oauth.read(claims)
    if (told := claims.text("tokenName")) in _TYPES:
        found.type, found.evidence["type"] = told, "claim"
    found.subject_type = found.subject_type or _kind(found.subject)
    found.actor_type = found.actor_type or _kind(found.actor)
    return found


def _kind(party: Party | None) -> str | None:
    return _KINDS.get(party[1][:5]) if party is not None else None


DIALECT: Final = Dialect(
    "ping",
    "docs.pingidentity.com: PingOne access tokens, PingAM token exchange and may_act",
    read=read,
    issuers=re.compile(r"https://auth\.pingone\.[a-z.]+/[^/]+/as"),
    shaped=_shaped,
    first=frozenset({"auditTrackingId", "p1.rid"}),
)
