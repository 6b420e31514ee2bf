"""The first stage: is a finding worth interrupting anybody."""

from __future__ import annotations

from typing import Final

from grantline.model.finding import Finding, Severity

FLOOR: Final = Severity.MEDIUM
"""Info and low findings are signals: they wait in the lineage store and never page."""


def severity_of(finding: Finding) -> Severity:
    """The finding's severity as a number that can be compared."""
    return Severity[finding.severity.upper()]


def pages(finding: Finding, lowest: Severity) -> bool:
    """True when the finding stands and is at least as severe as `lowest`."""
    return finding.status == "open" and severity_of(finding) >= max(lowest, FLOOR)
