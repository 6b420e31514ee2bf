"""The rules' thresholds: a TOML file, whose keys are the fields of `Policy`."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import msgspec

from grantline.model.policy import Policy
from grantline.settings.bad import BadSettings
from grantline.spelling import nearest


def read_policy(path: Path) -> Policy:
    """The thresholds of the file, and the defaults for the rest. Raises `BadSettings`."""
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except OSError as why:
        raise _bad(path, f"{why.strerror}: it should be a TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as why:
        raise _bad(path, f"this is no TOML: {why}") from None
    known = Policy.__struct_fields__
    for name in sorted(table.keys() - set(known)):
        meant = nearest(name, known)
        hint = f"did you mean {meant}?" if meant else f"there are {', '.join(known)}"
        raise _bad(path, f"no threshold {name!r}; {hint}")
    try:
        return msgspec.convert(table, Policy)
    except msgspec.ValidationError as why:
        text, _, place = str(why).partition(" - at `$.")
        # For a value of a table msgspec writes `$.aliases[...]`.
        name = re.split(r"\W", place, maxsplit=1)[0]
        raise _bad(path, f"{name}: {text}") from None


def _bad(path: Path, what: str) -> BadSettings:
    return BadSettings(f"GRANTLINE_POLICY: {path}: {what}")
