"""`GRANTLINE_KAFKA`: the security settings that every process and both Kafka clients understand.

Read alike by the emitting library, the worker, the writer and the alert process. The names are
librdkafka's; what Faust's client needs is derived from them. No value is ever put into an error: it
may be a password.
"""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from grantline.spelling import instead

MECHANISM: Final = frozenset({"sasl.mechanism", "sasl.mechanisms"})
"""Two names of one setting."""
OAUTHBEARER: Final = "OAUTHBEARER"
"""RFC 7628, with a token of the client's own (client credentials, RFC 6749 section 4.4)."""
AWS_MSK_IAM: Final = "AWS_MSK_IAM"
"""What Amazon's Java client calls its login by IAM; on the wire it is OAUTHBEARER (kafka_iam.py)."""
AWS: Final = ("aws.region", "aws.profile", "aws.role.arn")
"""The cluster's region, and who signs where it is not the default credentials of this machine."""
REGION: Final = ("AWS_REGION", "AWS_DEFAULT_REGION")
SIGNER: Final = "aws_msk_iam_sasl_signer"
CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "security.protocol": ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"),
    **dict.fromkeys(
        MECHANISM, ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", OAUTHBEARER, AWS_MSK_IAM)
    ),
    "sasl.oauthbearer.method": ("OIDC",),
}
COMPRESSIONS: Final = ("none", "gzip", "snappy", "lz4", "zstd")
FILES: Final = ("ssl.ca.location", "ssl.certificate.location", "ssl.key.location")
SECRETS: Final = ("sasl.password", "ssl.key.password", "sasl.oauthbearer.client.secret")
TOKEN: Final = (
    "sasl.oauthbearer.client.id",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.token.endpoint.url",
)
"""What OAUTHBEARER needs; `sasl.oauthbearer.scope` may be beside them."""
NAMES: Final = frozenset(
    {*CHOICES, *FILES, *SECRETS, *TOKEN, *AWS, "sasl.username", "sasl.oauthbearer.scope"}
)


def parse(text: Any) -> Any:
    """The settings that JSON `text` names, checked. Raises `ValueError` with the culprit's name."""
    if not isinstance(text, str):
        return text
    try:
        found = json.loads(text)
    except ValueError as why:
        raise ValueError(
            f'this is no JSON ({why}); write it like {{"security.protocol": "SSL"}}'
        ) from None
    if not isinstance(found, dict):
        raise ValueError('should be a JSON object, like {"security.protocol": "SSL"}')  # noqa: TRY004
    return checked(found)


def checked(found: Mapping[str, Any]) -> dict[str, str]:
    """The settings, if each is one, and they fit together. Raises `ValueError` for the first not."""
    for name, value in found.items():
        _check(name, value)
    if (
        found.get("security.protocol", "").upper().startswith("SASL_")
        and not found.keys() & MECHANISM
    ):
        raise ValueError("security.protocol asks for a sasl.mechanism: name one")
    return _with_method(found)


def mechanism(found: Mapping[str, Any]) -> str:
    """The SASL mechanism that is asked for, in capitals; "" for none."""
    return next((str(found[name]).upper() for name in sorted(MECHANISM & found.keys())), "")


def _with_method(found: Mapping[str, Any]) -> dict[str, str]:
    """OAUTHBEARER is by client credentials here, whether it is said or not."""
    asked = mechanism(found)
    if asked == AWS_MSK_IAM:
        return _signed(found)
    if strange := [name for name in AWS if name in found]:
        raise ValueError(f"{strange[0]} is of sasl.mechanism {AWS_MSK_IAM}, which is not asked for")
    if asked != OAUTHBEARER:
        return dict(found)
    lacks = [name for name in TOKEN if name not in found]
    if lacks:
        raise ValueError(f"sasl.mechanism OAUTHBEARER needs {', '.join(lacks)}, too")
    return {**found, "sasl.oauthbearer.method": "oidc"}


def _signed(found: Mapping[str, Any]) -> dict[str, str]:
    """What IAM needs is there: the library that signs, a region, and one who signs."""
    if importlib.util.find_spec(SIGNER) is None:
        raise ValueError(
            f"sasl.mechanism {AWS_MSK_IAM} needs aws-msk-iam-sasl-signer-python: "
            "install it (the extra `aws`)"
        )
    if "aws.profile" in found and "aws.role.arn" in found:
        raise ValueError("aws.profile and aws.role.arn: one of them says who signs")
    region = found.get("aws.region") or next(filter(None, map(os.environ.get, REGION)), None)
    if region is None:
        raise ValueError(f"sasl.mechanism {AWS_MSK_IAM} needs aws.region, or {REGION[0]} to be set")
    return {**found, "aws.region": region}


def _check(name: str, value: Any) -> None:
    if name not in NAMES:
        raise ValueError(f"no security setting {name!r}; {instead(name, NAMES)}")
    if not isinstance(value, str):
        raise ValueError(f"the value of {name} should be text in quotes")  # noqa: TRY004
    if name in CHOICES and value.upper() not in CHOICES[name]:
        raise ValueError(f"{name} should be one of {', '.join(CHOICES[name])}")
    if name in FILES and not Path(value).is_file():
        raise ValueError(f"{name}: there is no file {value}")


def shown(settings: Mapping[str, str]) -> str:
    """The settings for a person's eye: JSON without passwords."""
    return json.dumps(
        {name: "********" if name in SECRETS else value for name, value in settings.items()}
    )
