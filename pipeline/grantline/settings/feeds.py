"""`GRANTLINE_SOURCES` and `GRANTLINE_SUBJECT_KEY`: which topics hold foreign logs, and how people in
them are named. No key is ever put into an error.
"""

from __future__ import annotations

import re
from typing import Any, Final

from pydantic import SecretStr

from grantline.dialects.people import Persons
from grantline.sources import SOURCES
from grantline.spelling import nearest

_TOPIC: Final = re.compile(r"[a-zA-Z0-9._-]{1,249}", re.ASCII)
_KEY: Final = re.compile(r"([A-Za-z0-9_.-]{1,64}):((?:[0-9a-fA-F]{2}){16,})", re.ASCII)


def parse(text: Any) -> Any:
    """`topic=format[@issuer],...` -> topic -> (format, issuer). Raises `ValueError`."""
    if not isinstance(text, str):
        return text
    found: dict[str, tuple[str, str | None]] = {}
    for one in filter(None, (part.strip() for part in text.split(","))):
        topic, equals, rest = one.partition("=")
        name, _, issuer = rest.partition("@")
        if not equals or not _TOPIC.fullmatch(topic):
            raise ValueError("write it like trail=cloudtrail,events=keycloak@https://kc/realms/r")
        if name not in SOURCES:
            meant = nearest(name, SOURCES)
            hint = f"did you mean {meant}?" if meant else f"there are {', '.join(sorted(SOURCES))}"
            raise ValueError(f"topic {topic}: no source {name!r}; {hint}")
        if not issuer and not SOURCES[name].names_issuer:
            raise ValueError(
                f"topic {topic}: {name} does not say which issuer it is of; write "
                f"{topic}={name}@https://issuer"
            )
        found[topic] = (name, issuer or None)
    return found


def check_key(key: SecretStr) -> SecretStr:
    """Raises `ValueError` for what is no key."""
    if not _KEY.fullmatch(key.get_secret_value()):
        raise ValueError("should be kid:hex with at least 16 bytes, the same in every emitter")
    return key


def persons(key: SecretStr | None) -> Persons:
    """How people are named: under pseudonyms where there is a key."""
    found = None if key is None else _KEY.fullmatch(key.get_secret_value())
    return Persons() if found is None else Persons(bytes.fromhex(found[2]), found[1])
