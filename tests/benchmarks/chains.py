"""Chains of agents, and the violations planted in some of them.

A seed gives the same chains on every machine. A chain has one spine of `depth` delegations with
side branches, and uses at most of them, some seen by the tool, some by the agent. About one span
in a hundred violates something, of eight kinds in turn; which finding each must bring is noted
where it is planted, and nothing else may be found.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from grantline.model.policy import NS
from tests.benchmarks import spans
from tests.benchmarks.spans import CLIENT, SERVER, Held, Names, Span

MAX_DEPTH = 12
SCOPES = tuple(
    f"{what}.{how}" for what in ("mail", "files", "crm", "pay") for how in ("read", "write")
)
ROLES = ("planner", "researcher", "booker", "writer", "analyst", "buyer", "clerk", "coder")
STRAY_SCOPE = "admin"
ROOTLESS_SHARE = 0.05
VIOLATION_SHARE = 0.01
SKIPPED_FROM_DEPTH = 4
"""A hop may be left out only so far up that the policy's own depth limit stays out of it."""


class Planted(NamedTuple):
    """One finding's span that must come out."""

    reference: str
    span_id: str


class Made(NamedTuple):
    """One chain's spans in the order in which they happened."""

    spans: list[Span]
    planted: set[Planted]
    absent: set[Planted]
    """Planted, but told only once the grace for missing parents has passed."""


class Chain:
    """One chain in the making."""

    def __init__(self, random_: random.Random, number: int, start: int) -> None:
        """`start`: when the grant happens, seconds since the epoch."""
        self.random = random_
        self._start = start
        self._now = start * NS
        self._tokens = 0
        self._number = number
        self.spans: list[Span] = []
        self.planted: set[Planted] = set()
        self.absent: set[Planted] = set()
        self.held: list[Held] = []
        self.issued_by: dict[str, str] = {}
        """Delegation id -> span id of its report."""
        self.names = Names(
            number, f"u-{number % 5000}", "", f"task_{number}", f"{self._id(128):032x}"
        )
        root = self._new(None, [*self.random.sample(SCOPES, 6)])
        self.names = self.names._replace(root_id=root.id)
        self._say(root.actor, "grant", CLIENT, spans.grant(self.names, root, MAX_DEPTH))
        self.held.append(root)

    @property
    def root(self) -> Held:
        return self.held[0]

    def delegate(self, parent: Held, **changed: Any) -> Held:
        """`parent`'s holder passes on some of its scopes; `changed` bends the outcome."""
        keep = max(1, len(parent.scopes) - self.random.randrange(2))
        child = self._new(parent, parent.scopes[:keep])._replace(**changed)
        self.issued_by[child.id] = self._say(
            child.actor, "delegate", CLIENT, spans.delegate(self.names, child, parent)
        )
        self.held.append(child)
        return child

    def use(self, held: Held, host: str = "", presenter: str = "", root_id: str = "") -> str:
        """`held`'s token is presented; the id of the span that says so."""
        host = host or held.host
        service = host.partition(".")[0]
        presenter = presenter or held.actor
        said = spans.use(self.names, held, f"{service}_call", host, presenter)
        chance = self.random.random()
        if root_id:
            said["delegation.root.id"] = root_id
        elif chance < ROOTLESS_SHARE:
            said = spans.rootless(said)
        if chance > 0.6 and presenter == held.actor:
            return self._say(held.actor, "use", CLIENT, said)
        return self._say(service, "use", SERVER, said)

    def revoke(self, held: Held) -> str:
        return self._say("authorization-server", "revoke", SERVER, spans.revoke(self.names, held))

    def wait(self, seconds: int) -> None:
        self._now += seconds * NS

    def plant(self, reference: str, *span_ids: str) -> None:
        self.planted |= {Planted(reference, span_id) for span_id in span_ids}

    def made(self) -> Made:
        return Made(self.spans, self.planted, self.absent)

    def _new(self, parent: Held | None, scopes: list[str]) -> Held:
        self._tokens += 1
        token = spans.fingerprint(f"not-a-token {self._id(64)} {self._number} {self._tokens}")
        actor = f"{self.random.choice(ROLES)}-{self.random.randrange(64)}"
        actors = list(parent.actors) if parent else [f"{spans.ISSUER} {self.names.person}"]
        return Held(
            token, spans.delegation_id(token), parent.depth + 1 if parent else 0, actor, sorted(scopes),
            f"tool{self.random.randrange(40)}.example.com", [*actors, f"{spans.ISSUER} {actor}"],
            self._now // NS, parent=parent,
        )  # fmt: skip

    def _say(self, service: str, operation: str, kind: int, attributes: dict[str, Any]) -> str:
        self._now += self.random.randrange(50, 500) * 1_000_000
        span_id = f"{self._id(64):016x}"
        self.spans.append(
            Span(service, f"{operation} {service}", kind, self._now, self.names.trace_id, span_id,
                 attributes)
        )  # fmt: skip
        return span_id

    def _id(self, bits: int) -> int:
        return self.random.getrandbits(bits) | 1


def ordinary(chain: Chain, depth: int) -> None:
    """A spine of `depth` delegations, side branches, and uses of most of them."""
    here = chain.root
    for _ in range(depth):
        if here.depth and chain.random.random() < 0.3:
            for _ in range(chain.random.randrange(1, 3)):
                chain.use(chain.delegate(here))
        here = chain.delegate(here)
        for _ in range(chain.random.randrange(3)):
            chain.use(here)
    for _ in range(chain.random.randrange(1, 4)):
        chain.use(here)


def _thief(chain: Chain, _other: str) -> None:
    held = chain.delegate(chain.root)
    chain.use(held)
    chain.plant("TR-01", chain.use(held, presenter="mallory"))


def _ghost(chain: Chain, _other: str) -> None:
    top = chain.delegate(chain.root)
    below = chain.delegate(top)
    chain.wait(100)
    chain.revoke(top)
    chain.wait(120)
    chain.plant("TR-05", chain.use(below))
    chain.plant("TR-04", chain.use(top))


def _expired(chain: Chain, _other: str) -> None:
    held = chain.delegate(chain.root, life=120)
    chain.wait(300)
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


class World:
    """Chain after chain, one span in a hundred a violation."""

    def __init__(self, seed: int, start: int) -> None:
        """`start`: seconds since the epoch; spans are at most some 20 minutes later."""
        self._random = random.Random(seed)
        self._start = start
        self._number = 0
        self._kind = 0
        self._owed = 0.0
        self._other = ""

    def chain(self, depth: int | None = None) -> Made:
        """The next chain; of mixed depth unless one is named."""
        self._number += 1
        chain = Chain(self._random, self._number, self._start + self._number % 300)
        ordinary(chain, depth or self._random.randrange(2, MAX_DEPTH + 1))
        self._owed += len(chain.spans) * VIOLATION_SHARE
        if self._owed >= 1:
            VIOLATIONS[self._kind % len(VIOLATIONS)](chain, self._other)
            self._kind += 1
            self._owed -= max(1, len(chain.planted) + len(chain.absent))
        self._other = chain.names.root_id
        return chain.made()

    def long_chain(self, length: int) -> Made:
        """One chain of `length` spans: a tree of even width and depth, half of it uses."""
        self._number += 1
        chain = Chain(self._random, self._number, self._start)
        while len(chain.spans) < length:
            shallow = self._random.choice(chain.held[-64:])
            held = chain.delegate(shallow if shallow.depth < MAX_DEPTH else chain.root)
            chain.use(held)
        del chain.spans[length:]
        return chain.made()
