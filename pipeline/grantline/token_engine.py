"""What one token tells across chains: the engine of one partition of `delegation.tokens`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from grantline.judge import Judge
from grantline.lineage import approvals, histories, keys, parties, places, postures, tasks
from grantline.lineage.histories import TokenDelta
from grantline.lineage.packing_names import LEADS, pack_given, pack_name, unpack_name
from grantline.lineage.route import TASK, token_key
from grantline.lineage.tiers import Bounds, Dump, Head, Packing, Tiers
from grantline.lineage.timers import Timers
from grantline.model.approval import Approval, Citation
from grantline.model.finding import Finding
from grantline.model.history import (
    Name,
    Party,
    Presentation,
    Task,
    TokenHistory,
    Waiting,
    subjects_of,
)
from grantline.model.hop import JOINS, Hop
from grantline.model.once import BARE, FLAT, Once, Posture
from grantline.model.policy import Policy
from grantline.model.sighting import ISSUED, Sighting
from grantline.model.subject import Subject
from grantline.rules import every
from grantline.rules.rule import InHistory, InName, Rule, spoken_under

_MS = 1_000
_NEEDS: Final = (None, None, "exchange", None, None, None, "actor token", "proof")
"""What `Rule.needs` may name of a presentation, by its act; a use may show the proof of a key."""
_PROOF: Final = 7
_PREFIX: Final = 4
"""Letters of a key that tell its kind."""


class TokenEngine:
    """What one token tells across chains: reuse, expiry, audience, and which root it has."""

    def __init__(
        self, policy: Policy, rules: Sequence[Rule] | None = None, bounds: Bounds | None = None
    ) -> None:
        """`bounds`: how much is kept as objects, and at all."""
        self._policy = policy
        rules = every() if rules is None else rules
        self._judge = Judge(rules, policy)
        asked = spoken_under(rules, policy)
        shows = [rule for rule in asked if rule.reads is Presentation]
        self._of_presentation = [
            [rule for rule in shows if rule.needs is None or rule.needs == need] for need in _NEEDS
        ]
        self._of_others = {
            kind: [rule for rule in asked if rule.reads is kind] for kind in (Citation, Once)
        }
        self._of_waiting = [rule for rule in asked if rule.reads is Waiting]
        horizon_ms = int(policy.lateness_seconds * _MS)
        self._names = Tiers(_PACKING, bounds or Bounds(), horizon_ms, self._woken, self._gone)
        self._delta = TokenDelta()
        self._timers = Timers[Subject]()
        self._taken = 0
        self._now_ms = 0

    def add(self, sightings: Iterable[Sighting]) -> None:
        """Fold sightings into their keys' histories."""
        for sighting in sightings:
            name = self._names.get(sighting.key)
            if name is None:
                kind = _kind(sighting.key)
                if kind in (Name, Party) and self._laid(kind, sighting):
                    continue
                name = kind(sighting.key, self._now_ms, self._now_ms)
                self._names.add(name)
            self._taken += 1
            if isinstance(name, TokenHistory):
                histories.fold(name, sighting, self._policy, self._now_ms, self._delta)
            elif name.__class__ is Name:
                histories.fold_name(name, sighting, self._now_ms, self._delta)
            elif isinstance(name, Task):
                tasks.fold(name, sighting, self._policy, self._now_ms, self._delta)
            elif isinstance(name, Party):
                # Many may be given to one service: they weigh what they cost.
                out = self._delta.resolved
                self._taken += parties.fold(name, sighting, self._policy, self._now_ms, out) - 1
            elif isinstance(name, Approval):
                approvals.fold(name, sighting, self._now_ms, self._delta)
            elif isinstance(name, Posture):
                postures.fold(name, sighting, self._now_ms, self._delta)

    def _laid(self, kind: type[Name], sighting: Sighting) -> bool:
        """A delegation's id, or a jti, is mostly spoken of once, where it comes into being: it is
        kept packed from then on. So is a person or a session.
        """
        root_id, expires_at = sighting.root_id, sighting.expires_at
        if sighting.act != ISSUED or root_id is None:
            return False
        if kind is Party and parties.is_busy(sighting.key):
            return False
        over_at = max(self._now_ms, (expires_at or 0) * _MS)
        try:
            if kind is Party:
                at, over_at = parties.told_in(sighting, self._now_ms)
                packed = pack_given(at, sighting.time, over_at)
            else:
                # Of two in three hops: whose word joins, doubts nothing.
                doubted = sighting.rank < JOINS and places.doubts(sighting)
                packed = LEADS[doubted, sighting.action is not None] + root_id.encode()
        except UnicodeEncodeError:  # only in a file: no frame can hold it
            return False
        self._names.lay(sighting.key, over_at, packed)
        return True

    def advance(self, now_ms: int) -> None:
        """Let ingest time go on, in milliseconds; it never goes back."""
        self._judge.now_ms = self._now_ms = max(self._now_ms, now_ms)
        for key, subject in self._timers.due(self._now_ms):
            name = self._names.get(key)
            if name is None:
                continue
            if subject is None:
                self._ask_all(name)
            elif isinstance(subject, Waiting):
                self._ask_waiting(name, subject)
            elif isinstance(subject, Presentation):
                if isinstance(name, TokenHistory):
                    self._ask(InHistory(name, self._policy), subject)
            else:
                self._ask_other(name, subject)

    def next_due_ms(self) -> int | None:
        """The next reading of the clock at which `advance` has something to ask, if any."""
        return self._timers.next_ms()

    def drain(self, revision: int) -> tuple[list[Finding], list[Hop]]:
        """Judge what changed: findings, and the hops that go on: their root is now known, or the
        time in which it might have come has passed.
        """
        resolved = self.take_resolved()
        self._ask_changed()
        resolved += self.take_resolved()
        findings = self._judge.drain(revision)
        self._names.sweep(self._taken, self._now_ms)
        self._taken = 0
        return findings, resolved

    def _ask_changed(self) -> None:
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
        for subject, name in delta.others.items():
            self._ask_other(name, subject)

    def take_resolved(self) -> list[Hop]:
        """The hops that go on since last time, to be routed like any other."""
        resolved, self._delta.resolved = self._delta.resolved, []
        return resolved

    def stats(self) -> dict[str, int]:
        """Sizes of what is held in memory; `findings` are those of what is unpacked."""
        return {
            "tokens": len(self._names),
            "presentations": self._names.hops,
            "objects": self._names.objects,
            "bytes": self._names.size_bytes,
            "shed": self._names.shed,
            "findings": self._judge.open_findings,
        }

    def _ask(self, where: InHistory, shown: Presentation) -> None:
        # That nobody issued the token is asked of the token, not of each of its uses.
        since, act = where.history.arrived, shown.act
        rules = self._of_presentation[act if shown.proof is None else _PROOF]
        due_ms = self._judge.ask(rules, shown, where, since, shown.arrived)
        self._set_timer(where.history, shown, due_ms)

    def _ask_waiting(self, name: Name, waiting: Waiting) -> None:
        where, since = InName(name, self._policy), waiting.arrived
        due_ms = self._judge.ask(self._of_waiting, waiting, where, since, since)
        begins_ms = places.due_ms(name, waiting, self._policy)
        if begins_ms is not None and begins_ms <= self._now_ms:
            self._delta.resolved.extend(places.begin(name, waiting))
        elif begins_ms is not None:
            due_ms = begins_ms if due_ms is None else min(due_ms, begins_ms)
        self._set_timer(name, waiting, due_ms)

    def _ask_other(self, name: Name, subject: Subject) -> None:
        if isinstance(subject, (Citation, Once)):
            where, since = InName(name, self._policy), subject.arrived
            due_ms = self._judge.ask(self._of_others[type(subject)], subject, where, since, since)
            self._set_timer(name, subject, due_ms)

    def _set_timer(self, name: Name, subject: Subject, due_ms: int | None) -> None:
        if due_ms is not None:
            self._timers.set(due_ms, name.key, subject)
        elif name.key in self._timers.of:
            self._timers.cancel(name.key, subject)

    def bound(self, bounds: Bounds) -> None:
        """How much may be kept from now on."""
        self._names.bounds = bounds

    def dump(self) -> Dump:
        """All that is held, packed; between a drain and the next sighting."""
        return self._names.dump(self._timers.firsts())

    def load(self, dump: Dump, now_ms: int) -> None:
        """Go on from what `dump` gave, at the time at which it did."""
        self.advance(now_ms)
        self._names.load(dump)
        for key, due_ms in dump.timers:
            self._timers.set(due_ms, key, None)

    def _woken(self, name: Name) -> None:
        self._judge.recall(subjects_of(name))
        if self._timers.wake(name.key):
            self._ask_all(name)

    def _ask_all(self, name: Name) -> None:
        """It was packed; asking sets the timers of what still waits."""
        self._delta.waiting |= dict.fromkeys(name.waiting.values(), name)
        if isinstance(name, TokenHistory):
            self._delta.all[name] = None
        else:
            self._delta.others |= dict.fromkeys(name.judged(), name)

    def _gone(self, name: Name) -> None:
        self._timers.sleep(name.key)
        for subject in subjects_of(name):
            if subject.said:
                self._judge.forget(subject)


_PREFIXES: Final[tuple[tuple[str, type[Name]], ...]] = (
    (token_key(""), TokenHistory),
    (TASK, Task),
    (keys.APPROVAL, Approval),
    (BARE, Posture),
    (FLAT, Posture),
    *((prefix, Party) for prefix in parties.KINDS),
)
_KINDS: Final = {prefix[:_PREFIX]: kind for prefix, kind in _PREFIXES}


def _kind(key: str) -> type[Name]:
    return _KINDS.get(key[:_PREFIX], Name)


def _unpack(key: str, data: bytes, head: Head) -> Name:
    return unpack_name(_kind(key), key, data, head)


_PACKING = Packing[Name](pack_name, _unpack)
