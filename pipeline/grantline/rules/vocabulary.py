"""What is known of the names of one issuer: by the policy, its dialect, or the RFCs alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from grantline.dialects import ScopeDomain, dialect, dialect_of, issuer_key
from grantline.dialects.known import BY_NAME
from grantline.model.policy import Policy

_PREFIXED: Final = re.compile(r"(?P<resource>(?:https?|api)://[^/]+(?:/[^/]+)*?)/(?P<name>[^/]+)")
"""`https://graph.microsoft.com/User.Read`, `api://<application>/access_as_user`."""
_DEFAULT: Final = ".default"
"""Entra: whatever was consented to; it stands beside the names it stands for, or alone."""
_DEFAULT_ROLES: Final = "role:default-roles-"
"""Keycloak: the realm's default roles as one."""
# learn.microsoft.com, verify first-party applications: one resource, told by id or by URL.
_MICROSOFT: Final = {
    "https://graph.microsoft.com": "00000003-0000-0000-c000-000000000000",
    "https://graph.windows.net": "00000002-0000-0000-c000-000000000000",
    "https://management.azure.com": "797f4846-ba00-4fd7-ba43-dac1f8f63013",
    "https://management.core.windows.net": "797f4846-ba00-4fd7-ba43-dac1f8f63013",
    "https://vault.azure.net": "cfa8b339-82a2-471a-a3c9-0fc0be7a4093",
    "https://storage.azure.com": "e406a681-f3d4-42a8-90b6-c2b029497af1",
}


class Vocabulary(NamedTuple):
    """How the names of one issuer are read."""

    domain: ScopeDomain | None
    """Where a name means one thing; None where nobody knows."""
    ignored: frozenset[str]
    implied: Mapping[str, frozenset[str]]
    entra: bool
    """Names may begin with the resource they are of, and audiences with `api://`."""

    def judged(self, names: Iterable[str]) -> tuple[str, ...]:
        """`names` without those that give no authority of their own."""
        return tuple(
            name
            for name in names
            if name not in self.ignored
            and name != _DEFAULT
            and not name.endswith("/" + _DEFAULT)
            and not name.startswith(_DEFAULT_ROLES)
        )

    def bare(self, names: tuple[str, ...], audiences: tuple[str, ...] | None) -> tuple[str, ...]:
        """`names` without the resource they are of, where that is the token's own audience."""
        if not any("://" in name for name in names):
            return names
        own = {self.audience(name) for name in audiences or ()}
        return tuple(self._bare(name, own) for name in names)

    def _bare(self, name: str, own: set[str]) -> str:
        found = _PREFIXED.fullmatch(name)
        if found is None:
            return name
        # A token of Entra's is for one resource, told by its id or by any of its URLs.
        mine = self.entra or self.audience(found["resource"]) in own
        return found["name"] if mine else name

    def prefixes(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """The resources that Entra's names tell, for a token that tells no audience."""
        if not self.entra:
            return ()
        return tuple(m["resource"] for name in names if (m := _PREFIXED.fullmatch(name)))

    def says_everything(self, names: tuple[str, ...]) -> bool:
        """Whether nothing but `.default` is held: what that is, nobody tells."""
        judged = [name for name in names if name not in self.ignored]
        return bool(judged) and all(
            name == _DEFAULT or name.endswith("/" + _DEFAULT) for name in judged
        )

    def audience(self, name: str) -> str:
        """The form in which an audience is compared."""
        key = issuer_key(name)
        if self.entra:
            key = key.removeprefix("api://").lower()
            return _MICROSOFT.get(key, key)
        return key


def vocabulary_of(issuer: str | None, stated: Iterable[str | None], policy: Policy) -> Vocabulary:
    """What is known of an issuer's names.

    The policy decides the dialect, else the issuer's name, else what emitters stated of these
    tokens, if they agree. A dialect that is not known says nothing.
    """
    said = policy.of_issuer(issuer)
    name = spoken(issuer, stated, policy)
    known = dialect(name)
    domain, ignored, implied = known.scope_domain, known.identity_scopes, known.implied_scopes
    if said is not None:
        domain = said.scope_domain or domain
        ignored = ignored if said.ignored_scopes is None else said.ignored_scopes
    return Vocabulary(
        domain,
        policy.ignored_scopes | ignored,
        _joined(policy.implied_scopes, implied, said.implied_scopes if said is not None else {}),
        name == "entra",
    )


def spoken(issuer: str | None, stated: Iterable[str | None], policy: Policy) -> str | None:
    """The name of an issuer's dialect; None where nobody knows it."""
    said = policy.of_issuer(issuer)
    if said is not None and said.dialect is not None:
        return said.dialect
    return dialect_of(issuer) or _agreed(stated)


def _agreed(stated: Iterable[str | None]) -> str | None:
    names = {name for name in stated if name in BY_NAME}
    return names.pop() if len(names) == 1 else None


def _joined(*tables: Mapping[str, frozenset[str]]) -> Mapping[str, frozenset[str]]:
    full = [table for table in tables if table]
    if len(full) < 2:
        return full[0] if full else {}
    names = {name for table in full for name in table}
    return {name: frozenset().union(*(table.get(name, ()) for table in full)) for name in names}
