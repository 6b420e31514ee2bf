"""The engine: keeps chains and token histories, and asks the rules about what changed.

`ChainEngine` serves one partition of `delegation.hops`, `TokenEngine` one of
`delegation.tokens`; `Engine` joins both for one process without Kafka. All three are pure: the
same facts give the same findings, whatever their order, and time is a parameter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from grantline.judge import Judge
from grantline.lineage import chains, histories, tasks
from grantline.lineage.histories import TokenDelta
from grantline.lineage.route import is_task, is_token, route
from grantline.lineage.timers import Timers
from grantline.lineage.tree import Delta, shown_from
from grantline.model.chain import Chain, Delegation, Renewal, Use
from grantline.model.finding import Finding
from grantline.model.history import Name, Presentation, Task, TokenHistory, Waiting
from grantline.model.hop import LATE, Hop
from grantline.model.policy import Policy
from grantline.model.sighting import Sighting
from grantline.model.subject import Subject
from grantline.rules import every
from grantline.rules.rule import InChain, InHistory, InName, Rule

_MS = 1_000


class ChainEngine:
    """What one chain tells: scope, revocation, depth, gaps. One per partition of hops."""

    def __init__(self, policy: Policy, rules: Sequence[Rule] | None = None) -> None:
        self._policy = policy
        rules = every() if rules is None else rules
        self._judge = Judge(rules, policy)
        self._of_delegation = [rule for rule in rules if rule.reads is Delegation]
        self._of_renewal = [rule for rule in rules if rule.reads is Renewal]
        self._of_use = [rule for rule in rules if rule.reads is Use]
        self._chains: dict[str, Chain] = {}
        self._deltas: dict[Chain, Delta] = {}
        self._accused: dict[Chain, dict[Subject, None]] = {}
        self._timers = Timers[tuple[Chain, Subject]]()
        self._ends = Timers[Chain]()
        self._hops = 0
        self._now_ms = 0
        self._horizon_ms = int(policy.lateness_seconds * _MS)

    def add(self, hops: Iterable[Hop]) -> None:
        """Fold hops into their chains. Those without a root, and late ones, are only lineage."""
        for hop in hops:
            root_id, flags = hop.root_id, hop.flags
            if root_id is None or (flags and LATE in flags):
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
        self._judge.now_ms = self._now_ms = max(self._now_ms, now_ms)
        for chain, subject in self._timers.due(self._now_ms):
            if self._chains.get(chain.root_id) is chain:
                self._ask(InChain(chain, self._policy), subject)

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
        subjects: dict[Subject, None] = {}
        if delta.everything:
            subjects |= dict.fromkeys(chain.delegations.values())
        subjects |= dict.fromkeys((*delta.delegations, *delta.renewals, *delta.uses))
        if accused := self._accused.get(chain):
            # Findings show names and paths: they are told anew where those changed.
            subjects |= accused if delta.everything else _at(shown_from(delta.redrawn), accused)
        where = InChain(chain, self._policy)
        for subject in subjects:
            self._ask(where, subject)

    def _ask(self, where: InChain, subject: Subject) -> None:
        if isinstance(subject, Use):
            rules, arrived = self._of_use, subject.token.arrived
        elif isinstance(subject, Delegation):
            rules, arrived = self._of_delegation, subject.arrived
        elif isinstance(subject, Renewal):
            rules, arrived = self._of_renewal, subject.delegation.arrived
        before = subject.said
        due_ms = self._judge.ask(rules, subject, where, arrived, arrived)
        if due_ms is not None:
            self._timers.set(due_ms, (where.chain, subject))
        if subject.said is not before:
            self._accuse(where.chain, subject)

    def _accuse(self, chain: Chain, subject: Subject) -> None:
        if subject.said:
            self._accused.setdefault(chain, {})[subject] = None
        elif accused := self._accused.get(chain):
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


def _at(places: Iterable[Delegation], accused: Mapping[Subject, None]) -> dict[Subject, None]:
    """The accused among what was done at `places`."""
    found: dict[Subject, None] = {}
    for here in places:
        at: list[Subject] = [here, *here.renewals.values()]
        at += (use for token in here.tokens for use in token.uses.values())
        found |= {subject: None for subject in at if subject in accused}
    return found


class TokenEngine:
    """What one token tells across chains: reuse, expiry, audience, and which root it has."""

    def __init__(self, policy: Policy, rules: Sequence[Rule] | None = None) -> None:
        self._policy = policy
        rules = every() if rules is None else rules
        self._judge = Judge(rules, policy)
        self._of_presentation = [rule for rule in rules if rule.reads is Presentation]
        self._of_waiting = [rule for rule in rules if rule.reads is Waiting]
        self._histories: dict[str, Name] = {}
        self._delta = TokenDelta()
        self._timers = Timers[tuple[Name, Presentation | Waiting]]()
        self._ends = Timers[Name]()
        self._now_ms = 0
        self._horizon_ms = int(policy.lateness_seconds * _MS)

    def add(self, sightings: Iterable[Sighting]) -> None:
        """Fold sightings into their keys' histories."""
        for sighting in sightings:
            name = self._histories.get(sighting.key)
            if name is None:
                name = self._new(sighting.key)
            if isinstance(name, TokenHistory):
                histories.fold(name, sighting, self._policy, self._now_ms, self._delta)
            elif isinstance(name, Task):
                tasks.fold(name, sighting, self._policy, self._now_ms, self._delta)
            else:
                histories.fold_name(name, sighting, self._now_ms, self._delta)

    def _new(self, key: str) -> Name:
        kind = TokenHistory if is_token(key) else Task if is_task(key) else Name
        name = self._histories[key] = kind(key, self._now_ms, self._now_ms)
        self._ends.set(self._now_ms + self._horizon_ms, name)
        return name

    def advance(self, now_ms: int) -> None:
        """Let ingest time go on, in milliseconds; it never goes back."""
        self._judge.now_ms = self._now_ms = max(self._now_ms, now_ms)
        for name, subject in self._timers.due(self._now_ms):
            if self._histories.get(name.key) is not name:
                continue
            if isinstance(subject, Waiting):
                self._ask_waiting(name, subject)
            elif isinstance(name, TokenHistory):
                self._ask(InHistory(name, self._policy), subject)

    def next_due_ms(self) -> int | None:
        """The next reading of the clock at which `advance` has something to ask, if any."""
        return self._timers.next_ms()

    def drain(self, revision: int) -> tuple[list[Finding], list[Hop]]:
        """Judge what changed: findings, and the hops whose root is now known."""
        resolved = self.take_resolved()
        delta, self._delta = self._delta, TokenDelta()
        for history in delta.all:
            delta.some(history, history.presentations.values())
        where = None
        for shown, history in delta.presentations.items():
            if where is None or where.history is not history:
                where = InHistory(history, self._policy)
            self._ask(where, shown)
        for waiting, name in delta.waiting.items():
            self._ask_waiting(name, waiting)
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
            "presentations": sum(
                len(name.presentations)
                for name in self._histories.values()
                if isinstance(name, TokenHistory)
            ),
            "findings": self._judge.open_findings,
        }

    def _ask(self, where: InHistory, shown: Presentation) -> None:
        # That nobody issued the token is asked of the token, not of each of its uses.
        since = where.history.arrived
        due_ms = self._judge.ask(self._of_presentation, shown, where, since, shown.arrived)
        if due_ms is not None:
            self._timers.set(due_ms, (where.history, shown))

    def _ask_waiting(self, name: Name, waiting: Waiting) -> None:
        where, since = InName(name, self._policy), waiting.arrived
        due_ms = self._judge.ask(self._of_waiting, waiting, where, since, since)
        if due_ms is not None:
            self._timers.set(due_ms, (name, waiting))

    def _settle(self) -> None:
        for history in self._ends.due(self._now_ms):
            end = max(history.last_arrival, history.ends_at) + self._horizon_ms
            if end > self._now_ms:
                self._ends.set(end, history)
                continue
            if isinstance(history, TokenHistory):
                for shown in history.presentations.values():
                    self._judge.forget(shown)
            for waiting in history.waiting.values():
                self._judge.forget(waiting)
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
