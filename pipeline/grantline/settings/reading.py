"""Reads the variables; says which are wrong, and which nobody would read."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from grantline.settings.bad import BadSettings
from grantline.settings.variables import PREFIX, SECRET, Settings
from grantline.spelling import nearest

_OF_OTHERS = frozenset({"EXPORTER", "STRICT"})
"""Read by `grantline.emit`, which may share the environment with us."""
_SHOWN = 80
"""Characters of a wrong value that are repeated to the person who wrote it."""

log = logging.getLogger(__name__)


def read(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of this process.

    Raises `BadSettings`, naming each variable that is wrong and each that was most likely meant
    to be another. One that is like none of ours is only warned of: it may be somebody else's.
    """
    wrong = list(_misspelt(environment))
    try:
        settings = Settings()
    except ValidationError as why:
        wrong += map(_text, why.errors(include_url=False, include_context=False))
        raise BadSettings("; ".join(wrong)) from None
    if wrong:
        raise BadSettings("; ".join(wrong))
    return settings


def _misspelt(environment: Mapping[str, str]) -> Iterable[str]:
    known = {name.upper() for name in Settings.model_fields} | _OF_OTHERS
    for variable in sorted(environment):
        name = variable.upper().removeprefix(PREFIX)
        if not variable.upper().startswith(PREFIX) or name in known:
            continue
        meant = nearest(name, known)
        if meant is None:
            log.warning("no setting %s: see `grantline settings`", variable)
        else:
            yield f"no setting {variable}: did you mean {PREFIX}{meant}?"


def _text(error: Mapping[str, Any]) -> str:
    what = str(error["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    if not error["loc"]:  # of several settings: they are named
        return what
    name = str(error["loc"][0])
    value = "" if name in SECRET else f"={str(error['input'])[:_SHOWN]!r}"
    return f"{PREFIX}{name.upper()}{value}: {what}"
