"""From hits to findings: what was said before, what is to be said now.

The judge asks rules about subjects, keeps the hits of each, and adds hits of one identity up to
one finding. It knows neither chains nor tokens, and no clock: whoever asks tells the time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from grantline.model.case import Case
from grantline.model.finding import (
    MAX_LISTED,
    Confidence,
    ConfidenceName,
    Finding,
    Hit,
    Severity,
    SeverityName,
    finding_id,
)
from grantline.model.names import is_unseen
from grantline.model.policy import Policy, digest
from grantline.model.subject import Spoken, Subject
from grantline.rules import words
from grantline.rules.exemptions import Exemptions
from grantline.rules.rule import NONE, Rule
from grantline.rules.told import with_subject

_SEVERITIES: dict[Severity, SeverityName] = {
    Severity.INFO: "info",
    Severity.LOW: "low",
    Severity.MEDIUM: "medium",
    Severity.HIGH: "high",
    Severity.CRITICAL: "critical",
}
_CONFIDENCES: dict[Confidence, ConfidenceName] = {
    Confidence.LOW: "low",
    Confidence.MEDIUM: "medium",
    Confidence.HIGH: "high",
}

_MS = 1_000
_UNSEEN = {"root grant": "not seen"}
CRASHED = "rule-crashed"
"""The rule id of findings about rules."""


class Judge:
    """Asks rules and keeps what they said. One per partition."""

    def __init__(self, rules: Sequence[Rule], policy: Policy) -> None:
        self._rules = {rule.id: rule for rule in rules}
        self._grace_ms = int(policy.parent_grace_seconds * _MS)
        self._witness_ms = int(policy.witness_seconds * _MS)
        self._exemptions = Exemptions(policy) if policy.exemptions else None
        self._policy = digest(policy)
        self._cases: dict[str, Case] = {}
        self._changed: dict[str, None] = {}
        self.now_ms = 0
        """Ingest time, set by whoever lets it go on."""

    @property
    def open_findings(self) -> int:
        return sum(1 for case in self._cases.values() if case.hits)

    def ask(
        self, rules: Iterable[Rule], subject: Subject, where: object, since_ms: int, told_ms: int
    ) -> int | None:
        """Ask `rules` about `subject`; when to ask again, if time alone changes what one says.

        That something is missing (`Rule.absence`, `Hit.absence`) is not said before its grace has passed,
        counted from `since_ms`; what another report of the same call may explain
        (`Hit.provisional`) stays marked so until the witness had its time after `told_ms`.
        """
        spoken: list[Spoken] | None = None
        due_ms: int | None = None
        for rule in rules:
            try:
                hits = rule.check(subject, where)
                if hits is NONE:
                    continue
                # A generator may fail after its first hit.
                hits = tuple(hits)
            except Exception as why:  # noqa: BLE001 - a broken rule must not cost the others
                spoken = [*(spoken or ()), (CRASHED, _crash(rule, why))]
                continue
            if not hits:
                continue
            if spoken is None:
                spoken = []
            hits = [with_subject(hit, subject, where) for hit in hits]
            wait_ms = self._say(rule, hits, since_ms, told_ms, spoken)
            if wait_ms is not None:
                due_ms = wait_ms if due_ms is None else min(due_ms, wait_ms)
        if spoken or subject.said:
            self._record(subject, tuple(spoken or ()))
        return due_ms

    def _say(
        self,
        rule: Rule,
        hits: Iterable[Hit],
        since_ms: int,
        told_ms: int,
        spoken: list[Spoken],
    ) -> int | None:
        """Adds what may be said now to `spoken`; when there is more, or less, to say."""
        due_ms = None
        for hit in hits:
            if (rule.absence or hit.absence) and since_ms + self._grace_ms > self.now_ms:
                due_ms = since_ms + self._grace_ms
                continue
            if hit.provisional:
                if told_ms + self._witness_ms > self.now_ms:
                    due_ms = told_ms + self._witness_ms
                else:
                    hit = msgspec.structs.replace(hit, provisional=False)  # noqa: PLW2901
            if self._exemptions is not None:
                hit = self._exemptions.applied(rule.id, hit)  # noqa: PLW2901
            spoken.append((rule.id, hit))
        return due_ms

    def recall(self, subjects: Iterable[Subject]) -> None:
        """What was said of `subjects` before they left memory is known again, and not said again.

        All of them that share a finding, at once.
        """
        recalled: dict[str, Case] = {}
        for subject in subjects:
            for rule_id, hit in subject.said:
                if rule_id != CRASHED:  # that one is about the rule: it was never forgotten
                    identity = _identity(rule_id, hit)
                    case = self._cases.setdefault(identity, Case(rule_id))
                    case.put(subject, hit)
                    recalled[identity] = case
        for identity, case in recalled.items():
            case.said = self._render(identity, case, 0)

    def forget(self, subject: Subject) -> None:
        """The subject has left memory; what was said of it stands. Only between a drain and the
        next question: what was not said yet would be lost.
        """
        for rule_id, hit in subject.said:
            identity = _identity(rule_id, hit)
            case = self._cases.get(identity)
            if case is not None:
                case.hits.pop(subject, None)
                if not case.hits:
                    del self._cases[identity]

    def drain(self, revision: int) -> list[Finding]:
        """Every finding that is not what it was at the last drain, stamped `revision`."""
        out = []
        for identity in self._changed:
            case = self._cases[identity]
            finding = self._finding(identity, case, revision)
            if finding is None:
                continue
            case.said = finding
            out.append(finding)
            if not case.hits:
                del self._cases[identity]
        self._changed.clear()
        return out

    def _record(self, subject: Subject, spoken: tuple[Spoken, ...]) -> None:
        before = subject.said
        if spoken == before:
            return
        now = {_identity(rule_id, hit): (rule_id, hit) for rule_id, hit in spoken}
        for rule_id, hit in before:
            identity = _identity(rule_id, hit)
            if identity not in now and (case := self._cases.get(identity)) is not None:
                case.drop(subject)
                self._changed[identity] = None
        for identity, (rule_id, hit) in now.items():
            case = self._cases.get(identity)
            if case is None:
                case = self._cases[identity] = Case(rule_id)
            if case.hits.get(subject) != hit:
                case.put(subject, hit)
                self._changed[identity] = None
        subject.said = spoken

    def _finding(self, identity: str, case: Case, revision: int) -> Finding | None:
        if not case.hits:
            if case.said is None:
                del self._cases[identity]  # came and went between two drains: never said
                return None
            gone = {"status": "retracted", "provisional": False, "revision": revision}
            return case.said.model_copy(update=gone)
        finding = self._render(identity, case, revision)
        if case.said is not None and finding == case.said.model_copy(update={"revision": revision}):
            return None
        return finding

    def _render(self, identity: str, case: Case, revision: int) -> Finding:
        rule = self._rules.get(case.rule_id)
        listed = case.listed()
        first = listed[0]
        unseen = first.root_id is not None and is_unseen(first.root_id)
        # Whoever let it in is whom the reader has to ask.
        shown = next((hit for hit in listed if hit.outcome == "allowed"), first)
        return Finding(
            id=identity,
            rule=case.rule_id,
            reference=first.reference,
            title=rule.title if rule is not None else "A rule crashed",
            severity=_SEVERITIES[max(+case.severities)],
            confidence=_CONFIDENCES[max(+case.confidences)],
            status="open",
            provisional=not case.settled,
            revision=revision,
            root_id=None if unseen else first.root_id,
            delegation_ids=_merged(hit.delegation_ids for hit in listed),
            token_fingerprints=_merged(hit.token_fingerprints for hit in listed),
            span_ids=_merged(hit.span_ids for hit in listed),
            count=case.count,
            first_seen=words.instant(case.first_time),
            last_seen=words.instant(case.last_time),
            explanation=first.says + _and_more(case, first),
            path=list(first.path),
            facts=dict(first.facts) | (_UNSEEN if unseen else {}),
            retracts_if=rule.retracts_if if rule is not None else "the rule is mended",
            triage=rule.triage
            if rule is not None
            else "Report the rule's id and the error's type.",
            sql=f"SELECT * FROM explain_finding('{identity}')",  # noqa: S608 - the id is our own hash
            policy=self._policy,
            actor=shown.actor,
            system=shown.system,
            outcome=shown.outcome or "unknown",
            issuer=shown.issuer,
            jti=shown.jti,
            revoked_id=shown.revoked_id,
            revoked_by=shown.revoked_by,
        )


def _identity(rule_id: str, hit: Hit) -> str:
    return finding_id(rule_id, hit.reference, hit.identity)


def _merged(groups: Iterable[tuple[str, ...]]) -> list[str]:
    return list(dict.fromkeys(item for group in groups for item in group))[:MAX_LISTED]


def _and_more(case: Case, first: Hit) -> str:
    """How often besides `first`: what was let in, and what was refused."""
    spans = len(first.span_ids)
    if first.refused or not case.refused:
        return f" (and {case.count - spans} more)" if case.count > spans else ""
    others = case.count - case.refused - spans
    more = f"and {others} more; " if others else ""
    return f" ({more}{case.refused} {'was' if case.refused == 1 else 'were'} refused)"


def _crash(rule: Rule, why: Exception) -> Hit:
    # Only the type: the message of an exception may hold what a span carried.
    kind = type(why).__name__
    return Hit(
        reference="OPS-RULE",
        identity=(rule.id, kind),
        says=f"rule {rule.id} failed with {kind}; the other rules still ran",
        severity=Severity.MEDIUM,
        confidence=Confidence.HIGH,
        time=0,
        root_id=None,
        span_ids=(),
    )
