"""How an authority is called in `granted_scopes`, so that names can be compared.

| what the issuer wrote | name | kind |
|---|---|---|
| `scope`, `scp`, `scopes` | as it is | `scope` |
| `realm_access.roles` (Keycloak), `roles` (Entra and others) | `role:<role>` | `role` |
| `resource_access.<client>.roles` (Keycloak) | `role:<client>:<role>` | `client_role` |
| `permissions` (Auth0 and others) | `permission:<name>` | `permission` |
| `groups` (Cognito's `cognito:groups`) | `group:<name>` | `group` |

In a role of a realm and in a client's id `%`, `:`, `,` and white space are percent-encoded (`:` is
`%3A`), in a client's role `%`, `,` and white space: the first colon after `role:` says that a
client follows, whatever the names contain, and no name falls apart where lists are split.
"""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple

Kind = Literal["scope", "role", "client_role", "permission", "group"]

_ROLE: Final = "role:"
_PERMISSION: Final = "permission:"
_GROUP: Final = "group:"
_ENCODED: Final = re.compile(r"(?:%[0-9A-F]{2})+")
_SPLITS: Final = re.compile(r"[%,\s\x00-\x1f\x7f]")
_SPLITS_OR_COLON: Final = re.compile(r"[%:,\s\x00-\x1f\x7f]")


class ScopeName(NamedTuple):
    """A name of `granted_scopes`, taken apart."""

    kind: Kind
    name: str
    """What the issuer calls it."""
    client: str | None = None
    """Of a client's role: the client (at Keycloak the resource server) it is a role of."""


def role(name: str) -> str:
    """A role of the whole realm, tenant or issuer."""
    return _ROLE + _SPLITS_OR_COLON.sub(_encoded, name)


def client_role(client: str, name: str) -> str:
    """A role that one client defines for itself."""
    return f"{_ROLE}{_SPLITS_OR_COLON.sub(_encoded, client)}:{_SPLITS.sub(_encoded, name)}"


def permission(name: str) -> str:
    """A permission that role-based access control added to the token."""
    return _PERMISSION + _SPLITS.sub(_encoded, name)


def group(name: str) -> str:
    """A group whose members are authorised by its name."""
    return _GROUP + _SPLITS.sub(_encoded, name)


def taken_apart(name: str) -> ScopeName:
    """What a name of `granted_scopes` stands for, from the name alone."""
    if name.startswith(_ROLE):
        client, separator, own = name.removeprefix(_ROLE).partition(":")
        if separator:
            return ScopeName("client_role", _decoded(own), _decoded(client))
        return ScopeName("role", _decoded(client))
    if name.startswith(_PERMISSION):
        return ScopeName("permission", _decoded(name.removeprefix(_PERMISSION)))
    if name.startswith(_GROUP):
        return ScopeName("group", _decoded(name.removeprefix(_GROUP)))
    return ScopeName("scope", name)


def scope_kind(name: str) -> Kind:
    """`scope`, `role` (realm or tenant), `client_role`, `permission` or `group`."""
    if name.startswith(_ROLE):
        return "client_role" if ":" in name.removeprefix(_ROLE) else "role"
    if name.startswith(_PERMISSION):
        return "permission"
    return "group" if name.startswith(_GROUP) else "scope"


def _encoded(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "replace"))


def _decoded(name: str) -> str:
    return _ENCODED.sub(_characters, name) if "%" in name else name


def _characters(found: re.Match[str]) -> str:
    return bytes.fromhex(found[0].replace("%", "")).decode("utf-8", "replace")
