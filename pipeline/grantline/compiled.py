"""Compiled modules: each speeds up a Python module that says the same without it.

The package's own build makes them where there is a C compiler. Where there was none nothing is
missing but speed, and GRANTLINE_PURE=1 does without them anyway.
"""

from __future__ import annotations

import os
from importlib import import_module
from types import ModuleType
from typing import Final

_NO: Final = frozenset({"", "0", "false", "f", "no", "n", "off"})
"""As the settings have it."""

PURE: Final = os.environ.get("GRANTLINE_PURE", "").lower() not in _NO
"""Whether compiled modules are left alone; `grantline settings` lists the variable."""


def compiled(name: str) -> ModuleType | None:
    """The compiled module `name`; None where it was not built, cannot be loaded or is not wanted."""
    if PURE:
        return None
    try:
        return import_module(name)
    except ImportError:
        return None
