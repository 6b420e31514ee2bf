"""The table of `make truth`: kind by view, due, found, gap, false, undecidable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from tests.truth.corpus import Corpus
from tests.truth.kind import KINDS
from tests.truth.known import KNOWN, unknown, unused
from tests.truth.score import MODES, Tally, Wrong
from tests.truth.telling import VIEWS


class Report:
    """Gathers tallies, prints them at the end, and gives the exit status."""

    def __init__(self, corpus: Corpus, made_of: tuple[int, int], *, verbose: bool) -> None:
        """`made_of`: seed and times."""
        self._corpus, self._made_of, self._verbose = corpus, made_of, verbose
        self._tallies: dict[tuple[str, str, str], Tally] = {}

    def judged(self, view: str, mode: str, tallies: Mapping[str, Tally]) -> None:
        for kind, tally in tallies.items():
            self._tallies[kind, view, mode] = tally

    @property
    def wrong(self) -> list[Wrong]:
        return [wrong for tally in self._tallies.values() for wrong in tally.wrong]

    def end(self) -> int:
        facts = ", ".join(f"{len(told)} {view}" for view, told in self._corpus.told.items())
        print(f"{len(self._corpus.cases)} chains; facts: {facts}")
        print(f"of four modes together: {', '.join(MODES)} (5 % lost)\n")
        print(f"{'kind':66s} {'view':13s} {'due':>5s} {'found':>6s} {'gap':>4s} {'missed':>6s} "
              f"{'false':>6s} {'undecidable':>12s}")  # fmt: skip
        for kind in KINDS:
            for view in VIEWS:
                self._row(kind.name, view)
        return self._sum()

    def _row(self, kind: str, view: str) -> None:
        rows = [self._tallies.get((kind, view, mode), Tally()) for mode in MODES]
        if not any(case.kind.name == kind for case in self._corpus.cases.values()):
            return
        wrong = [one for row in rows for one in row.wrong]
        new = unknown(wrong)
        missed = sum(one.what == "missed" for one in wrong)
        mark = "✗" if new else "(✗)" if wrong else "✔"
        print(f"{kind:66s} {view:13s} {_of(rows, 'due'):5d} {_of(rows, 'found'):6d} "
              f"{_of(rows, 'gaps'):4d} {missed:6d} {len(wrong) - missed:6d} "
              f"{_of(rows, 'undecidable'):12d} {mark}")  # fmt: skip
        if self._verbose:
            shown: Counter[str] = Counter()
            for one in new:
                shown[one.mode] += 1
                if shown[one.mode] <= 3:
                    print(f"      {one.mode}: {one.what} {one.case} {one.says}")

    def _sum(self) -> int:
        rows = list(self._tallies.values())
        due, undecidable = _of(rows, "due"), _of(rows, "undecidable")
        wrong = self.wrong
        new, gone = unknown(wrong), unused(wrong, self._made_of)
        missed = sum(one.what == "missed" for one in wrong)
        print(f"\n{due} due: {_of(rows, 'found')} found, {_of(rows, 'gaps')} explained by a gap, "
              f"{missed} missed; {len(wrong) - missed} false; undecidable: {undecidable} of "
              f"{due + undecidable}, {undecidable / max(1, due + undecidable):.0%}")  # fmt: skip
        print(f"{len(wrong) - len(new)} are wrong as tests/truth/known.py says, {len(new)} besides")
        for entry in KNOWN:
            print(f"  known: {entry.what}, {entry.kind or 'any kind'}: {entry.why}")
        for entry in gone:
            print(f"  in this corpus nothing fits the entry: {entry}")
        return 1 if new or gone else 0


def _of(rows: list[Tally], name: str) -> int:
    return sum(getattr(row, name) for row in rows)
