"""Findings that somebody answers for: told all the same, as info, until a day.

The day is compared with the time of the violation, so that what is exempt is a function of facts
and policy, and no clock makes a finding come or go.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec.structs import replace

from grantline.model.finding import Hit, Severity
from grantline.model.policy import NS, Policy
from grantline.model.policy_parts import Exemption

_DAY: Final = timedelta(days=1)
_MARK: Final = "⇒ "


class Exemptions:
    """Those of one policy, by what they name."""

    def __init__(self, policy: Policy) -> None:
        self._by_name: dict[str, list[tuple[int, Exemption]]] = {}
        for entry in policy.exemptions:
            self._by_name.setdefault(entry.reference, []).append((ends(entry), entry))

    def applied(self, rule: str, hit: Hit) -> Hit:
        """`hit`, as info where an exemption holds for it."""
        for name in (hit.reference, rule):
            for end, entry in self._by_name.get(name, ()):
                if hit.time < end and _names(entry, hit):
                    accepted = f"{entry.reason} ({entry.owner}, until {entry.until})"
                    facts = (*hit.facts, ("accepted", accepted))
                    return replace(hit, severity=Severity.INFO, facts=facts)
        return hit


def ends(entry: Exemption) -> int:
    """The first moment at which it holds no more, nanoseconds."""
    last = datetime.fromisoformat(entry.until).replace(tzinfo=UTC)
    return int((last + _DAY).timestamp()) * NS


def _names(entry: Exemption, hit: Hit) -> bool:
    if entry.actor is None:
        return True
    if not hit.path or not hit.path[-1].startswith(_MARK):
        return hit.path[-1:] == (entry.actor,)
    # Of a use the last of the path is who presented, or what was done, behind the actor.
    return entry.actor in {name.removeprefix(_MARK) for name in hit.path[-2:]}
