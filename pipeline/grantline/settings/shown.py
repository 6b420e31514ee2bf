"""What `grantline settings` shows: every setting, its present value, its default, what it does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
from pydantic import SecretStr

from grantline import kafka_security
from grantline.model.policy import Policy
from grantline.settings.docs import words_of
from grantline.settings.variables import PREFIX, PROCESSES, Settings

_HIDDEN = "********"
_NONE = "none"
POLICY = "keys of the TOML file that GRANTLINE_POLICY names"


class Row(NamedTuple):
    """One setting, as text."""

    reader: str
    """Whose setting it is: a process, or `POLICY`."""
    name: str
    value: str
    default: str
    words: str


def rows(settings: Settings) -> Iterator[Row]:
    """The variables, then the keys of the policy file. No secret is among the values."""
    words = words_of(Settings)
    reader = ""
    for name, field in Settings.model_fields.items():
        reader = PROCESSES.get(name, reader)
        value = _text(getattr(settings, name))
        yield Row(reader, f"{PREFIX}{name.upper()}", value, _text(field.default), words[name])
    words = words_of(Policy)
    policy, default = settings.read_policy(), Policy()
    for name in Policy.__struct_fields__:
        value = _toml(getattr(policy, name))
        yield Row(POLICY, name, value, _toml(getattr(default, name)), words[name])


def _text(value: Any) -> str:
    """A value as it would be written into the variable."""
    match value:
        case None | ():
            return _NONE
        case SecretStr():
            return _HIDDEN
        case tuple():
            return ",".join(value)
        case float():
            return f"{value:.15g}"
        case dict():
            return kafka_security.shown(value)
    return str(value)


def _toml(value: Any) -> str:
    """A value as it would be written into the file."""
    if isinstance(value, float):
        return f"{value:.15g}"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_toml(k)} = {_toml(v)}' for k, v in value.items())}}}"
    if isinstance(value, frozenset):
        value = sorted(value)
    if value is None:
        return _NONE
    if isinstance(value, msgspec.Struct):
        return _toml(
            {
                name: said
                for name in value.__struct_fields__
                if (said := getattr(value, name)) not in (None, {}, frozenset())
            }
        )
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return msgspec.json.encode(value).decode()
