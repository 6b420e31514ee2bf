"""`GRANTLINE_KAFKA`: the security settings that every process and both Kafka clients understand.

Read alike by the emitting library, the worker, the writer and the alert process. The names are
librdkafka's; what Faust's client needs is derived from them. No value is ever put into an error: it
may be a password.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from grantline.spelling import instead

MECHANISM: Final = frozenset({"sasl.mechanism", "sasl.mechanisms"})
"""Two names of one setting."""
OAUTHBEARER: Final = "OAUTHBEARER"
"""RFC 7628, with a token of the client's own (client credentials, RFC 6749 section 4.4)."""
CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "security.protocol": ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"),
    **dict.fromkeys(MECHANISM, ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", OAUTHBEARER)),
    "sasl.oauthbearer.method": ("OIDC",),
}
FILES: Final = ("ssl.ca.location", "ssl.certificate.location", "ssl.key.location")
SECRETS: Final = ("sasl.password", "ssl.key.password", "sasl.oauthbearer.client.secret")
TOKEN: Final = (
    "sasl.oauthbearer.client.id",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.token.endpoint.url",
)
"""What OAUTHBEARER needs; `sasl.oauthbearer.scope` may be beside them."""
NAMES: Final = frozenset(
    {*CHOICES, *FILES, *SECRETS, *TOKEN, "sasl.username", "sasl.oauthbearer.scope"}
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


def _with_method(found: Mapping[str, Any]) -> dict[str, str]:
    """OAUTHBEARER is by client credentials here, whether it is said or not."""
    asked = next((found[name] for name in sorted(MECHANISM & found.keys())), "")
    if asked.upper() != OAUTHBEARER:
        return dict(found)
    lacks = [name for name in TOKEN if name not in found]
    if lacks:
        raise ValueError(f"sasl.mechanism OAUTHBEARER needs {', '.join(lacks)}, too")
    return {**found, "sasl.oauthbearer.method": "oidc"}


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
