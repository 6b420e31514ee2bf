"""The engine: keeps chains and token histories, and asks the rules about what changed.

`ChainEngine` serves one partition of `delegation.hops`, `TokenEngine` one of
`delegation.tokens`; `Engine` joins both for one process without Kafka. All three are pure: the
same facts give the same findings, whatever their order, and time is a parameter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from grantline.judge import Judge, Wait
from grantline.lineage import chains, histories
from grantline.lineage.histories import TokenDelta
from grantline.lineage.route import route
from grantline.lineage.timers import Timers
from grantline.lineage.tree import Delta, shown_from
from grantline.model.chain import Chain, Delegation
from grantline.model.finding import Finding
from grantline.model.history import Presentation, TokenHistory, Waiting
from grantline.model.hop import LATE, Hop
from grantline.model.policy import Policy
from grantline.model.sighting import Sighting
from grantline.rules import every
from grantline.rules.rule import InChain, InHistory, Renewed, Rule, Used

_ChainSubject: TypeAlias = Delegation | Renewed | Used
_MS = 1_000


class ChainEngine:
    """What one chain tells: scope, revocation, depth, gaps. One per partition of hops."""

    def __init__(self, policy: Policy, rules: Sequence[Rule] | None = None) -> None:
        self._policy = policy
        rules = every() if rules is None else rules
        self._judge = Judge(rules)
        self._of_delegation = [rule for rule in rules if rule.reads is Delegation]
        self._of_renewal = [rule for rule in rules if rule.reads is Renewed]
        self._of_use = [rule for rule in rules if rule.reads is Used]
        self._chains: dict[str, Chain] = {}
        self._deltas: dict[Chain, Delta] = {}
        self._accused: dict[Chain, dict[_ChainSubject, None]] = {}
        self._timers = Timers[tuple[Chain, _ChainSubject]]()
        self._ends = Timers[Chain]()
        self._hops = 0
        self._grace_ms = int(policy.parent_grace_seconds * _MS)
        self._now_ms = 0
        self._horizon_ms = int(policy.lateness_seconds * _MS)

    def add(self, hops: Iterable[Hop]) -> None:
        """Fold hops into their chains. Those without a root, and late ones, are only lineage."""
        for hop in hops:
            root_id = hop.root_id
            if root_id is None or LATE in hop.flags:
                continue
            chain = self._chains.get(root_id)
            if chain is None:
                chain = self._chains[root_id] = Chain(root_id)
                self._ends.set(self._now_ms + self._horizon_ms, chain)
            delta = self._deltas.get(chain)
            if delta is None:
                delta = self._deltas[chain] = Delta()
            chains.fold(chain, hop, self._now_ms, delta)
            self._hops += 1

    def advance(self, now_ms: int) -> None:
        """Let ingest time go on, in milliseconds; it never goes back."""
        self._now_ms = max(self._now_ms, now_ms)
        for chain, subject in self._timers.due(self._now_ms):
            if self._chains.get(chain.root_id) is chain:
                self._ask(chain, subject)

    def next_due_ms(self) -> int | None:
        """The next reading of the clock at which `advance` has something to ask, if any."""
        return self._timers.next_ms()

    def drain(self, revision: int) -> list[Finding]:
        """Judge what changed; the findings that are new, amended or retracted since last time."""
        for chain, delta in self._deltas.items():
            self._judge_chain(chain, delta)
        self._deltas.clear()
        findings = self._judge.drain(revision)
        self._settle()
        return findings

    def stats(self) -> dict[str, int]:
        """Sizes of what is held in memory."""
        return {
            "chains": len(self._chains),
            "hops": self._hops,
            "findings": self._judge.open_findings,
        }

    def _judge_chain(self, chain: Chain, delta: Delta) -> None:
        subjects: dict[_ChainSubject, None] = {}
        if delta.everything:
            subjects |= dict.fromkeys(chain.delegations.values())
        subjects |= dict.fromkeys(delta.delegations)
        subjects |= dict.fromkeys(Renewed(*pair) for pair in delta.renewals)
        subjects |= dict.fromkeys(Used(*pair) for pair in delta.uses)
        if accused := self._accused.get(chain):
            # Findings show names and paths: they are told anew where those changed.
            subjects |= accused if delta.everything else _at(shown_from(delta.redrawn), accused)
        for subject in subjects:
            self._ask(chain, subject)

    def _ask(self, chain: Chain, subject: _ChainSubject) -> None:
        if isinstance(subject, Used):
            rules, arrived = self._of_use, subject.token.arrived
        elif isinstance(subject, Delegation):
            rules, arrived = self._of_delegation, subject.arrived
        else:
            rules, arrived = self._of_renewal, subject.delegation.arrived
        wait = Wait(_ahead(arrived + self._grace_ms, self._now_ms), None)
        where = InChain(chain, self._policy)
        due_ms = self._judge.ask(rules, subject, subject, where, wait)
        if due_ms is not None:
            self._timers.set(due_ms, (chain, subject))
        accused = self._accused.get(chain)
        if self._judge.said_of(subject):
            if accused is None:
                accused = self._accused[chain] = {}
            accused[subject] = None
        elif accused is not None:
            accused.pop(subject, None)

    def _settle(self) -> None:
        """Let go of chains whose last token is dead and whose lateness horizon has passed.

        Only after a drain, when all there is to say of them is said.
        """
        for chain in self._ends.due(self._now_ms):
            end = max(chain.last_arrival, chain.ends_at) + self._horizon_ms
            if end > self._now_ms:
                self._ends.set(end, chain)
                continue
            for subject in self._accused.pop(chain, {}):
                self._judge.forget(subject)
            self._hops -= chain.hops
            del self._chains[chain.root_id]


def _at(
    places: Iterable[Delegation], accused: Mapping[_ChainSubject, None]
) -> dict[_ChainSubject, None]:
    """The accused among what was done at `places`."""
    found: dict[_ChainSubject, None] = {}
    for here in places:
        at: list[_ChainSubject] = [here, *(Renewed(here, renewal) for renewal in here.renewals)]
        at += (Used(token, use) for token in here.tokens for use in token.uses)
        found |= {subject: None for subject in at if subject in accused}
    return found


def _ahead(due_ms: int, now_ms: int) -> int | None:
    return due_ms if due_ms > now_ms else None


class TokenEngine:
    """What one token tells across chains: reuse, expiry, audience, and which root it has."""

    def __init__(self, policy: Policy, rules: Sequence[Rule] | None = None) -> None:
        self._policy = policy
        rules = every() if rules is None else rules
        self._judge = Judge(rules)
        self._of_presentation = [rule for rule in rules if rule.reads is Presentation]
        self._of_waiting = [rule for rule in rules if rule.reads is Waiting]
        self._histories: dict[str, TokenHistory] = {}
        self._delta = TokenDelta()
        self._timers = Timers[tuple[TokenHistory, Presentation | Waiting]]()
        self._ends = Timers[TokenHistory]()
        self._grace_ms = int(policy.parent_grace_seconds * _MS)
        self._witness_ms = int(policy.witness_seconds * _MS)
        self._now_ms = 0
        self._horizon_ms = int(policy.lateness_seconds * _MS)

    def add(self, sightings: Iterable[Sighting]) -> None:
        """Fold sightings into their keys' histories."""
        for sighting in sightings:
            history = self._histories.get(sighting.key)
            if history is None:
                history = TokenHistory(sighting.key, self._now_ms)
                self._histories[sighting.key] = history
                self._ends.set(self._now_ms + self._horizon_ms, history)
            histories.fold(history, sighting, self._policy, self._now_ms, self._delta)

    def advance(self, now_ms: int) -> None:
        """Let ingest time go on, in milliseconds; it never goes back."""
        self._now_ms = max(self._now_ms, now_ms)
        for history, subject in self._timers.due(self._now_ms):
            if self._histories.get(history.key) is history:
                self._ask(history, subject)

    def next_due_ms(self) -> int | None:
        """The next reading of the clock at which `advance` has something to ask, if any."""
        return self._timers.next_ms()

    def drain(self, revision: int) -> tuple[list[Finding], list[Hop]]:
        """Judge what changed: findings, and the hops whose root is now known."""
        resolved = self.take_resolved()
        delta, self._delta = self._delta, TokenDelta()
        for history in delta.all:
            delta.some(history, history.presentations)
        for history, shown in delta.presentations:
            self._ask(history, shown)
        for history, waiting in delta.waiting:
            self._ask(history, waiting)
        findings = self._judge.drain(revision)
        self._settle()
        return findings, resolved

    def take_resolved(self) -> list[Hop]:
        """The hops whose root became known since last time, to be routed like any other."""
        resolved, self._delta.resolved = self._delta.resolved, []
        return resolved

    def stats(self) -> dict[str, int]:
        """Sizes of what is held in memory."""
        return {
            "tokens": len(self._histories),
            "presentations": sum(len(h.presentations) for h in self._histories.values()),
            "findings": self._judge.open_findings,
        }

    def _ask(self, history: TokenHistory, subject: Presentation | Waiting) -> None:
        if isinstance(subject, Waiting):
            rules, arrived, told = self._of_waiting, subject.arrived, subject.arrived
        else:
            # That nobody issued the token is asked of the token, not of each of its uses.
            rules, arrived = self._of_presentation, history.arrived
            told = history.presentations[subject]
        wait = Wait(
            _ahead(arrived + self._grace_ms, self._now_ms),
            _ahead(told + self._witness_ms, self._now_ms),
        )
        where = InHistory(history, self._policy)
        due_ms = self._judge.ask(rules, (history.key, subject), subject, where, wait)
        if due_ms is not None:
            self._timers.set(due_ms, (history, subject))

    def _settle(self) -> None:
        for history in self._ends.due(self._now_ms):
            end = max(history.last_arrival, history.ends_at) + self._horizon_ms
            if end > self._now_ms:
                self._ends.set(end, history)
                continue
            for shown in history.presentations:
                self._judge.forget((history.key, shown))
            for waiting in history.waiting.values():
                self._judge.forget((history.key, waiting))
            del self._histories[history.key]


