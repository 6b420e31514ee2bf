"""Microsoft Entra ID: on-behalf-of, application and agent tokens, of both token versions."""

from __future__ import annotations

import re
from typing import Final

from grantline.dialects.dialect import Dialect, Json

_VERSIONS: Final = frozenset({"1.0", "2.0"})


def _shaped(claims: Json) -> bool:
    """A tenant, Entra's own token id or facets, and a version: nobody else writes these."""
    return (
        isinstance(claims.get("tid"), str)
        and claims.get("ver") in _VERSIONS
        and not claims.keys().isdisjoint({"uti", "xms_act_fct", "xms_sub_fct", "aio"})
    )


DIALECT: Final = Dialect(
    "entra",
    "learn.microsoft.com: access-token-claims-reference, v2-oauth2-on-behalf-of-flow, "
    "agent-token-claims",
    issuers=re.compile(
        r"https://(?:login\.microsoftonline\.com|login\.partner\.microsoftonline\.cn"
        r"|[a-z0-9-]+\.ciamlogin\.com|[a-z0-9-]+\.b2clogin\.com)/.+"
    ),
    shaped=_shaped,
    scope_domain="resource",
    actors="none",
    # Lifetimes are drawn at random between 60 and 90 minutes (configurable-token-lifetimes).
    shorter_lived=False,
)
