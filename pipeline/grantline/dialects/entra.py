"""Microsoft Entra ID: on-behalf-of, application and agent tokens, of both token versions."""

from __future__ import annotations

import re
from typing import Final

from grantline.dialects import oauth
from grantline.dialects.dialect import Dialect
from grantline.dialects.profiles import profile
from grantline.dialects.reading import Claims, Json, Reading

_VERSIONS: Final = frozenset({"1.0", "2.0"})
_KINDS: Final = {"user": "user", "app": "service"}
# Facets: 11 is an agent identity, 13 an agent's user. 3 and 9 are in the tokens of every managed
# identity and of blueprints, too, and say nothing of an agent; the order says nothing at all.
_AGENT_FACETS: Final = frozenset({"11", "13"})


def _shaped(claims: Json) -> bool:
    """A tenant with an object of it, or with a version and Entra's own token id or facets."""
    if not isinstance(claims.get("tid"), str):
        return False
    return isinstance(claims.get("oid"), str) or (
        isinstance(version := claims.get("ver"), str)
        and version in _VERSIONS
        and not claims.keys().isdisjoint({"uti", "xms_act_fct", "xms_sub_fct", "aio"})
    )


def read(claims: Claims) -> Reading:
    """`oid` is the subject (`sub` is another at every client), `azp` or `appid` who acts.

    There is no `act`, nor a parent: of a chain of on-behalf-of exchanges a token tells the last
    hop. `xms_par_app_azp` is the blueprint an agent was made from, which gives it no authority.
    """
    said = claims.said
    subject = claims.text("oid", "sub") if claims.text("tid") else claims.text("sub")
    found = oauth.read_as(claims, subject, claims.text("azp", "appid", "client_id"))
    if found.jti is None or claims.text("uti"):
        found.jti = claims.text("uti", "jti")
    kind = said.get("idtyp")
    if profile(said.get("sub_profile")) is None:
        if _is_agent(said.get("xms_sub_fct")):
            found.subject_type = "ai_agent"
        else:
            found.subject_type = _KINDS.get(kind) if isinstance(kind, str) else None
    if found.actor_type is None and _is_agent(said.get("xms_act_fct")):
        found.actor_type = "ai_agent"
    return found


def _is_agent(facets: object) -> bool:
    """Numbers in one text, or a list of them."""
    if isinstance(facets, str):
        return not _AGENT_FACETS.isdisjoint(facets.replace(",", " ").split())
    if isinstance(facets, int) and not isinstance(facets, bool):
        return str(facets) in _AGENT_FACETS
    return isinstance(facets, list) and any(str(item) in _AGENT_FACETS for item in facets)


DIALECT: Final = Dialect(
    "entra",
    "learn.microsoft.com: access-token-claims-reference, v2-oauth2-on-behalf-of-flow, "
    "agent-token-claims",
    read=read,
    issuers=re.compile(
        r"https://(?:login\.microsoftonline\.com|login\.partner\.microsoftonline\.cn"
        r"|[a-z0-9-]+\.ciamlogin\.com|[a-z0-9-]+\.b2clogin\.com)/.+"
    ),
    shaped=_shaped,
    first=frozenset({"tid"}),
    scope_domain="resource",
    actors="none",
    # Lifetimes are drawn at random between 60 and 90 minutes (configurable-token-lifetimes).
    shorter_lived=False,
)
