"""The sources there are, by name."""

from __future__ import annotations

from typing import Final

from grantline.sources import authgent, caep, cloudtrail, entra, keycloak, okta
from grantline.sources.source import Source

SOURCES: Final[dict[str, Source]] = {
    source.name: source
    for source in (
        authgent.SOURCE,
        caep.SOURCE,
        cloudtrail.SOURCE,
        entra.SOURCE,
        keycloak.SOURCE,
        okta.SOURCE,
    )
}
