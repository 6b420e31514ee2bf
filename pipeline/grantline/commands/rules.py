"""`grantline rules`: what is detected, and what to do about it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from grantline.commands import Failed
from grantline.model.plain import plain
from grantline.rules import every
from grantline.rules.rule import Rule
from grantline.settings import Settings
from grantline.spelling import instead
from grantline.store.tables import screen_width


def run(_settings: Settings, options: Mapping[str, Any]) -> int:
    """All rules in a line each, or one whole. Raises `Failed` for one that is not there."""
    wanted = options["rule"]
    chosen = [
        rule
        for rule in every()
        if wanted is None or wanted.casefold() in map(str.casefold, (rule.id, *rule.references))
    ]
    if not chosen:
        ids = [rule.id for rule in every()]
        raise Failed(f"no rule {plain(wanted)!r}; {instead(wanted.casefold(), ids)}")
    for rule in chosen:
        print(f"{rule.id:24} {', '.join(rule.references):13} {rule.severity.name:9} {rule.title}")
        if wanted is not None:
            print("", *_whole(rule, screen_width()), "", sep="\n")
    return 0


def _whole(rule: Rule, width: int | None) -> Iterator[str]:
    """One paragraph each, folded to `width` columns where somebody looks at a terminal."""
    for name, text in (
        ("why", rule.why), ("triage", rule.triage), ("blind spots", rule.blind_spots),
        ("retracts if", rule.retracts_if), ("maps", ", ".join(rule.maps)),
    ):  # fmt: skip
        head = f"  {name:11}  "
        if width is None:
            yield head + text
        else:
            yield textwrap.fill(
                text, max(width, 40), initial_indent=head, subsequent_indent=" " * len(head),
                break_long_words=False, break_on_hyphens=False,
            )  # fmt: skip
