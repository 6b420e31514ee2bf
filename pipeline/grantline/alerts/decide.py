"""All stages together: what is known of a finding and its next message give whom to tell.

A finding arrives as often as Kafka cares to deliver it. Only a revision above the last one taken
says anything; every other copy is passed over, so a replay of the topic tells nobody anything.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from grantline.alerts.dedup import State, news, state_of
from grantline.alerts.route import Route, wanted
from grantline.alerts.threshold import FLOOR, checked, pages
from grantline.model.finding import Finding, Severity


class Alerting(msgspec.Struct, frozen=True, kw_only=True):
    """Who is told of what."""

    routes: Mapping[str, Route]
    """Destination name -> what it wants."""
    lowest: Severity = FLOOR
    """The least severity that pages anyone. Raises `ValueError` below medium."""

    def __post_init__(self) -> None:
        checked(self.lowest)


class Known(msgspec.Struct, frozen=True):
    """What is remembered of one finding."""

    revision: int = -1
    """The highest revision taken in; -1 before the first."""
    told: Mapping[str, State] = {}
    """Destination name -> the last state it was, or is about to be, told."""


class Decision(msgspec.Struct, frozen=True):
    """What to remember from now on, and whom to tell of the finding as it is."""

    known: Known
    tell: tuple[str, ...] = ()
    stale: bool = False
    """The message was a copy of, or older than, one already taken."""


def decide(finding: Finding, known: Known, alerting: Alerting) -> Decision:
    """Whom to tell of `finding`, given what is `known` of it."""
    if finding.revision <= known.revision:
        return Decision(known, stale=True)
    worth = pages(finding, alerting.lowest)
    tell = tuple(
        name
        for name, route in alerting.routes.items()
        if news(finding, known.told.get(name), worth and wanted(finding, route))
    )
    told = {**known.told, **dict.fromkeys(tell, state_of(finding))}
    return Decision(Known(finding.revision, told), tell)
