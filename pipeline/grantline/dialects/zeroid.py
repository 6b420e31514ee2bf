"""ZeroID: `sub` is the agent that acts, `act.sub` who delegated to it: RFC 8693 the other way."""

from __future__ import annotations

import re
from typing import Final

from grantline.dialects import oauth
from grantline.dialects.dialect import Dialect
from grantline.dialects.reading import Claims, Json, Reading, party

_AGENT: Final = ("spiffe://", "wimse://")
_OWN: Final = frozenset(
    {"account_id", "project_id", "identity_type", "sub_type", "trust_level", "external_id",
     "owner", "owner_user_id", "delegation_depth"}
)  # fmt: skip
_ENOUGH: Final = 2
_KINDS: Final = {
    "agent": "ai_agent",
    "service": "service",
    "mcp_server": "service",
    "application": "service",
}


def _shaped(claims: Json) -> bool:
    """A workload's URI as subject, with at least two of the claims that ZeroID adds of its own."""
    subject = claims.get("sub")
    return (
        isinstance(subject, str)
        and subject.startswith(_AGENT)
        and len(_OWN & claims.keys()) >= _ENOUGH
    )


def read(claims: Claims) -> Reading:
    """Who acts is `sub`. `act.sub` is the user it acts for, or the agent that delegated to it.

    An agent that delegated is not the root: it may have acted for somebody in turn, whom this token
    does not name. Its chain is then told from the delegator on, and marked as cut.
    """
    agent = claims.text("sub")
    if agent is None or not agent.startswith(_AGENT):
        return oauth.read_as(claims, agent, claims.text("backchannel_client_id", *oauth.CLIENTS))
    found = oauth.read_as(claims, None, None)
    home = found.issuer
    found.actor, found.evidence["actor"] = (home, agent), "claim"
    found.actor_type = _KINDS.get(claims.text("identity_type") or "")
    found.client = claims.text("client_id", "application_id")
    acts, _ = claims.acts()
    found.delegator = party(acts[0], home) if acts else None
    if found.delegator is None:
        if not acts:
            found.subject, found.subject_type = found.actor, found.actor_type
            found.chain, found.evidence["chain"] = (found.actor,), "claim"
        return found
    found.chain, found.evidence["chain"] = (found.delegator, found.actor), "claim"
    found.evidence["delegator"] = "claim"
    if found.delegator[1].startswith(_AGENT):
        found.chain_complete = False
    else:
        found.subject, found.subject_type = found.delegator, "user"
    return found


DIALECT: Final = Dialect(
    "zeroid",
    "github.com/highflame-ai/zeroid: docs/spec/zeroid-oauth-extensions.md sections 4 and 5",
    read=read,
    issuers=re.compile(r"https://auth\.highflame\.ai"),
    shaped=_shaped,
    first=_OWN,
    scope_domain="issuer",
    actors="inverted",
    cascades=True,
    attenuates=True,
)
