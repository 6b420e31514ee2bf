"""Both stages together: what is known of a finding and its next message give whom to tell.

A finding arrives as often as Kafka cares to deliver it. Only a revision above the last one taken
says anything; every other copy is passed over, so a replay of the topic tells nobody anything.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from grantline.alerts.dedup import State, news
from grantline.alerts.threshold import FLOOR, pages
from grantline.model.finding import Finding, Severity


class Alerting(msgspec.Struct, frozen=True, kw_only=True):
    """Who is told of what."""

    destinations: tuple[str, ...]
    lowest: Severity = FLOOR
    """The least severity that pages anyone; medium at the lowest, whatever is set."""


class Known(msgspec.Struct, frozen=True):
    """What is remembered of one finding."""

    revision: int = -1
    """The highest revision taken in; -1 before the first."""
    told: Mapping[str, State] = {}
    """Destination name -> the last state it was, or is about to be, told."""


def decide(finding: Finding, known: Known, alerting: Alerting) -> tuple[str, ...]:
    """The destinations to tell of `finding`, given what is `known` of it.

    None while a witness may still explain it: its next message takes it back or confirms it.
    """
    waits = finding.provisional and finding.status == "open"
    if waits or finding.revision <= known.revision:
        return ()
    if finding.policy_change and finding.status == "open" and not known.told:
        return ()  # no fact is new: whoever changed the policy reads of it in the lineage
    worth = pages(finding, alerting.lowest)
    return tuple(
        name for name in alerting.destinations if news(finding, known.told.get(name), worth)
    )
