"""ID-JAG: an identity assertion that becomes an access token at another authorization server."""

from __future__ import annotations

from typing import Final

from grantline.dialects.dialect import Dialect

DIALECT: Final = Dialect(
    "id_jag",
    "draft-ietf-oauth-identity-assertion-authz-grant sections 3 and 4; MCP enterprise-managed "
    "authorization; Okta cross app access",
    scope_domain="resource",
    # Its own example grows from 300 s to a day.
    shorter_lived=False,
)
