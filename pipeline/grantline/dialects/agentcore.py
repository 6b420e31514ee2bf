"""Amazon Bedrock AgentCore Identity: workload access tokens, and the vault that takes them."""

from __future__ import annotations

from typing import Final

from grantline.dialects import oauth
from grantline.dialects.answers import Answer
from grantline.dialects.dialect import Dialect
from grantline.dialects.reading import Json
from grantline.dialects.refusals import Refusal
from grantline.dialects.values import text

_OWN: Final = "workloadAccessToken"


def answer(body: Json, _now: float) -> Answer | None:
    """A workload's token, or what `GetResourceOauth2Token` says instead of giving one.

    The workload's token stands for agent and person at once and tells neither; it is good at the
    vault alone. What the vault gives (`accessToken`) is another issuer's token and is read as one.
    """
    if (token := text(body.get(_OWN))) is not None:
        return Answer(token=text(body.get("access_token")) or token, dialect="agentcore")
    if text(body.get("accessToken")) is not None or text(body.get("access_token")) is not None:
        return None
    if text(body.get("sessionUri")) is None:
        return None
    if body.get("sessionStatus") == "FAILED":
        return Answer(refusal=Refusal("deny", "session_failed", "session_failed"))
    # The person has to consent at `authorizationUrl` first; asked again, the same request succeeds.
    return Answer(refusal=Refusal("challenge", "consent_required", "authorization_url"))


DIALECT: Final = Dialect(
    "agentcore",
    "docs.aws.amazon.com/bedrock-agentcore: GetWorkloadAccessTokenForJWT, GetResourceOauth2Token",
    read=oauth.read,
    answer=answer,
    # What a name means, the vault's provider says; the workload's token has no scopes.
    scope_domain="resource",
    actors="none",
    hosted=True,
    brokers=True,
)
