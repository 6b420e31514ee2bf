"""The table of `make truth`: kind by view, due, found, gap, false, undecidable."""

from __future__ import annotations

from collections.abc import Mapping

from tests.truth.corpus import Corpus
from tests.truth.kind import KINDS
from tests.truth.known import KNOWN
from tests.truth.score import MODES, Tally
from tests.truth.telling import VIEWS


class Report:
    """Gathers tallies, prints them at the end, and gives the exit status."""

    def __init__(self, corpus: Corpus, *, verbose: bool) -> None:
        self._corpus, self._verbose = corpus, verbose
        self._tallies: dict[tuple[str, str, str], Tally] = {}

    def judged(self, view: str, mode: str, tallies: Mapping[str, Tally]) -> None:
        for kind, tally in tallies.items():
            self._tallies[kind, view, mode] = tally

    def end(self) -> int:
        spans = {view: len(told) for view, told in self._corpus.told.items()}
        print(f"{len(self._corpus.cases)} chains; facts: "
              + ", ".join(f"{count} {view}" for view, count in spans.items()))  # fmt: skip
        print("\nof all four modes together (whole, shuffled, doubled, 5 % lost):")
        print(f"{'kind':66s} {'view':13s} {'due':>5s} {'found':>6s} {'gap':>4s} {'false':>6s} "
              f"{'undecidable':>12s}")  # fmt: skip
        wrong = known = 0
        for kind in KINDS:
            for view in VIEWS:
                rows = [self._tallies.get((kind.name, view, mode), Tally()) for mode in MODES]
                right = all(row.right for row in rows)
                expected = (kind.name, view) in KNOWN
                wrong += right == expected
                known += expected and not right
                mark = "✔" if right and not expected else "(✗)" if expected and not right else "✗"
                print(f"{kind.name:66s} {view:13s} {_sum(rows, 'due'):5d} {_sum(rows, 'found'):6d} "
                      f"{_sum(rows, 'gaps'):4d} {sum(len(row.false) for row in rows):6d} "
                      f"{_sum(rows, 'undecidable'):12d} {mark}")  # fmt: skip
                if self._verbose and not right:
                    for mode, row in zip(MODES, rows, strict=True):
                        for name in row.missed[:3]:
                            print(f"      {mode}: missed {name}")
                        for text in row.false[:3]:
                            print(f"      {mode}: false {text}")
        rows = list(self._tallies.values())
        due, found, gaps = _sum(rows, "due"), _sum(rows, "found"), _sum(rows, "gaps")
        undecidable = _sum(rows, "undecidable")
        print(
            f"\n{due} due, {found} found, {gaps} explained by a gap, "
            f"{sum(len(row.missed) for row in rows)} missed, "
            f"{sum(len(row.false) for row in rows)} false; undecidable: "
            f"{undecidable} of {due + undecidable}, {undecidable / max(1, due + undecidable):.0%}"
        )
        print(f"{wrong} rows are wrong, {known} wrong as tests/truth/known.py says")
        return 1 if wrong else 0


def _sum(rows: list[Tally], name: str) -> int:
    return sum(getattr(row, name) for row in rows)
