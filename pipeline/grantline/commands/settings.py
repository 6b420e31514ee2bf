"""`grantline settings`: every setting, its present value, its default and what it does."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any, Final

from grantline.settings import Settings
from grantline.settings.shown import rows
from grantline.store import tables

_COLUMNS: Final = ("setting", "value", "default", "what")


def run(settings: Settings, _options: Mapping[str, Any]) -> int:
    """No secret is shown."""
    for reader, group in groupby(list(rows(settings)), lambda row: row.reader):
        shown = tables.table(_COLUMNS, [row[1:] for row in group], tables.screen_width())
        print(f"\n{reader}\n{shown}")
    return 0
