"""What Grantline said of a flow, held against what was due."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from grantline.engine import Engine
from grantline.model.finding import Finding
from grantline.model.hop import Hop
from grantline.model.policy import Policy
from tests.issuers.lab import POLICY, Due
from tests.issuers.parties import VIEWS, Parties


@dataclass(frozen=True)
class Verdict:
    """One flow in one view."""

    due: frozenset[str]
    """What must be said; of `TR-04|TR-05` one is enough."""
    found: tuple[Finding, ...]
    may: frozenset[str] = frozenset()

    @property
    def missed(self) -> list[str]:
        found = {finding.reference for finding in self.found}
        return sorted(one for one in self.due if not found & set(one.split("|")))

    @property
    def false(self) -> list[Finding]:
        right = {reference for one in self.due for reference in one.split("|")} | self.may
        return [finding for finding in self.found if finding.reference not in right]

    @property
    def right(self) -> bool:
        return not self.missed and not self.false

    def __str__(self) -> str:
        said = sorted({finding.reference for finding in self.found})
        wrong = [f"missed {reference}" for reference in self.missed]
        wrong += [f"false {finding.reference}" for finding in self.false]
        return " ".join(said) or "nothing" if not wrong else ", ".join(wrong)


def found(hops: Iterable[Hop], policy: Policy = POLICY) -> tuple[Finding, ...]:
    """The open findings on these hops once every grace is over, the earliest first."""
    engine = Engine(policy)
    engine.add(hops)
    last = {finding.id: finding for finding in engine.finish()}
    told = [finding for finding in last.values() if finding.status == "open"]
    return tuple(sorted(told, key=lambda finding: (finding.first_seen, finding.id)))


def judge(
    parties: Parties, due: Due, views: Iterable[str] = VIEWS, policy: Policy = POLICY
) -> dict[str, Verdict]:
    """One verdict a view."""
    due.logs_add()
    return {
        view: Verdict(
            frozenset(due.must[view]), found(parties.hops(view), policy), frozenset(due.may[view])
        )
        for view in views
    }
