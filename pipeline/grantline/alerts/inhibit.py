"""What explains what: a splice or a theft of a token explains that the same token is used again.

The explained finding is kept and shown, but told only under the one that explains it. When that one
is taken back, what it hid is free again: `explained` is asked anew of every finding that shares a
token with one that changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from grantline.alerts.member import Member

_REUSE: Final = frozenset({"TR-10", "TR-11"})
EXPLAINS: Final = {
    **dict.fromkeys(("TR-01", "TR-02", "TR-03"), _REUSE),
    **dict.fromkeys(("CS-01", "CS-02"), _REUSE),
}
"""Reference of a theft or splice -> those of reuse that it explains. No circle: nothing explains
what explains."""


def explained(member: Member, others: Iterable[Member]) -> str | None:
    """The id of the finding among `others` (which share a token with it) that explains `member`.

    The least, where there are several.
    """
    if not member.open:
        return None
    found = [
        other.finding_id
        for other in others
        if member.reference in EXPLAINS.get(other.reference, ())
        and other.open
        and not other.pending
        and not other.silent
        # A signal pages nobody: it must not hide what would.
        and other.severity >= member.severity
        and not set(member.tokens).isdisjoint(other.tokens)
    ]
    return min(found, default=None)


def takes_part(reference: str) -> bool:
    """Whether a finding of that reference explains any, or may be explained."""
    return reference in EXPLAINS or reference in _REUSE
