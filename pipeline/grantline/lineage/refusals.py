"""Which client's report of a use is of a call that its server refused.

A client tells of a use at dispatch, before it knows how it ends, and its server tells of the
refusal. Where the server's span is below the client's, both are joined by that. Mostly it is not:
the delegation span is a leaf, and in traces the server's parent is an HTTP span. Then they are
joined by the token, the minute and the one before and after it: a dead token that one server refuses
is not let in by others that say nothing.

Marks are strings beside span ids in one set, so that it stays empty in normal life.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_MINUTE_NS: Final = 60_000_000_000


def mark(time: int) -> str:
    """What a server's refusal at that time, nanoseconds, leaves."""
    return f"@{time // _MINUTE_NS}"


def marked(refusals: Iterable[str], time: int) -> bool:
    """Whether a server refused within the minute of `time` or beside it."""
    minute = time // _MINUTE_NS
    return any(f"@{near}" in refusals for near in (minute - 1, minute, minute + 1))
