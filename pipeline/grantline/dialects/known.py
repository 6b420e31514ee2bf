"""Which dialect a token is in: by its header, its issuer's name, or claims nobody else writes.

Conservative: a wrong dialect reads a chain wrongly, none at all reads it as the RFCs have it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from grantline.dialects import (
    agentcore,
    answers,
    auth0,
    authgent,
    aws,
    cognito,
    entra,
    github,
    google,
    id_jag,
    keycloak,
    oauth,
    okta,
    passport,
    ping,
    slack,
    txn_token,
    zeroid,
)
from grantline.dialects.answers import Answer
from grantline.dialects.dialect import Dialect
from grantline.dialects.issuers import issuer_key
from grantline.dialects.reading import Json, header_type

DEFAULT: Final = oauth.DIALECT
EVERY: Final[tuple[Dialect, ...]] = (
    DEFAULT,
    agentcore.DIALECT,
    auth0.DIALECT,
    authgent.DIALECT,
    aws.DIALECT,
    cognito.DIALECT,
    entra.DIALECT,
    github.DIALECT,
    google.DIALECT,
    id_jag.DIALECT,
    keycloak.DIALECT,
    okta.DIALECT,
    passport.DIALECT,
    ping.DIALECT,
    slack.DIALECT,
    txn_token.DIALECT,
    zeroid.DIALECT,
)
BY_NAME: Final = {dialect.name: dialect for dialect in EVERY}
BY_TYPE: Final = {"txntoken+jwt": txn_token.DIALECT, "oauth-id-jag+jwt": id_jag.DIALECT}
_NAMED: Final = tuple((d, d.issuers) for d in EVERY if d.issuers is not None)
_ANSWERS: Final = tuple(d.answer for d in EVERY if d.answer is not None)
_FIRST: Final = {
    name: tuple((d, d.shaped) for d in EVERY if d.shaped is not None and name in d.first)
    for name in frozenset().union(*(d.first for d in EVERY))
}
"""Claim -> the dialects that may take a token which has it."""


def dialect_of(
    issuer: str | None, claims: Json | None = None, header: Json | None = None
) -> str | None:
    """The name of a token's dialect, or None where nothing says it.

    The header's `typ` goes first (RFC 8725 section 3.11), then the issuer's name, then the claims,
    where exactly one dialect takes them for its own. Any claims are safe to give.
    """
    if (typed := BY_TYPE.get(header_type(header))) is not None:
        return typed.name
    if issuer is not None and (named := _by_issuer(issuer)) is not None:
        return named
    if claims is None:
        return None
    # Only those are asked of which there is a claim to begin with: most have none.
    asked = {d.name: shaped for name in claims if name in _FIRST for d, shaped in _FIRST[name]}
    taken = [name for name, shaped in asked.items() if shaped(claims)]
    return taken[0] if len(taken) == 1 else None


@lru_cache(maxsize=8_192)
def _by_issuer(issuer: str) -> str | None:
    key = issuer_key(issuer)
    return next((d.name for d, issuers in _NAMED if issuers.fullmatch(key)), None)


def dialect(name: str | None) -> Dialect:
    """A dialect by its name; the default for a name that is not known, or none."""
    return BY_NAME.get(name, DEFAULT) if name is not None else DEFAULT


def read_answer(body: Json, now: float) -> Answer:
    """What came back from an issuer, in whichever form; `now` is seconds since 1970."""
    for answer in _ANSWERS:
        if (found := answer(body, now)) is not None:
            return found
    return answers.read(body, now)
