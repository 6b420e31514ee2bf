"""`grantline rules`: what is detected, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from grantline.commands import Failed
from grantline.model.plain import plain
from grantline.rules import every
from grantline.settings import Settings


def run(_settings: Settings, options: Mapping[str, Any]) -> int:
    """All rules in a line each, or one whole. Raises `Failed` for one that is not there."""
    wanted = options["rule"]
    chosen = [
        rule
        for rule in every()
        if wanted is None or wanted.casefold() in map(str.casefold, (rule.id, *rule.references))
    ]
    if not chosen:
        known = ", ".join(rule.id for rule in every())
        raise Failed(f"no rule {plain(wanted)!r}; there are {known}")
    for rule in chosen:
        print(f"{rule.id:24} {', '.join(rule.references):13} {rule.severity.name:9} {rule.title}")
        if wanted is not None:
            print(
                f"\n  why          {rule.why}\n  triage       {rule.triage}\n"
                f"  blind spots  {rule.blind_spots}\n  retracts if  {rule.retracts_if}\n"
                f"  maps         {', '.join(rule.maps)}\n"
            )
    return 0
