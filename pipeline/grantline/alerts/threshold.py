"""The first stage: is a finding worth interrupting anybody. Never below medium."""

from __future__ import annotations

from typing import Final

from grantline.model.finding import Finding, Severity

FLOOR: Final = Severity.MEDIUM
"""Info and low findings are signals: they wait in the lineage store and never page."""


def severity_of(finding: Finding) -> Severity:
    """The finding's severity as a number that can be compared."""
    return Severity[finding.severity.upper()]


def checked(lowest: Severity) -> Severity:
    """`lowest` itself. Raises `ValueError` when it would let low or info findings page."""
    if lowest < FLOOR:
        raise ValueError(
            f"severity {Severity(lowest).name.lower()!r} cannot page: alerts begin at "
            f"{FLOOR.name.lower()!r}; lower findings are read in the lineage store"
        )
    return lowest


def pages(finding: Finding, lowest: Severity) -> bool:
    """True when the finding stands, waits for no witness, and is at least as severe as `lowest`."""
    stands = finding.status == "open" and not finding.provisional
    return stands and severity_of(finding) >= lowest
