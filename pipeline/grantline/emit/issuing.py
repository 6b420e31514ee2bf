"""The operations that bring authority into being: grant, delegate, renew."""

from __future__ import annotations

from typing import Any, Final, Unpack

from grantline.dialects import Answer
from grantline.emit import canonical
from grantline.emit.attributes import Kind
from grantline.emit.base import NOTHING, REFUSED, Operations
from grantline.emit.claims import UNKNOWN_ISSUER, Json, TokenFacts, answered
from grantline.emit.context import Acting, acting, agent_name
from grantline.emit.delegation import Delegation, Known
from grantline.emit.facts import Facts
from grantline.emit.guard import guarded
from grantline.emit.recorder import Fact, Seen, Token, secrets_of

_OPAQUE: Final = "opaque"
_OF_PARENT: Final = ("jti", "issuer", "type", "expires_at")
_HUMAN_METHODS: Final = frozenset({"authorization_code", "device_code", "ciba"})


class Issuing(Operations):
    """Grant, delegate and renew."""

    @guarded(NOTHING, must_record=True)
    def grant(
        self,
        token: Token | None = None,
        *,
        verified: Json | None = None,
        introspected: Json | None = None,
        refresh_token: Token | None = None,
        kind: Kind | None = None,
        **facts: Unpack[Facts],
    ) -> Delegation:
        """Authority enters the system: the root of a chain, at depth 0.

        `verified` are claims the agent has itself verified, `introspected` an RFC 7662
        response. `refresh_token` is remembered (by fingerprint) for a later `renew`.
        """
        around = acting()
        seen, fields = self._begin("grant", token, verified, introspected, facts)
        own = _own_id(fields, seen)
        fields.update(id=own, root_id=own, depth=0)
        fields.setdefault("evidence", "asserted")
        fields.setdefault("method", "other")
        if seen.facts is None or not seen.facts.get("subject_type"):
            fields.setdefault("subject_type", _subject_type(fields["method"]))
        kind = kind or ("client" if token is not None else "internal")
        actor = self._put_actor(fields, seen.facts, kind)
        made = Delegation(own, own, None, 0, self._put_task(fields, around), seen.fingerprint)
        secrets = secrets_of(token, refresh_token)
        origin = self._recorder.record(Fact("grant", kind, fields, seen.facts, secrets, actor))
        self._recorder.memory.begin(Known(made, seen.facts, origin))
        return self._remember(made, seen.facts, origin, self._recorder.print_of(refresh_token))

    @guarded(NOTHING, must_record=True)
    def delegate(
        self,
        token: Token | None = None,
        *,
        subject_token: Token | None = None,
        actor_token: Token | None = None,
        parent: Delegation | None = None,
        verified: Json | None = None,
        introspected: Json | None = None,
        refresh_token: Token | None = None,
        kind: Kind = "client",
        **facts: Unpack[Facts],
    ) -> Delegation:
        """An actor obtains narrower authority from existing authority (RFC 8693 and others).

        The parent is the subject token's delegation, else `parent`, else the current one.
        `outcome="deny"` or an `error_type` records an attempt that failed.
        """
        return self._delegated(
            token,
            subject_token=subject_token,
            actor_token=actor_token,
            parent=parent,
            verified=verified,
            introspected=introspected,
            refresh_token=refresh_token,
            kind=kind,
            facts=facts,
        )

    def _delegated(
        self,
        token: Token | None = None,
        *,
        facts: Facts,
        subject_token: Token | None = None,
        actor_token: Token | None = None,
        parent: Delegation | None = None,
        verified: Json | None = None,
        introspected: Json | None = None,
        refresh_token: Token | None = None,
        answer: Answer | None = None,
        kind: Kind = "client",
    ) -> Delegation:
        """The same; `answer` is what the new token came in."""
        around = acting()
        seen, fields = self._begin("delegate", token, verified, introspected, facts)
        if answer is not None:
            seen = self._with_answer(seen, fields, answer)
        giver = self._recorder.see(subject_token)
        above = self._standing(giver, around, parent)
        if subject_token is not None:
            self._put_context(fields, above.delegation, around)
        failed = fields.get("decision_outcome") in REFUSED or "error_type" in fields
        if failed:
            self._explain(fields, "deny")
        made = self._child(fields, seen, above.delegation, around)
        self._put_presenter(fields, kind)
        self._put_giver(fields, seen, above, token is None and subject_token is None)
        if answer is not None and answer.subject is not None:
            self._put_told_subject(fields, seen, answer.subject)
        fields["token_parent_fingerprint"] = giver.fingerprint or fields.get(
            "token_parent_fingerprint"
        )
        fields["token_actor_fingerprint"] = self._recorder.print_of(actor_token)
        handoff = token is None and subject_token is None
        fields.setdefault("method", "in_process" if handoff else "token_exchange")
        actor = fields.get("actor_id") if handoff else self._put_actor(fields, seen.facts, kind)
        secrets = secrets_of(token, subject_token, actor_token, refresh_token)
        fact = Fact("delegate", kind, fields, seen.facts, secrets, actor, failed)
        fact.follows = self._follows(above, around)
        origin = self._recorder.record(fact)
        if failed:
            return made
        self._recorder.memory.begin(Known(made, seen.facts, origin))
        return self._remember(made, seen.facts, origin, self._recorder.print_of(refresh_token))

    @guarded(NOTHING)
    def renew(
        self,
        token: Token | None = None,
        *,
        previous_token: Token | None = None,
        refresh_token: Token | None = None,
        next_refresh_token: Token | None = None,
        verified: Json | None = None,
        introspected: Json | None = None,
        kind: Kind = "client",
        **facts: Unpack[Facts],
    ) -> Delegation:
        """A new credential for the same authority; the delegation keeps its id.

        `refresh_token` is the one that was exchanged, `previous_token` the access token
        that is replaced.
        """
        around = acting()
        seen, fields = self._begin("renew", token, verified, introspected, facts)
        old = self._renewed(previous_token, refresh_token, around)
        self._put_ids(fields, old.delegation, around)
        self._put_presenter(fields, kind)
        fields.setdefault("evidence", "asserted")
        fields.setdefault("method", "refresh_token")
        if old.facts is not None:
            fields.setdefault("parent_scopes", old.facts.get("granted_scopes"))
            self._put_parent(fields, old.facts)
        if seen.facts is None or not seen.facts.get("subject_id"):
            self._put_subject(fields, old.facts)
        exchanged = refresh_token if refresh_token is not None else previous_token
        fields["token_parent_fingerprint"] = self._recorder.print_of(exchanged)
        actor = self._put_actor(fields, seen.facts or old.facts, kind)
        fields.setdefault("actor_id", actor)
        failed = fields.get("decision_outcome") in REFUSED or "error_type" in fields
        if failed:
            self._explain(fields, "deny")
        made = _made(fields, seen)
        secrets = secrets_of(token, previous_token, refresh_token, next_refresh_token)
        fact = Fact("renew", kind, fields, seen.facts, secrets, actor, failed)
        fact.follows = self._follows(old, around)
        origin = self._recorder.record(fact)
        if failed:
            return made
        return self._remember(made, seen.facts, origin, self._recorder.print_of(next_refresh_token))

    def _child(
        self, fields: dict[str, Any], seen: Seen, above: Delegation, around: Acting | None
    ) -> Delegation:
        """The ids of a new edge below `above`; what is not known of it is left out."""
        own = _own_id(fields, seen)
        fields.setdefault("parent_id", above.id)
        if own == fields["parent_id"]:
            own = canonical.new_id()  # the same token handed on is another edge
        fields["id"] = own
        fields.setdefault("root_id", above.root_id)
        fields.setdefault("depth", None if above.depth is None else above.depth + 1)
        fields.setdefault("task_id", above.task_id)
        self._put_task(fields, around)
        return _made(fields, seen)

    def _put_giver(self, fields: dict[str, Any], seen: Seen, above: Known, handoff: bool) -> None:
        """What the parent's token says: who gives, which scopes, whose chain."""
        facts = above.facts
        if seen.evidence is None:
            fields.setdefault("evidence", "context" if above.delegation.id else "asserted")
        if facts is not None:
            fields.setdefault("parent_scopes", facts.get("granted_scopes"))
            fields.setdefault("chain_parent_hash", facts.get("chain_hash"))
            if not handoff:
                self._put_parent(fields, facts)
            if seen.facts is None or not seen.facts.get("subject_id"):
                self._put_subject(fields, facts)
        giver = facts.delegator if facts is not None else None
        if giver is None and seen.facts is not None:
            giver = seen.facts.giver
        if giver is not None and "delegator_id" not in fields:
            issuer, fields["delegator_id"] = giver
            if issuer != UNKNOWN_ISSUER:
                fields.setdefault("delegator_issuer", issuer)
        elif handoff and facts is None:
            fields.setdefault("delegator_id", agent_name() or self.settings.service_name)

    def _put_parent(self, fields: dict[str, Any], facts: TokenFacts) -> None:
        """What the exchanged token is called by its issuer, what it is, and when it ends.

        Of a refused exchange, that is all there is to tell which one was tried.
        """
        for name in _OF_PARENT:
            fields.setdefault(f"token_parent_{name}", facts.get(f"token_{name}"))

    def _put_told_subject(self, fields: dict[str, Any], seen: Seen, subject: str) -> None:
        """A subject that nothing but the answer names (AWS `SourceIdentity`)."""
        if fields.get("subject_id") is None and not (seen.facts and seen.facts.get("subject_id")):
            issuer = fields.get("subject_issuer") or UNKNOWN_ISSUER
            fields["subject_id"] = self._recorder.people.subject(issuer, subject)

    def _with_answer(self, seen: Seen, fields: dict[str, Any], answer: Answer) -> Seen:
        """The token with what its answer says beside it; what the agent states goes before both."""
        own = seen.facts
        told = answered(answer, self.tally) if own is None else own.beside(answer, self.tally)
        if told is not None and told.get("token_type") and fields.get("token_type") == _OPAQUE:
            del fields["token_type"]
        return seen._replace(facts=told)

    def _renewed(
        self, previous: Token | None, refresh: Token | None, around: Acting | None
    ) -> Known:
        for token in (refresh, previous):
            if known := self._recorder.memory.get(self._recorder.print_of(token)):
                return known
        # Of an unknown refresh token no id can be derived: that of the access token it came
        # with is what the delegation is called.
        return self._standing(self._recorder.see(previous), around)


def _own_id(fields: dict[str, Any], seen: Seen) -> str:
    if isinstance(stated := fields.get("id"), str):
        return stated
    if seen.known is not None and seen.known.delegation.id:
        return seen.known.delegation.id
    if seen.fingerprint is not None:
        return canonical.delegation_id(seen.fingerprint)
    return canonical.new_id()


def _made(fields: dict[str, Any], seen: Seen) -> Delegation:
    return Delegation(
        fields["id"],
        fields["root_id"],
        fields["parent_id"],
        fields["depth"],
        fields["task_id"],
        seen.fingerprint,
    )


def _subject_type(method: object) -> str:
    """The flows in which a person takes part say that there is one; others say nothing."""
    if method in _HUMAN_METHODS:
        return "user"
    return "service" if method == "client_credentials" else "unknown"
