"""One token's claims, read in its dialect: what the emitting library and every source call."""

from __future__ import annotations

from grantline.dialects.issuers import issuer_key
from grantline.dialects.known import dialect, dialect_of
from grantline.dialects.reading import Claims, Json, Reading, ScopeDomains, issuer


def read(said: Json, header: Json | None = None, name: str | None = None) -> Reading:
    """What a set of claims says; `name` where the dialect is known (from a policy, or stated).

    Nothing is verified, and nothing raises: claims come from outside.
    """
    spoken = name if name is not None else dialect_of(issuer(said), said, header)
    found = dialect(spoken).read(Claims(said, header))
    found.dialect = spoken
    return found


def scope_domains(found: Reading) -> ScopeDomains | None:
    """Where the token's scope names mean something; None where its dialect does not say.

    Scopes of an ID-JAG belong to the server it is meant for, not to the one that signed it.
    """
    spoken = dialect(found.dialect)
    if spoken.scope_domain is None:
        return None
    if spoken.name == "id_jag":
        return tuple((issuer_key(server), None) for server in found.audiences or ()) or None
    return found.domains(spoken.scope_domain == "issuer")
