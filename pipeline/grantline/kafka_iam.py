"""Amazon MSK's login by IAM: tokens of Amazon's own signer for both Kafka clients.

A token is a URL signed with the caller's AWS credentials, good for fifteen minutes; it is made here
and asks nobody (a role is assumed at STS first). Kafka takes it as OAUTHBEARER.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from grantline.kafka_security import AWS, AWS_MSK_IAM, MECHANISM, OAUTHBEARER, mechanism

_MS: Final = 1_000
_OURS: Final = frozenset({*AWS, *MECHANISM})


class Token(NamedTuple):
    """As librdkafka's callback returns it."""

    text: str
    until: float
    """Seconds since the epoch."""


class NoToken(Exception):
    """Nothing could be signed. Holds no credential."""


def token(security: Mapping[str, Any]) -> Token:
    """A token of now, by the settings that `kafka_security.checked` has passed. May ask the machine's
    metadata service or STS for credentials, so it may block. Raises `NoToken`.
    """
    from aws_msk_iam_sasl_signer import MSKAuthTokenProvider as signer  # noqa: N813, PLC0415

    region = security["aws.region"]
    try:
        if (role := security.get("aws.role.arn")) is not None:
            text, until = signer.generate_auth_token_from_role_arn(region, role)
        elif (profile := security.get("aws.profile")) is not None:
            text, until = signer.generate_auth_token_from_profile(region, profile)
        else:
            text, until = signer.generate_auth_token(region)
    except AttributeError:  # its way to say that nobody is signed in
        raise NoToken(
            "no AWS credentials to sign with: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, give "
            "this process a role, or name aws.profile"
        ) from None
    except Exception as why:  # noqa: BLE001 - botocore's have no ancestor in common; none names a key
        raise NoToken(f"nothing to sign with: {type(why).__name__}: {why}") from None
    return Token(text, until / _MS)


def librdkafka(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as librdkafka's clients take them: its own names, and for IAM a callback that they
    call again when a token is about to end.
    """
    if mechanism(config) != AWS_MSK_IAM:
        return dict(config)
    security = {name: config[name] for name in AWS if name in config}
    rest = {name: value for name, value in config.items() if name not in _OURS}
    return {**rest, "sasl.mechanism": OAUTHBEARER, "oauth_cb": lambda _: tuple(token(security))}
