"""ID-JAG: an identity assertion that becomes an access token at another authorization server."""

from __future__ import annotations

from typing import Final

from grantline.dialects import oauth
from grantline.dialects.dialect import Dialect
from grantline.dialects.reading import Claims, Reading


def read(claims: Claims) -> Reading:
    """`client_id` is the client as the *other* server knows it, and `scope` is in its words.

    `aud` is that server, and the only one that may take it; `resource` is what the access token
    will be for. Whom the assertion was made from is in no claim of it.
    """
    found = oauth.read(claims)
    found.type, found.evidence["type"] = "id_jag", "claim"
    return found


DIALECT: Final = Dialect(
    "id_jag",
    "draft-ietf-oauth-identity-assertion-authz-grant sections 3 and 4; MCP enterprise-managed "
    "authorization; Okta cross app access",
    read=read,
    scope_domain="resource",
    # Its own example grows from 300 s to a day.
    shorter_lived=False,
)
