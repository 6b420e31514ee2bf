"""Actions made by hand, for the tests of whoever takes or shows them."""

from __future__ import annotations

from typing import Any

import msgspec

from grantline.model.action import Action, instant_of

NOW_MS = 1_795_465_000_000


def act(what: str, number: int = 1, **fields: Any) -> Action:
    """What alice did at `NOW_MS`; `until` may be milliseconds."""
    token = f"{number:032x}"
    made = {
        "id": f"act_{token}", "at": instant_of(NOW_MS), "who": "alice", "what": what,
        "via": "test", **fields,
    }  # fmt: skip
    if what == "silence":
        made = {"silence": f"sil_{token}", "reason": "deployment", **made}
    if isinstance(made.get("until"), int):
        made["until"] = instant_of(made["until"])
    return msgspec.convert(made, Action)