class Engine:
    """Both engines joined in one process: replay, tests, and the peers we are measured against."""

    def __init__(self, policy: Policy | None = None, rules: Sequence[Rule] | None = None) -> None:
        policy = policy or Policy()
        self._chains = ChainEngine(policy, rules)
        self._tokens = TokenEngine(policy, rules)
        self._grace_ms = int(max(policy.parent_grace_seconds, policy.witness_seconds) * _MS)
        self._now_ms = 0
        self._revision = 0

    def add(self, hops: Iterable[Hop]) -> list[Hop]:
        """Take hops in; returns them, and after them those whose root was found on the way."""
        taken: list[Hop] = []
        todo = list(hops)
        while todo:
            taken.extend(todo)
            self._chains.add(todo)
            for hop in todo:
                self._tokens.add(route(hop).sightings)
            todo = self._tokens.take_resolved()
        return taken

    def advance(self, now_ms: int) -> None:
        """Let ingest time go on, in milliseconds."""
        self._now_ms = max(self._now_ms, now_ms)
        self._chains.advance(self._now_ms)
        self._tokens.advance(self._now_ms)

    def drain(self) -> list[Finding]:
        """The findings that are new, amended or retracted since the last drain."""
        self._revision += 1
        findings = self._chains.drain(self._revision)
        return findings + self._tokens.drain(self._revision)[0]

    def finish(self) -> list[Finding]:
        """Judge what is left, then let every grace pass: nothing more will come."""
        judged = self.drain()
        self.advance(self._now_ms + self._grace_ms)
        return judged + self.drain()
