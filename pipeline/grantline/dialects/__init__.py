"""What tokens and answers of real issuers mean: pure, standard library only, one issuer a file.

Shared by the emitting library, the rules and every source, so that one token is read one way.

- `read(claims, header)`: one token's facts as a `Reading`, with an evidence class for each field;
  `scope_domains(reading)`: where its scope names mean something.
- `read_answer(body, now)`: what came back from an exchange, the credential or the refusal.
- `issuer_key(iss)`: the form in which issuers are compared (they are stored as told).
- `dialect_of(iss, claims)`: the name for `delegation.token.dialect`, None where nothing says it;
  `dialect(name)`: what is known of it (scope domain, identity scopes, cascade, ...).
- `scope_kind(name)` and `taken_apart(name)`: whether a name of `granted_scopes` is a scope, a role
  of realm or tenant (`role:realm-admin`), a client's role (`role:<client>:<role>`), a permission
  (`permission:read:messages`) or a group (`group:admins`). The name alone tells, whatever the
  dialect: see `scope_names`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from grantline.dialects.dialect import Dialect, ScopeDomain

if TYPE_CHECKING:
    from grantline.dialects.answers import Answer, expiry
    from grantline.dialects.issuers import issuer_host, issuer_key, same_issuer
    from grantline.dialects.known import dialect_of, read_answer
    from grantline.dialects.reading import Evidence, Party, Reading, ScopeDomains
    from grantline.dialects.refusals import Refusal, inactive, refusal
    from grantline.dialects.scope_names import Kind, ScopeName, scope_kind, taken_apart
    from grantline.dialects.tokens import read, scope_domains

__all__ = [
    "Answer",
    "Dialect",
    "Evidence",
    "Kind",
    "Party",
    "Reading",
    "Refusal",
    "ScopeDomain",
    "ScopeDomains",
    "ScopeName",
    "dialect",
    "dialect_of",
    "expiry",
    "inactive",
    "issuer_host",
    "issuer_key",
    "read",
    "read_answer",
    "refusal",
    "same_issuer",
    "scope_domains",
    "scope_kind",
    "taken_apart",
]

_HOMES: Final = {
    "Answer": "answers",
    "Evidence": "reading",
    "Kind": "scope_names",
    "Party": "reading",
    "Reading": "reading",
    "Refusal": "refusals",
    "ScopeDomains": "reading",
    "ScopeName": "scope_names",
    "dialect_of": "known",
    "expiry": "answers",
    "inactive": "refusals",
    "issuer_host": "issuers",
    "issuer_key": "issuers",
    "read": "tokens",
    "read_answer": "known",
    "refusal": "refusals",
    "same_issuer": "issuers",
    "scope_domains": "tokens",
    "scope_kind": "scope_names",
    "taken_apart": "scope_names",
}
"""Whatever is asked for here, and the module that has it."""


def dialect(name: str | None) -> Dialect:
    """A dialect by its name; the default for a name that is not known, or none.

    Defined here, since the module of its name would take its place.
    """
    from grantline.dialects import known  # noqa: PLC0415

    return known.dialect(name)


def __getattr__(name: str) -> Any:
    """Loaded when first asked for: an agent that has seen no token yet need not know every issuer."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return found
