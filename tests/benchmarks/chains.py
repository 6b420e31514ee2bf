"""One chain of agents: a spine of delegations with side branches, and uses at most of them.

The mix is an assumption, not a measurement: one delegate in seven only passes authority on, the
others call a tool 1 + geometric times with the same token, four times on average, as an agent's
loop does with an access token that lives an hour. Half of a token's calls come right after it was
issued, the rest while agents further down are at work. Two of five calls are seen by the agent,
the others by the tool, one in twenty by a tool that knows the token and nothing of the chain.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, NamedTuple

from grantline.model.policy import NS
from tests.benchmarks import spans
from tests.benchmarks.spans import CLIENT, SERVER, Held, Names, Span

MAX_DEPTH = 12
SCOPES = tuple(
    f"{what}.{how}" for what in ("mail", "files", "crm", "pay") for how in ("read", "write")
)
ROLES = ("planner", "researcher", "booker", "writer", "analyst", "buyer", "clerk", "coder")
VERBS = ("search", "read", "list", "update", "send")
ROOTLESS_SHARE = 0.05
IDLE_SHARE = 1 / 7
"""Of delegates: they use their token for nothing but the next exchange."""
LAST_CALL_SHARE = 0.25
"""The chance that a call is the last with its token: four calls on average."""
BRANCH_SHARE = 0.3
"""Of the spine's agents: they also delegate to one to three helpers."""


class Times(NamedTuple):
    """How long things last, seconds."""

    life: int = spans.LIFE_SECONDS
    """Of a token."""
    leeway: int = 60
    """What the policy forgives: a violation that hangs on a time passes it by more."""
    spread: int = 300
    """Over which the first grants are."""


TIMES = Times()


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

    def __init__(
        self, random_: random.Random, number: int, start: int, times: Times = TIMES
    ) -> None:
        """`start`: when the grant happens, seconds since the epoch."""
        self.random = random_
        self.times = times
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
        tool = f"{service}_{self.random.choice(VERBS)}"
        said = spans.use(self.names, held, tool, host, presenter)
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
        actors = list(parent.actors) if parent else [f"{spans.ISSUER} {self.names.person}"]
        actor = self._another(actors)
        return Held(
            token, spans.delegation_id(token), parent.depth + 1 if parent else 0, actor, sorted(scopes),
            f"tool{self.random.randrange(40)}.example.com", [*actors, f"{spans.ISSUER} {actor}"],
            self._now // NS, self.times.life, parent,
        )  # fmt: skip

    def _another(self, above: Sequence[str]) -> str:
        """An agent that is not `above` already: one that returns is a finding (CS-08)."""
        while True:
            actor = f"{self.random.choice(ROLES)}-{self.random.randrange(64)}"
            if f"{spans.ISSUER} {actor}" not in above:
                return actor

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
    later: list[Held] = []
    for _ in range(depth):
        if here.depth and chain.random.random() < BRANCH_SHARE:
            for _ in range(chain.random.randrange(1, 4)):
                _work(chain, chain.delegate(here), later)
        here = chain.delegate(here)
        _work(chain, here, later)
    chain.random.shuffle(later)
    for held in later:
        chain.use(held)


def _work(chain: Chain, held: Held, later: list[Held]) -> None:
    """Half of `held`'s calls now; the others are added to `later`."""
    if chain.random.random() < IDLE_SHARE:
        return
    calls = 1
    while chain.random.random() > LAST_CALL_SHARE:
        calls += 1
    for _ in range(calls - calls // 2):
        chain.use(held)
    later += [held] * (calls // 2)
