"""What goes wrong in some chains, and which finding it must bring. Each on tokens of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.benchmarks.chains import MAX_DEPTH, Chain, Planted

STRAY_SCOPE = "admin"


def _thief(chain: Chain, _other: str) -> None:
    held = chain.delegate(chain.root)
    chain.use(held)
    chain.plant("TR-01", chain.use(held, presenter="mallory"))


def _ghost(chain: Chain, _other: str) -> None:
    top = chain.delegate(chain.root)
    below = chain.delegate(top)
    chain.wait(2 * chain.times.leeway)
    chain.revoke(top)
    chain.wait(2 * chain.times.leeway)
    chain.plant("TR-05", chain.use(below))
    chain.plant("TR-04", chain.use(top))


def _expired(chain: Chain, _other: str) -> None:
    held = chain.delegate(chain.root, life=2 * chain.times.leeway)
    chain.wait(5 * chain.times.leeway)
    chain.plant("TR-06", chain.use(held))


def _two_chains(chain: Chain, other: str) -> None:
    if other:
        chain.plant("TR-10", chain.use(chain.delegate(chain.root), root_id=other))


def _wrong_audience(chain: Chain, _other: str) -> None:
    held = chain.delegate(chain.root)
    chain.plant("TR-11", chain.use(held, host="elsewhere.example.net"))


def _escalation(chain: Chain, _other: str) -> None:
    scopes = sorted([*chain.root.scopes, STRAY_SCOPE])
    held = chain.delegate(chain.root, scopes=scopes)
    chain.plant("SE-01", chain.issued_by[held.id])


def _lie(chain: Chain, _other: str) -> None:
    scopes = sorted([*chain.root.scopes, STRAY_SCOPE])
    held = chain.delegate(chain.root, scopes=scopes, claimed=scopes)
    chain.plant("SE-01", chain.issued_by[held.id])
    chain.plant("SE-02", chain.issued_by[held.id])


def _too_deep(chain: Chain, _other: str) -> None:
    here = chain.root
    for _ in range(MAX_DEPTH):
        here = chain.delegate(here)
    chain.plant("CS-09", chain.issued_by[chain.delegate(here).id])


def _gap(chain: Chain, _other: str) -> None:
    unseen = chain.delegate(chain.root)
    chain.spans.pop()
    below = chain.delegate(unseen)
    chain.use(below)
    chain.absent.add(Planted("CS-06", chain.issued_by[below.id]))


VIOLATIONS: Sequence[Callable[[Chain, str], None]] = (
    _thief, _ghost, _expired, _two_chains, _wrong_audience, _escalation, _lie, _too_deep, _gap,
)  # fmt: skip
