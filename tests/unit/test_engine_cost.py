"""What a hop costs does not grow with what its chain or token has seen: counted, not timed.

Work is counted twice: how often rules are asked, and how many lines of Python the pure part runs
(loops over dependents that ask nobody show there). Both are compared between the first and the
last quarter of the same facts.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

import msgspec
import pytest

from grantline.engine import Engine
from grantline.model.finding import Hit
from grantline.model.hop import Hop
from grantline.rules import every
from grantline.rules.story import tell

SIZE = 240
GROWTH = 1.5
"""Last quarter to first; what is quadratic gives seven."""


def hops(lines: list[str]) -> list[Hop]:
    early, late = tell("\n".join(lines))
    return early + late


GRANT = "alice grant planner token=t0 scopes=read max-depth=1000000"
ROOT = "root=dlg:t0"


def _path() -> list[str]:
    return [f"a{i} delegate a{i + 1} from=t{i} token=t{i + 1} scopes=read {ROOT}"
            for i in range(SIZE)]  # fmt: skip


def _fan_out(words: str = "scopes=read") -> list[str]:
    return [f"planner delegate a{i} from=t0 token=t{i + 1} {words} {ROOT}" for i in range(SIZE)]


def _renewals(*also: str) -> list[str]:
    lines = []
    for i in range(SIZE):
        lines.append(f"@1 planner renew t{i + 1} from=t{i} id=g scopes=read root=g")
        lines += [word.format(old=f"t{i}", new=f"t{i + 1}") for word in also]
    return lines


SHAPES: dict[str, Callable[[], list[str]]] = {
    "a long path": lambda: [GRANT, *_path()],
    # Without its first link: that one tells all the others their depth, and pays for them once.
    "a long path, leaf first": lambda: _path()[:0:-1],
    "a long path, all of it too deep": lambda: [GRANT.partition(" max")[0], *_path()],
    "a wide fan-out": lambda: [GRANT, *_fan_out()],
    "a wide fan-out in which every child gains a scope": lambda: [GRANT, *_fan_out("scopes=root")],
    "one token used": lambda: [GRANT, *(f"@{i % 9} planner use t0" for i in range(SIZE))],
    "one token used in turn by its holder and a thief": lambda: [
        GRANT,
        *(f"@{i % 9} {('planner', 'mallory')[i % 2]} use t0" for i in range(SIZE)),
    ],
    "one token at many services": lambda: [
        GRANT, *(f"@1 planner use t0 by=s{i}" for i in range(SIZE))
    ],
    "one token with many presenters": lambda: [
        GRANT, *(f"@{i} p{i} use t0" for i in range(SIZE))
    ],
    "a revoked token used": lambda: [
        GRANT, "@1 alice revoke t0 target=token",
        *(f"@{200 + i % 9} planner use t0" for i in range(SIZE)),
    ],
    "a delegation renewed": lambda: ["alice grant planner token=t0 id=g root=g", *_renewals()],
    "a delegation that nobody reported renewed": lambda: [
        f"@{i} planner renew t{i + 1} from=t{i} scopes=read parent-scopes=read id=g root=g"
        for i in range(SIZE)
    ],
    "a delegation renewed, each token replaced": lambda: [
        "alice grant planner token=t0 id=g root=g",
        *_renewals("@1 planner revoke {old} target=token reason=rotation root=g"),
    ],
    "a delegation renewed, each token revoked": lambda: [
        "alice grant planner token=t0 id=g root=g",
        *_renewals("@1 planner revoke {new} target=token root=g"),
    ],
    "tokens revoked, the newest first": lambda: [
        "alice grant planner token=t0 id=g root=g", *_renewals(),
        *(f"@{2 + i} alice revoke t{SIZE - i} target=token root=g" for i in range(SIZE)),
    ],
    "children revoked and used": lambda: [
        GRANT,
        *(line for i, child in enumerate(_fan_out()) for line in (
            child, f"@1 alice revoke t{i + 1} target=subtree {ROOT}", f"@200 a{i} use t{i + 1} {ROOT}"
        )),
    ],
    "new delegations beside many findings": lambda: [
        GRANT, "@1 alice revoke t0 target=subtree",
        *(line for i, child in enumerate(_fan_out()) for line in (
            f"@200 {child}", f"@200 a{i} use t{i + 1} {ROOT}"
        )),
    ],
    "tasks revoked": lambda: [
        GRANT,
        *(line for i, child in enumerate(_fan_out()) for line in (
            f"{child} task=k{i}", f"@1 alice revoke - task=k{i} target=task {ROOT}"
        )),
    ],
    "one jti revoked, again and again, and carried by all": lambda: [
        GRANT,
        *(line for i, child in enumerate(_fan_out()) for line in (
            f"{child} jti=j iss=https://a.example",
            f"@{i} alice revoke - jti=j iss=https://a.example {ROOT}",
        )),
    ],
    "one task id for ever new runs, each ended by that name alone": lambda: [
        line for i in range(SIZE) for line in (
            f"@{2 * i} alice grant planner token=t{i} task=k",
            f"@{2 * i + 1} planner end - task=k root=-",
        )
    ],
    "one task id for ever new runs, each revoked before the next begins": lambda: [
        line for i in range(SIZE) for line in (
            f"@{200 * i} alice grant planner token=t{i} task=k",
            f"@{200 * i + 50} alice revoke - task=k target=task root=-",
            f"@{200 * i + 150} planner use t{i}",
        )
    ],
    "calls that the server refuses, told by both": lambda: [
        GRANT, "@1 alice revoke t0 target=token",
        *(line for i in range(SIZE) for line in (
            f"@{200 + i % 9} planner use t0 kind=client call=c{i}",
            f"@{200 + i % 9} planner use t0 outcome=deny call=c{i}",
        )),
    ],
    "no hop names the root": lambda: [
        GRANT, *(line.replace(ROOT, "root=-") for line in _path()),
    ],
}  # fmt: skip


class Work:
    """Questions to rules, and lines run in the pure part."""

    def __init__(self) -> None:
        self.asked = 0
        self.lines = 0

    def rules(self) -> list[Any]:
        def counted(check: Callable[[Any, Any], Iterable[Hit]]) -> Callable[[Any, Any], Any]:
            def ask(seen: object, where: object) -> Iterable[Hit]:
                self.asked += 1
                return check(seen, where)

            return ask

        return [msgspec.structs.replace(rule, check=counted(rule.check)) for rule in every()]

    def trace(self, frame: FrameType, event: str, _: object) -> Any:
        if "/grantline/" not in frame.f_code.co_filename:
            return None
        self.lines += event == "line"
        return self.trace


def quarters(facts: list[Hop]) -> list[tuple[int, int]]:
    """(questions, lines) of each quarter of `facts`, drained after every ten."""
    work = Work()
    engine = Engine(rules=work.rules())
    size = len(facts) // 4
    spent = []
    for start in range(0, 4 * size, size):
        work.asked = work.lines = 0
        before = sys.gettrace()
        sys.settrace(work.trace)
        try:
            for at in range(start, start + size, 10):
                engine.add(facts[at : min(at + 10, start + size)])
                engine.drain()
        finally:
            sys.settrace(before)
        spent.append((work.asked, work.lines))
    return spent


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_the_last_hops_cost_what_the_first_did(shape: Callable[[], list[str]]) -> None:
    """Questions and lines per quarter stay level, whatever the chain has grown to."""
    spent = quarters(hops(shape()))
    for first, last in zip(spent[0], spent[3], strict=True):
        assert last <= GROWTH * first + 200


def test_late_facts_pay_once_for_what_they_change() -> None:
    """A grant that comes last asks each of its dependents again, once."""
    for shape in (_fan_out(), _path(), [f"@1 planner use t0 {ROOT}"] * SIZE):
        work = Work()
        engine = Engine(rules=work.rules())
        engine.add(hops(shape))
        engine.drain()
        asked, work.asked = work.asked, 0
        engine.add(hops([GRANT]))
        engine.drain()
        assert work.asked <= 2 * asked
