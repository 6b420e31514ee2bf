"""The second stage: does a destination know this state of the finding already.

The state of a finding is its status and, while it is open, its severity. A higher count, a later
`last_seen` or a better explanation is the same state, and nobody is told a state twice in a row.
"""

from __future__ import annotations

from typing import NamedTuple

from grantline.model.finding import Finding


class State(NamedTuple):
    """What a destination would have to be told again if it changed."""

    status: str
    severity: str
    """Empty once retracted: a retraction has no severity of its own."""


def state_of(finding: Finding) -> State:
    return State(finding.status, finding.severity if finding.status == "open" else "")


def news(finding: Finding, told: State | None, worth: bool) -> bool:
    """True when a destination that was last told `told` has to hear of the finding as it is now.

    `worth` says whether the finding is worth a page. A destination that was told of an open
    finding also hears what becomes of it when it no longer is: a severity that fell, or a
    retraction. One that was never told hears of neither.
    """
    now = state_of(finding)
    if told is None or told.status != "open":
        return now.status == "open" and worth
    return now != told
