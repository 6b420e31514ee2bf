"""What one chain tells: the engine of one partition of `delegation.hops`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from grantline.judge import Judge
from grantline.lineage import chains
from grantline.lineage.dissolving import dissolve
from grantline.lineage.packing import pack_chain, unpack_chain
from grantline.lineage.tiers import Bounds, Dump, Packing, Tiers
from grantline.lineage.timers import Timers
from grantline.lineage.tree import Delta, shown_from
from grantline.model.chain import Chain, Delegation, Renewal, Use
from grantline.model.finding import Finding
from grantline.model.hop import LATE, NAMES_JOINED, Hop
from grantline.model.names import chain_below, chain_named
from grantline.model.policy import Policy
from grantline.model.subject import Subject
from grantline.rules import every
from grantline.rules.rule import InChain, Rule, spoken_under

_MS = 1_000
_NEEDS = (
    "required_scopes",
    "requested_scopes",
    "context_root_id",
    "endings",
    "refused",
    "no token",
)
"""What `Rule.needs` may name; each a bit of the number by which a use's rules are found."""
_PACKING = Packing[Chain](pack_chain, unpack_chain)


class ChainEngine:
    """What one chain tells: scope, revocation, depth, gaps. One per partition of hops."""

    def __init__(
        self, policy: Policy, rules: Sequence[Rule] | None = None, bounds: Bounds | None = None
    ) -> None:
        """`bounds`: how much is kept as objects, and at all."""
        self._policy = policy
        rules = every() if rules is None else rules
        self._judge = Judge(rules, policy)
        self._rules: dict[type[Subject], list[Rule]] = {
            kind: [rule for rule in spoken_under(rules, policy) if rule.reads is kind]
            for kind in (Delegation, Renewal, Use)
        }
        self._of_use = [_of_use(self._rules[Use], told, policy) for told in range(1 << len(_NEEDS))]
        horizon_ms = int(policy.lateness_seconds * _MS)
        self._chains = Tiers(_PACKING, bounds or Bounds(), horizon_ms, self._woken, self._gone)
        self._deltas: dict[Chain, Delta] = {}
        self._timers = Timers[Subject]()
        self._taken = 0
        self._now_ms = 0

    def add(self, hops: Iterable[Hop]) -> None:
        """Fold hops into their chains. Those that have none yet, and late ones, are only lineage."""
        for hop in hops:
            root_id, flags, below = hop.root_id, hop.flags, hop.chain_key
            if below is not None:
                key = chain_below(below)
            elif root_id is not None:
                key = root_id if root_id[:1] != "\0" else chain_named(root_id)
            else:
                continue
            if flags and (LATE in flags or NAMES_JOINED in flags):
                continue
            chain = self._chains.get(key)
            if chain is None:
                chain = Chain(key)
                self._chains.add(chain)
            delta = self._deltas.get(chain)
            if delta is None:
                delta = self._deltas[chain] = Delta()
            self._taken += 1
            if below is None or chains.stands(chain, hop, self._now_ms, delta):
                chains.fold(chain, hop, self._now_ms, delta)

    def advance(self, now_ms: int) -> None:
        """Let ingest time go on, in milliseconds; it never goes back."""
        self._judge.now_ms = self._now_ms = max(self._now_ms, now_ms)
        for key, subject in self._timers.due(self._now_ms):
            chain = self._chains.get(key)
            if chain is None:
                continue
            if subject is None:
                self._ask_all(chain)
            else:
                self._ask(InChain(chain, self._policy), subject, _since(subject))

    def next_due_ms(self) -> int | None:
        """The next reading of the clock at which `advance` has something to ask, if any."""
        return self._timers.next_ms()

    def drain(self, revision: int) -> list[Finding]:
        """Judge what changed; the findings that are new, amended or retracted since last time."""
        self._ask_changed()
        findings = self._judge.drain(revision)
        self._chains.sweep(self._taken, self._now_ms)
        self._taken = 0
        return findings

    def stats(self) -> dict[str, int]:
        """Sizes of what is held in memory; `findings` are those of what is unpacked."""
        return {
            "chains": len(self._chains),
            "hops": self._chains.hops,
            "objects": self._chains.objects,
            "bytes": self._chains.size_bytes,
            "shed": self._chains.shed,
            "findings": self._judge.open_findings,
        }

    def _ask_changed(self) -> None:
        for chain, delta in self._deltas.items():
            self._judge_chain(chain, delta)
        self._deltas.clear()

    def _judge_chain(self, chain: Chain, delta: Delta) -> None:
        where = InChain(chain, self._policy)
        if chain.closed:
            self._close(chain)
            return
        for top in delta.redrawn:
            if top.children:  # who is above them is a fact of what is below
                delta.delegations |= dict.fromkeys(shown_from((top,)))
        if not delta.everything and not (chain.accused and delta.redrawn):
            for delegation in delta.delegations:
                self._ask(where, delegation, delegation.arrived)
            for renewal in delta.renewals:
                self._ask(where, renewal, renewal.delegation.arrived)
            for use in delta.uses:
                self._ask(where, use, use.token.arrived)
            return
        for subject in self._shown_anew(chain, delta):
            self._ask(where, subject, _since(subject))

    def _shown_anew(self, chain: Chain, delta: Delta) -> Iterable[Subject]:
        """What changed, and the findings that show names and paths which changed."""
        subjects: dict[Subject, None] = {}
        if delta.everything:
            subjects |= dict.fromkeys(chain.delegations.values())
            subjects |= chain.accused
        else:
            subjects |= _at(shown_from(delta.redrawn), chain.accused)
        return subjects | dict.fromkeys((*delta.delegations, *delta.renewals, *delta.uses))

    def _close(self, chain: Chain) -> None:
        """Take back what it said, and keep nothing of it but that it is closed."""
        for subject in chain.accused:
            self._judge.ask((), subject, None, 0, 0)
        self._timers.drop(chain.key)
        chain.accused.clear()
        dissolve(chain)

    def _ask(self, where: InChain, subject: Subject, since_ms: int) -> None:
        rules, before, chain = self._rules[type(subject)], subject.said, where.chain
        if isinstance(subject, Use):
            needs = 0 if chain.endings is None else 8
            needs += 16 if subject.refused else 0
            needs += 32 if subject.token.fingerprint is None else 0
            if (told := subject.told) is not None:
                needs += told.required_scopes is not None
                needs += 2 if told.requested_scopes is not None else 0
                needs += 4 if told.context_root_id is not None else 0
            rules = self._of_use[needs]
        # A chain without a root begins when the grace for what is above it has passed.
        waited = since_ms if not chain.rootless else 0
        due_ms = self._judge.ask(rules, subject, where, waited, since_ms)
        if due_ms is not None:
            self._timers.set(due_ms, chain.key, subject)
        elif chain.key in self._timers.of:
            self._timers.cancel(chain.key, subject)
        if subject.said:
            chain.accused[subject] = None
        elif before:
            chain.accused.pop(subject, None)

    def bound(self, bounds: Bounds) -> None:
        """How much may be kept from now on."""
        self._chains.bounds = bounds

    def dump(self) -> Dump:
        """All that is held, packed; between a drain and the next hop."""
        return self._chains.dump(self._timers.firsts())

    def load(self, dump: Dump, now_ms: int) -> None:
        """Go on from what `dump` gave, at the time at which it did."""
        self.advance(now_ms)
        self._chains.load(dump)
        for key, due_ms in dump.timers:
            self._timers.set(due_ms, key, None)

    def _woken(self, chain: Chain) -> None:
        self._judge.recall(chain.accused)
        if self._timers.wake(chain.key):
            self._ask_all(chain)

    def _ask_all(self, chain: Chain) -> None:
        """It was packed; asking sets the timers of what still waits."""
        self._deltas.setdefault(chain, Delta()).all_of(chain)

    def _gone(self, chain: Chain) -> None:
        self._timers.sleep(chain.key)
        for subject in chain.accused:
            self._judge.forget(subject)
        dissolve(chain)


def _of_use(rules: Iterable[Rule], told: int, policy: Policy) -> list[Rule]:
    """Those that have something to say of a use of which so much is told."""
    needed = {need for bit, need in enumerate(_NEEDS) if told >> bit & 1}
    if policy.required_scopes:
        needed.add("required_scopes")
    return [rule for rule in rules if rule.needs is None or rule.needs in needed]


def _since(subject: Subject) -> int:
    """Where the grace of what it lacks begins, milliseconds."""
    if isinstance(subject, Use):
        return subject.token.arrived
    if isinstance(subject, Renewal):
        return subject.delegation.arrived
    return subject.arrived if isinstance(subject, Delegation) else 0


def _at(places: Iterable[Delegation], accused: Mapping[Subject, None]) -> dict[Subject, None]:
    """The accused among what was done at `places`."""
    found: dict[Subject, None] = {}
    for here in places:
        at: list[Subject] = [here, *here.renewals.values()]
        at += (use for token in here.tokens for use in token.uses.values())
        found |= {subject: None for subject in at if subject in accused}
    return found
