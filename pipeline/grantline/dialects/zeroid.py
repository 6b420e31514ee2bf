"""ZeroID: `sub` is the agent that acts, `act.sub` who delegated to it: RFC 8693 the other way."""

from __future__ import annotations

import re
from typing import Final

from grantline.dialects.dialect import Dialect, Json

_AGENT: Final = ("spiffe://", "wimse://")


def _shaped(claims: Json) -> bool:
    """A workload's URI as subject within an account and a project, of a known kind."""
    subject = claims.get("sub")
    return (
        isinstance(subject, str)
        and subject.startswith(_AGENT)
        and {"account_id", "project_id"} <= claims.keys()
        and not claims.keys().isdisjoint({"identity_type", "trust_level", "delegation_depth"})
    )


DIALECT: Final = Dialect(
    "zeroid",
    "github.com/highflame-ai/zeroid: docs/spec/zeroid-oauth-extensions.md sections 4 and 5",
    issuers=re.compile(r"https://auth\.highflame\.ai"),
    shaped=_shaped,
    scope_domain="issuer",
    actors="inverted",
    cascades=True,
    attenuates=True,
)
