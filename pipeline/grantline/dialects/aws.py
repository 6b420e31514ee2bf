"""AWS STS: sessions of roles and federated users; the access key id names one, no JWT does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from grantline.dialects import oauth
from grantline.dialects.answers import Answer, point
from grantline.dialects.dialect import Dialect
from grantline.dialects.reading import Json
from grantline.dialects.values import text

ISSUER: Final = "https://sts.amazonaws.com"
"""Stands for STS where an issuer is asked for, with the access key id as `jti`: so do a session
told by its holder and one told by CloudTrail become one."""

_HOLDERS: Final = ("Credentials", "credentials", "roleCredentials")
"""STS and Cognito's identity pools; JavaScript's spelling; IAM Identity Center."""
_KEY: Final = ("AccessKeyId", "accessKeyId", "access_key")
_SESSION: Final = ("SessionToken", "sessionToken", "Token", "token")
"""`Token` in the answers of instances and containers, `token` in botocore's own value."""
_ENDS: Final = ("Expiration", "expiration")
_ROLES: Final = ("AssumedRoleUser", "FederatedUser")
_SUBJECTS: Final = ("SourceIdentity", "SubjectFromWebIdentityToken", "Subject")
_ACTION: Final = ("Response", "Result")
"""The query protocol wraps an action's answer twice: `<Action>Response`, `<Action>Result`."""
_MAX_XML: Final = 65_536
_TAG: Final = re.compile(
    r"<(AccessKeyId|SessionToken|Expiration|SourceIdentity|SubjectFromWebIdentityToken|Arn|Code)>"
    r"\s*([^<&]{1,16384}?)\s*</\1>"
)


def answer(body: Json, _now: float) -> Answer | None:
    """A session's credentials, however the client hands them out; None where there are none.

    The secret key is not looked at. The session token is the credential, the access key id its
    name: CloudTrail calls a session by it, and so does nobody else.
    """
    said = _unwrapped(body)
    held = next((h for n in _HOLDERS if isinstance(h := said.get(n), Mapping)), said)
    key, session = _first(held, _KEY), _first(held, _SESSION)
    if key is None or session is None:
        return None
    party = next((p for n in _ROLES if isinstance(p := said.get(n), Mapping)), {})
    return Answer(
        token=session,
        dialect="aws",
        type="aws_session",
        expires_at=next((at for n in _ENDS if (at := point(held.get(n))) is not None), None),
        issuer=ISSUER,
        jti=key,
        subject=_first(said, _SUBJECTS),
        actor=text(party.get("Arn")),
    )


def from_xml(document: str) -> Json:
    """The same answer, or its error, out of the query protocol's XML: known elements alone.

    No parser of XML is let near it, since what comes from outside may be made to harm one.
    """
    found = dict(_TAG.findall(document[:_MAX_XML]))
    if "AccessKeyId" not in found:
        return {"Error": {"Code": found["Code"]}} if "Code" in found else {}
    return {
        "Credentials": found,
        "AssumedRoleUser": {"Arn": found.get("Arn")},
        **{name: found[name] for name in _SUBJECTS if name in found},
    }


def _unwrapped(body: Json) -> Json:
    for end in _ACTION:
        inner = next((v for n, v in body.items() if str(n).endswith(end)), None)
        if len(body) <= 2 and isinstance(inner, Mapping):
            body = inner
    return body


def _first(said: Json, names: tuple[str, ...]) -> str | None:
    return next((found for name in names if (found := text(said.get(name)))), None)


DIALECT: Final = Dialect(
    "aws",
    "docs.aws.amazon.com: STS AssumeRole, AssumeRoleWithWebIdentity, GetFederationToken",
    # Outbound web identity tokens are OpenID Connect's, with the role as subject.
    read=oauth.read,
    answer=answer,
    issuers=re.compile(
        r"https://(?:sts(?:\.[a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?"
        r"|[0-9a-z-]+\.tokens\.sts\.global\.api\.aws)"
    ),
    scope_domain="issuer",
    identity_scopes=frozenset(),
    actors="none",
    hosted=True,
    # A chained session ends an hour after it began, whenever its parent does.
    cascades=False,
    # Sessions of the console, and those that services open in a caller's name, are in CloudTrail only
    # once they act; long-term keys are older than most logs.
    logs_grants=False,
    shorter_lived=False,
)
