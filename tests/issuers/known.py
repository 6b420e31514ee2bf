"""What Grantline still says wrongly of these issuers: (issuer, flow, view) -> why.

Held both ways: an entry that has come out right fails, so that the list only shrinks.
"""

from __future__ import annotations

from typing import Final

from tests.issuers.parties import JOINED, VIEWS

_REFRESH = "a refresh token's revocation does not reach what it renewed"

KNOWN: Final[dict[tuple[str, str, str], str]] = {
    ("authgent", "a refresh token revoked", view): _REFRESH for view in (*VIEWS, JOINED)
}
