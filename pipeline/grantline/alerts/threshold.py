"""Is a severity worth interrupting anybody."""

from __future__ import annotations

from typing import Final

from grantline.model.finding import Finding, Severity

FLOOR: Final = Severity.MEDIUM
"""Info and low findings are signals: they wait in the lineage store and never page."""


def severity_of(finding: Finding) -> Severity:
    """The finding's severity as a number that can be compared."""
    return Severity[finding.severity.upper()]


def pages(severity: int, lowest: int) -> bool:
    """True when `severity` is at least `lowest`, and no signal."""
    return severity >= max(lowest, FLOOR)
