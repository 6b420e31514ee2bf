"""What the eight operations share: who acts, under which delegation, and why it was refused.

The token's fingerprint decides which delegation a token stands for; context and baggage only
add what they can prove to be about the same one. An unknown root stays unknown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from opentelemetry.trace import SpanContext

from grantline.emit import canonical, mistakes
from grantline.emit.attributes import Kind, Operation
from grantline.emit.claims import UNKNOWN_ISSUER, Json, TokenFacts
from grantline.emit.context import Acting, agent_name
from grantline.emit.delegation import Delegation, Known
from grantline.emit.recorder import Recorder, Seen, Token
from grantline.emit.span import Earlier

NOTHING: Final = Delegation()
"""The answer of an operation that could not be recorded."""
REFUSED: Final = frozenset({"deny", "challenge"})
_CODE: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_DECIDED: Final = frozenset({"delegate", "renew", "use"})
"""What does not happen with a token that is not active."""
_IDS: Final = ("id", "parent_id", "root_id")


class Operations:
    """State and helpers of the operations; `Emitter` is what agents hold."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self.tally = recorder.tally
        self.settings = recorder.settings

    def _begin(
        self,
        operation: Operation,
        token: Token | None,
        verified: Json | None,
        introspected: Json | None,
        facts: Mapping[str, Any],
    ) -> tuple[Seen, dict[str, Any]]:
        """Read the token and the agent's keywords; put right what may not be published."""
        if verified is not None:
            verified = mistakes.claims_of(self.tally, "verified", verified)
        if introspected is not None:
            introspected = mistakes.claims_of(self.tally, "introspected", introspected)
        seen = self._recorder.see(token, verified, introspected)
        fields = self._recorder.stated(operation, facts)
        for name in _IDS:
            if name in fields and not canonical.is_id(fields[name]):
                self._recorder.refuse(operation, f"{name}: 1 to 64 of A-Z a-z 0-9 _ . : -")
                del fields[name]
        self._name_people(fields, seen.facts)
        if seen.fingerprint:
            fields["token_fingerprint"] = seen.fingerprint
            if seen.facts is None or not (seen.facts.decoded or seen.facts.get("token_type")):
                fields.setdefault("token_type", "opaque")
        if seen.dead and operation in _DECIDED:
            fields.setdefault("decision_outcome", "deny")
            fields.setdefault("decision_reason", "invalid_token")
        if seen.evidence:
            fields.setdefault("evidence", seen.evidence)
        return seen, fields

    def _check_founded(self, operation: str, fields: dict[str, Any]) -> None:
        if not mistakes.names_something(fields):
            mistakes.unfounded(self.tally, operation)

    def _name_people(self, fields: dict[str, Any], facts: TokenFacts | None) -> None:
        for who in ("subject_id", "approver_id"):
            name = fields.get(who)
            if isinstance(name, str):
                issuer = fields.get("subject_issuer") or (facts and facts.get("subject_issuer"))
                fields[who] = self._recorder.people.subject(issuer or UNKNOWN_ISSUER, name)

    def _standing(
        self, seen: Seen, around: Acting | None, stated: Delegation | None = None
    ) -> Known:
        """The delegation a token stands for, or, without one, the stated or current one."""
        if stated is not None and not isinstance(stated, Delegation):
            wanted = "what grant(), delegate() or current() returned"
            mistakes.wrong_type(self.tally, "a delegation", wanted, stated)
            stated = None
        if stated is not None:
            known = self._recorder.memory.get(stated.id)
            if known is None:
                return Known(stated, seen.facts)
            return Known(stated, seen.facts or known.facts, known.origin)
        if seen.fingerprint is None:
            return self._from_context(around)
        if seen.known is not None:
            same = seen.facts is None or seen.facts is seen.known.facts
            return seen.known if same else seen.known._replace(facts=seen.facts)
        own = canonical.delegation_id(seen.fingerprint)
        if around is not None and around.delegation.id == own:
            return Known(replace(around.delegation, fingerprint=seen.fingerprint), seen.facts)
        if around is not None and around.told and around.delegation.id:
            self.tally.note("baggage_conflict", "baggage names another delegation than the token")
        return Known(Delegation(own, fingerprint=seen.fingerprint), seen.facts)

    def _from_context(self, around: Acting | None) -> Known:
        if around is None:
            return Known(NOTHING)
        known = self._recorder.memory.get(around.delegation.id)
        return Known(around.delegation, around.facts, known.origin if known else None)

    def _of_task(self, fields: Mapping[str, Any], around: Acting | None) -> Known | None:
        """The delegation of a task named by its id: the current one, else one made here for it.

        `None` where that is not known, or not one: an unknown root is left out, never guessed.
        """
        task = fields.get("task_id")
        if not isinstance(task, str) or "id" in fields:
            return None
        if around is not None and around.delegation.task_id == task:
            return self._from_context(around)
        return self._recorder.memory.task(task)

    def _decided(self, fields: dict[str, Any], around: Acting | None) -> Known:
        """What is meant without a token: the named task's delegation, else the current one."""
        if (known := self._of_task(fields, around)) is not None:
            return known
        task = fields.get("task_id")
        if (
            around is not None
            and task is not None
            and around.delegation.task_id not in (None, task)
        ):
            return Known(NOTHING)  # another task is current
        return self._standing(Seen(), around)

    def _task_alone(self, fields: dict[str, Any], around: Acting | None) -> Known:
        """A whole task and no delegation of it; of what is known of it, the root says where."""
        known = self._of_task(fields, around)
        if known is None:
            return Known(NOTHING)
        return Known(Delegation(root_id=known.delegation.root_id), None, known.origin)

    def _put_ids(self, fields: dict[str, Any], known: Delegation, around: Acting | None) -> None:
        fields.setdefault("id", known.id)
        fields.setdefault("parent_id", known.parent_id)
        fields.setdefault("root_id", known.root_id)
        fields.setdefault("depth", known.depth)
        fields.setdefault("task_id", known.task_id)
        self._put_task(fields, around)

    def _put_task(self, fields: dict[str, Any], around: Acting | None) -> str | None:
        if fields.get("task_id") is None and around is not None:
            fields["task_id"] = around.delegation.task_id
        task: str | None = fields.get("task_id")
        return task

    def _put_context(
        self, fields: dict[str, Any], known: Delegation, around: Acting | None
    ) -> None:
        """What baggage says where it is not what the token says: a fact, which rules may judge."""
        if around is None or not around.told or around.delegation.id in (None, known.id):
            return
        fields.setdefault("context_id", around.delegation.id)
        if around.delegation.root_id != known.root_id:
            fields.setdefault("context_root_id", around.delegation.root_id)

    def _put_presenter(self, fields: dict[str, Any], kind: Kind) -> None:
        """A client presents as itself; a server must be told whom the transport proved."""
        if kind == "client":
            own = self.settings.workload_id or self.settings.service_name
            fields.setdefault("presenter_id", own)

    def _put_actor(
        self, fields: dict[str, Any], facts: TokenFacts | None, kind: Kind
    ) -> str | None:
        """The party that may act, and its name for the span's name."""
        actor = fields.get("actor_id") or (facts and facts.get("actor_id"))
        if actor is None and kind != "server":
            actor = fields["actor_id"] = agent_name() or self.settings.service_name
        return actor if isinstance(actor, str) else None

    def _put_subject(self, fields: dict[str, Any], facts: TokenFacts | None) -> None:
        """On whose behalf, from another token of the same delegation."""
        if facts is not None and "subject_id" not in fields:
            for name in ("subject_id", "subject_issuer", "subject_type"):
                fields.setdefault(name, facts.get(name))

    def _explain(self, fields: dict[str, Any], outcome: str) -> None:
        """A refusal has an outcome, a code and an error type; never a message."""
        fields.setdefault("decision_outcome", outcome)
        failure = fields.get("error_type")
        reason = fields.get("decision_reason") or ("request_failed" if failure else "access_denied")
        if not isinstance(reason, str) or not _CODE.fullmatch(reason):
            reason = "other"
        fields["decision_reason"] = reason
        fields.setdefault("error_type", reason)

    def _follows(self, above: Known, around: Acting | None) -> tuple[Earlier, ...]:
        """The span that told of the delegation and the one a resumed agent left."""
        resumed = around.resumed if around is not None else None
        own = above.delegation.id
        return Earlier("parent", above.origin, own), Earlier("resume", resumed, own)

    def _remember(
        self,
        made: Delegation,
        facts: TokenFacts | None,
        origin: SpanContext | None,
        *fingerprints: str | None,
    ) -> Delegation:
        if made.id is not None or made.fingerprint is not None:
            known = Known(made, facts, origin)
            self._recorder.memory.keep(known, made.fingerprint, *fingerprints)
            if made.fingerprint is not None:
                # What an ID token's `at_hash` leads to, after a renewal, too.
                other = canonical.delegation_id(made.fingerprint)
                if other != made.id:
                    self._recorder.memory.keep(known, other, of_id=False)
        return made
