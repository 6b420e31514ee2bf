"""Slack: opaque tokens of bots and users in one answer; scopes with commas; `ok: false`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from grantline.dialects import answers, oauth
from grantline.dialects.answers import Answer
from grantline.dialects.dialect import OIDC_SCOPES, Dialect
from grantline.dialects.reading import Json


def answer(body: Json, now: float) -> Answer | None:
    """`oauth.v2.access` for a user alone: the token and its scopes are the user's, further in."""
    user = body.get("authed_user")
    if "access_token" in body or not isinstance(user, Mapping) or "access_token" not in user:
        return None
    return answers.read(user, now)


DIALECT: Final = Dialect(
    "slack",
    "docs.slack.dev: oauth.v2.access, tokens, token rotation, Sign in with Slack",
    read=oauth.read,
    answer=answer,
    issuers=re.compile(r"https://slack\.com"),
    scope_domain="issuer",
    identity_scopes=OIDC_SCOPES
    | {"identity.basic", "identity.email", "identity.avatar", "identity.team"},
    actors="none",
    hosted=True,
)
