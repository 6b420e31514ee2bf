"""The second stage: which destination wants a finding, by severity, rule and reference."""

from __future__ import annotations

from fnmatch import fnmatchcase

import msgspec

from grantline.alerts.threshold import FLOOR, checked, severity_of
from grantline.model.finding import Finding, Severity


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """What one destination wants. Everything that is set must hold; empty means any."""

    at_least: Severity = FLOOR
    """Raises `ValueError` below medium (`threshold.FLOOR`)."""
    rules: tuple[str, ...] = ()
    """Shell patterns of project rule ids, such as `scope-*`."""
    references: tuple[str, ...] = ()
    """Shell patterns of catalogue ids, such as `TR-*`."""

    def __post_init__(self) -> None:
        checked(self.at_least)


def wanted(finding: Finding, route: Route) -> bool:
    """True when the destination behind `route` wants to hear of this finding."""
    return (
        severity_of(finding) >= route.at_least
        and _any(route.rules, finding.rule)
        and _any(route.references, finding.reference)
    )


def _any(patterns: tuple[str, ...], name: str) -> bool:
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)
