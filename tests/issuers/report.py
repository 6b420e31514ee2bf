"""The table: issuer by flow, what the server did, what is due, what each view says."""

from __future__ import annotations

from tests.issuers.known import KNOWN
from tests.issuers.parties import LOG_VIEWS, VIEWS
from tests.issuers.session import Told


class Report:
    """Prints as it goes; `end` gives the exit status."""

    def __init__(self, *, verbose: bool) -> None:
        self._verbose = verbose
        self._right = self._wrong = self._known = 0
        self._issuer = ""
        self._missing: list[str] = []

    def issuer(self, name: str, shown: str, seconds: float) -> None:
        self._issuer = name
        print(f"\n{shown}, there after {seconds:.1f} s", flush=True)
        print(
            f"  {'flow':46s} {'due':8s} {'agents':20s} {'issuer':20s} {'both':20s} {'log':20s} agents+log"
        )

    def flow(self, told: Told) -> None:
        cells = " ".join(f"{self._cell(told, view):20s}" for view in (*VIEWS, *LOG_VIEWS))
        due = " ".join(sorted(set().union(*(v.due for v in told.verdicts.values())))) or "nothing"
        print(f"  {told.name:46s} {due:8s} {cells}")
        print(f"      {'; '.join(told.did)}", flush=True)
        if told.broken:
            self._wrong += 1
            print(f"      ✗ not driven to its end: {told.broken}")
        if self._verbose:
            for view, verdict in told.verdicts.items():
                for finding in verdict.found:
                    print(f"      {view}: {finding.severity} {finding.reference} "
                          f"{finding.explanation}")  # fmt: skip

    def _cell(self, told: Told, view: str) -> str:
        verdict = told.verdicts.get(view)
        if verdict is None:
            return "-"
        known = (self._issuer, told.name, view) in KNOWN
        if verdict.right and not known:
            self._right += 1
            return f"✔ {verdict}"
        if known and not verdict.right:
            self._known += 1
            return f"(✗) {verdict}"
        self._wrong += 1
        return f"✗ {verdict}" if not known else f"✗ {verdict}: right now, take it out of known.py"

    def not_there(self, name: str, why: str) -> None:
        self._missing.append(name)
        print(f"\n{name}: could not be started: {why}", flush=True)

    def end(self) -> int:
        print(f"\n{self._right} verdicts are right, {self._wrong} wrong, {self._known} wrong as "
              f"tests/issuers/known.py says; not started: {', '.join(self._missing) or 'none'}")  # fmt: skip
        return 1 if self._wrong or not self._right else 0
