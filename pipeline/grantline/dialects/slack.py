"""Slack: opaque tokens of bots and users in one answer; scopes with commas; `ok: false`."""

from __future__ import annotations

import re
from typing import Final

from grantline.dialects.dialect import OIDC_SCOPES, Dialect

DIALECT: Final = Dialect(
    "slack",
    "docs.slack.dev: oauth.v2.access, tokens, token rotation, Sign in with Slack",
    issuers=re.compile(r"https://slack\.com"),
    scope_domain="issuer",
    identity_scopes=OIDC_SCOPES
    | {"identity.basic", "identity.email", "identity.avatar", "identity.team"},
    actors="none",
)
