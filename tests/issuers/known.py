"""What Grantline still says wrongly of these issuers: (issuer, flow, view) -> why.

Held both ways: an entry that has come out right fails, so that the list only shrinks.
"""

from __future__ import annotations

from typing import Final

from tests.issuers.parties import AGENTS_VIEW, BOTH

_DISPATCH = "the client tells of a use at dispatch, and nothing joins it to the server's refusal"

KNOWN: Final[dict[tuple[str, str, str], str]] = {
    ("keycloak", "everything after logout", AGENTS_VIEW): _DISPATCH,
    ("keycloak", "everything after logout", BOTH): _DISPATCH,
    **{
        (issuer, "a revoked token used", view): _DISPATCH
        for issuer in ("keycloak", "authgent")
        for view in (AGENTS_VIEW, BOTH)
    },
}
