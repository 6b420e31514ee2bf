"""What one token says, in the terms of the convention, and how well each part is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from grantline.dialects.issuers import issuer_key
from grantline.dialects.values import moment, scope_list, text, texts

Json = Mapping[str, Any]
Party = tuple[str | None, str]
"""(issuer as told, name); the issuer is None where nothing says it."""
Evidence = Literal["claim", "implied", "history", "answer", "shape"]
"""Why a field is believed, strongest first.

`claim`: the token has a claim for exactly this. `implied`: a claim that was made for something else
says it as well (the client, where no `act` names an actor). `history`: a nested `act`, which RFC
8693 section 4.1 keeps for information only. `answer`: said beside the token, in the answer it came
with. `shape`: only the looks of the token say so.
"""
ScopeDomains = tuple[tuple[str, str | None], ...]
"""(issuer's key, audience) each; the audience is None where the whole issuer means one thing."""

MAX_ACT: Final = 64
"""Nested `act` claims that are followed."""


@dataclass(slots=True)
class Reading:
    """One token's facts; what it does not say is None."""

    dialect: str | None = None
    issuer: str | None = None
    type: str | None = None
    jti: str | None = None
    issued_at: int | None = None
    """NumericDate, seconds."""
    expires_at: int | None = None
    subject: Party | None = None
    """On whose behalf: the root of the chain."""
    subject_type: str | None = None
    actor: Party | None = None
    """Who may act with it now."""
    actor_type: str | None = None
    client: str | None = None
    """The client id of the actor."""
    delegator: Party | None = None
    """Who gave the authority to the actor, where the token itself says so."""
    parent: Party | None = None
    """(issuer, jti) of the token it was made from, where it says so."""
    chain: tuple[Party, ...] | None = None
    """Root first, the actor last; None where somebody in it has no usable name."""
    chain_complete: bool = True
    """Whether the chain was told to its root and followed to its end."""
    scopes: tuple[str, ...] | None = None
    """Names of `scope_names`, as told; None where the token speaks of none."""
    scoped: bool = False
    """Whether `scopes` has what a scope claim says, or roles and permissions only."""
    audiences: tuple[str, ...] | None = None
    session: str | None = None
    transaction: str | None = None
    may_act: tuple[Party, ...] = ()
    evidence: dict[str, Evidence] = field(default_factory=dict)

    def domains(self, whole_issuer: bool) -> ScopeDomains | None:
        """Where its scope names mean something; None where the issuer or audience is not told."""
        if self.issuer is None:
            return None
        key = issuer_key(self.issuer)
        if whole_issuer:
            return ((key, None),)
        return tuple((key, audience) for audience in self.audiences) if self.audiences else None


class Claims:
    """Typed reads from untrusted claims; what does not fit its type is not there."""

    __slots__ = ("said", "typ")

    def __init__(self, said: Json, header: Json | None = None) -> None:
        self.said = said
        self.typ = header_type(header)

    def text(self, *names: str) -> str | None:
        """The first of these claims that is a text, and not an empty one."""
        said = self.said
        for name in names:
            found = said.get(name)
            if found and isinstance(found, str):
                return found
        return None

    def moment(self, name: str) -> int | None:
        return moment(self.said.get(name))

    def texts(self, name: str) -> tuple[str, ...] | None:
        """A claim that is a text or a list of them (RFC 7519 section 4.1.3)."""
        value = self.said.get(name)
        return (value,) if isinstance(value, str) else texts(value)

    def scopes(self, *names: str) -> tuple[str, ...] | None:
        """The first of these claims that names a scope, without `/`, Entra's word for none.

        An empty one does not hide another: products fill in one spelling and leave the rest empty.
        """
        none: tuple[str, ...] | None = None
        for name in names:
            if (found := scope_list(self.said.get(name))) is None:
                continue
            none = ()
            if scopes := tuple(scope for scope in found if scope != "/"):
                return scopes
        return none

    def acts(self) -> tuple[list[Json], bool]:
        """The nested actors, the current one first, and whether there are more than were read."""
        acts: list[Json] = []
        act = self.said.get("act")
        while isinstance(act, dict) and len(acts) < MAX_ACT:
            acts.append(act)
            act = act.get("act")
        return acts, isinstance(act, dict)


def header_type(header: Json | None) -> str:
    """What the header of a JWT says it is (RFC 7515 section 4.1.9), in lower case."""
    found = header.get("typ") if header else None
    return found.lower().removeprefix("application/") if isinstance(found, str) else ""


Read = Callable[[Claims], Reading]


def issuer(said: Json) -> str | None:
    """The issuer a claim set names. White space in it would let one name pass for two."""
    found = said.get("iss")
    if not found or not isinstance(found, str):
        return None
    # No other white space is printable, and neither is what hides or turns round what follows it.
    return found if " " not in found and found.isprintable() else None


def party(said: Json, home: str | None) -> Party | None:
    """Whom an `act` or a `may_act` names (RFC 8693 section 4.1): `sub`, else `client_id`."""
    name = text(said.get("sub")) or text(said.get("client_id"))
    return (issuer(said) or home, name) if name else None
