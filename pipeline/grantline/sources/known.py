"""The sources there are, by name."""

from __future__ import annotations

from typing import Final

from grantline.sources import (
    auth0,
    authgent,
    caep,
    cloudtrail,
    entra,
    gcp,
    keycloak,
    okta,
    toolhive,
)
from grantline.sources.source import Source

SOURCES: Final[dict[str, Source]] = {
    source.name: source
    for source in (
        auth0.SOURCE,
        authgent.SOURCE,
        caep.SOURCE,
        cloudtrail.SOURCE,
        entra.SOURCE,
        gcp.SOURCE,
        keycloak.SOURCE,
        okta.SOURCE,
        toolhive.SOURCE,
    )
}
