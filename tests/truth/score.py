"""Judging a corpus: kind by view, due, found, gap, missed, false, undecidable."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from grantline.engine import Engine
from grantline.model.finding import Finding
from grantline.model.hop import Hop
from tests.truth.corpus import Case, Corpus, Fact, fact
from tests.truth.scene import POLICY

WHOLE, SHUFFLED, DOUBLED, TORN = "whole", "shuffled", "doubled", "torn"
MODES: Final = (WHOLE, SHUFFLED, DOUBLED, TORN)
_LOST: Final = 0.05
_GAP: Final = "CS-06"

Told = Sequence[tuple[str, Hop]]


@dataclass(frozen=True)
class Wrong:
    """Something due that was not said, or something said that is not so."""

    kind: str
    model: str
    view: str
    mode: str
    what: str
    """`missed`, or `false` and the reference."""
    case: str
    says: str = ""


@dataclass
class Tally:
    """Of one kind in one view and mode."""

    due: int = 0
    found: int = 0
    gaps: int = 0
    """Due and not found, and a gap says why not; torn chains only."""
    undecidable: int = 0
    """An honest twin's facts may be the same."""
    wrong: list[Wrong] = field(default_factory=list)


def bent(told: Told, mode: str, seed: int) -> tuple[list[tuple[str, Hop]], dict[str, int]]:
    """The facts as a mode has them, and how many each case has lost."""
    random = Random(f"{seed} {mode}")
    facts = list(told)
    if mode == DOUBLED:
        facts = [one for one in facts for _ in range(2)]
    if mode != WHOLE:
        random.shuffle(facts)
    lost: Counter[str] = Counter()
    if mode == TORN:
        kept = []
        for case, hop in facts:
            if random.random() < _LOST:
                lost[case] += 1
            else:
                kept.append((case, hop))
        facts = kept
    return facts, lost


def judge(corpus: Corpus, view: str, mode: str, seed: int) -> dict[str, Tally]:
    """kind -> its tally, in one view and mode."""
    facts, lost = bent(corpus.told[view], mode, seed)
    said = _said(facts)
    known: defaultdict[str, Counter[Fact]] = defaultdict(Counter)
    seen = set()
    for name, hop in facts:
        if hop.span_id not in seen:
            seen.add(hop.span_id)
            known[name][fact(hop)] += 1
    tallies: defaultdict[str, Tally] = defaultdict(Tally)
    for case in corpus.cases.values():
        mine = said.get(case.name, ())
        decided = bool(case.kind.due) and not corpus.undecidable(case, view, known[case.name])
        decided = decided and not _told_by_log(case, view)
        at = (case.kind.name, case.model.name, view, mode)
        torn = bool(lost.get(case.name))
        tallies[case.kind.name].wrong += [
            Wrong(*at, what, case.name, says)
            for what, says in _judged(tallies[case.kind.name], case, view, mine, decided, torn=torn)
        ]
    return dict(tallies)


def _judged(
    tally: Tally, case: Case, view: str, said: Iterable[Finding], decided: bool, *, torn: bool
) -> Iterable[tuple[str, str]]:
    """Counts one case in; what is wrong of it, and in which words."""
    found = {finding.reference for finding in said}
    right = set(case.kind.may) if case.kind.due or torn else set()
    if torn or _without_parents(case, view):
        right.add(_GAP)
    if "actor" not in case.model.can:
        right.add("SE-15")  # info, once an issuer: its tokens do not name who acted before
    if decided:
        right |= case.kind.due
        tally.due += 1
        if found & case.kind.due:
            tally.found += 1
        elif _GAP in found and torn:
            tally.gaps += 1
        else:
            yield "missed", ""
    elif case.kind.due:
        tally.undecidable += 1
    for finding in said:
        if finding.reference not in right and not _unproven(case, finding):
            yield f"false {finding.reference}", f"{finding.severity}: {finding.explanation}"


def _unproven(case: Case, finding: Finding) -> bool:
    """Across resources with scopes of their own, a gain may be called unproven, at low."""
    return "resources" in case.model.can and (finding.severity, finding.reference[:2]) == (
        "low",
        "SE",
    )


def _told_by_log(case: Case, view: str) -> bool:
    """What no agent reports is told by a log with jtis and parent jtis: then nothing is missing."""
    return view == "agents+audit" and set(case.kind.due) == {_GAP} and case.model.logs_parents


def _without_parents(case: Case, view: str) -> bool:
    """An audit log that names no parents, or not all, has gaps, and to say so is right."""
    model = case.model
    return view == "audit" and not (model.logs_parents and model.logs_refreshes)


def _said(facts: Told) -> dict[str, list[Finding]]:
    """case -> the open findings on its facts; one that touches two cases is told of both."""
    engine = Engine(POLICY)
    engine.add(hop for _, hop in facts)
    last = {finding.id: finding for finding in engine.finish()}
    cases = {hop.span_id: case for case, hop in facts}
    told: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in last.values():
        if finding.status == "open":
            for case in {cases[span] for span in finding.span_ids if span in cases}:
                told[case].append(finding)
    return told
