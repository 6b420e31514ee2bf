"""What must come out: the findings of one undisturbed engine over the same records.

What needs the grace for missing parents to pass is left out: no run of the benchmark waits for
it. What is held back for seconds only, for a witness of the same call, must come out, but its
waiting is no cost and is not timed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from grantline.engine import Engine
from grantline.model.finding import Finding
from grantline.model.policy import Policy
from tests.benchmarks.broker import Said
from tests.benchmarks.chains import Planted
from tests.benchmarks.load import Load, hops_of

State = dict[str, Any]


class Expected(NamedTuple):
    """The far end, once all is said."""

    findings: dict[str, State]
    """Id -> the finding, of those that are open; without its revision."""
    complete_at: dict[str, int]
    """Id -> index of the record with which the finding could first be told. Without those that
    are held back for a while on purpose."""

    @property
    def held_back(self) -> set[str]:
        return self.findings.keys() - self.complete_at.keys()


class Different(Exception):
    """A contender's output is not what it must be; its time does not count."""


def state(finding: Finding) -> State:
    """The finding without what depends on the partitioning: how often it was said before."""
    return finding.model_dump(exclude={"revision"})


def expect(load: Load) -> Expected:
    """Runs the engine in this process. Raises `Different` if it does not find what was planted."""
    engine = Engine()
    findings: dict[str, State] = {}
    complete_at: dict[str, int] = {}
    for index, record in enumerate(load.records):
        engine.add(hops_of([record]))
        for finding in engine.drain():
            if finding.status == "open":
                findings[finding.id] = state(finding)
                complete_at.setdefault(finding.id, index)
            else:
                findings.pop(finding.id, None)
                complete_at.pop(finding.id, None)
    findings |= open_now(waited(engine))
    check_planted(load.planted, findings)
    return Expected(findings, complete_at)


def waited(engine: Engine) -> list[Finding]:
    """What `engine` still says as time goes by, up to the grace for missing parents."""
    engine.advance(int(Policy().parent_grace_seconds * 1_000) - 1)
    return engine.drain()


def check_planted(planted: set[Planted], findings: dict[str, State]) -> None:
    """Raises `Different` unless exactly what was planted was found."""
    found = {
        Planted(finding["reference"], span_id)
        for finding in findings.values()
        for span_id in finding["span_ids"]
    }
    if found != planted:
        raise Different(
            f"planted but not found: {sorted(planted - found)[:5]}; "
            f"found but not planted: {sorted(found - planted)[:5]}"
        )


def open_now(said: Sequence[Finding]) -> dict[str, State]:
    """The last state of each finding in `said` that is open."""
    last: dict[str, Finding] = {}
    for finding in said:
        known = last.get(finding.id)
        if known is None or finding.revision >= known.revision:
            last[finding.id] = finding
    return {name: state(finding) for name, finding in last.items() if finding.status == "open"}


def complete(said: Sequence[Said], expected: dict[str, State]) -> bool:
    """The findings that are open now are those that must be, and say what they must."""
    return open_now([message.finding for message in said]) == expected


def check_equal(expected: dict[str, State], said: Sequence[Finding]) -> None:
    """Raises `Different` unless what `said` leaves open is what is expected, word for word."""
    have = open_now(said)
    if have == expected:
        return
    missing, extra = expected.keys() - have.keys(), have.keys() - expected.keys()
    changed = {name for name in expected.keys() & have.keys() if expected[name] != have[name]}
    known = have | expected
    some = [known[name]["explanation"] for name in sorted(missing | extra | changed)[:3]]
    raise Different(
        f"{len(missing)} findings missing, {len(extra)} too many, {len(changed)} not as expected: "
        f"{some}"
    )
