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

from grantline.dialects.answers import Answer, expiry
from grantline.dialects.dialect import Dialect, ScopeDomain
from grantline.dialects.issuers import issuer_host, issuer_key, same_issuer
from grantline.dialects.known import dialect, dialect_of, read_answer
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
