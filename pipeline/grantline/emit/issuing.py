"""The operations that bring authority into being: grant, delegate, renew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Unpack

from grantline.dialects import Answer
from grantline.emit import mistakes
from grantline.emit.attributes import Kind
from grantline.emit.base import NOTHING, REFUSED
from grantline.emit.claims import Json
from grantline.emit.context import acting
from grantline.emit.delegation import Delegation, Known
from grantline.emit.giving import Giving, made_of, own_id
from grantline.emit.guard import guarded
from grantline.emit.recorder import Fact, Token, secrets_of

if TYPE_CHECKING:
    from grantline.emit.facts import Facts

_GIVEN: Final = frozenset(
    {
        "id", "subject_id", "user_hash", "actor_id", "granted_scopes", "task_id", "token_fingerprint",
        "token_jti", "session_id", "purpose", "transaction_id", "rar_details",
    }
)  # fmt: skip
"""What a grant without a token may say instead: who was given what."""
_PARENTS: Final = frozenset(
    {"parent_id", "root_id", "token_parent_fingerprint", "token_parent_jti"}
)
_HUMAN_METHODS: Final = frozenset({"authorization_code", "device_code", "ciba"})


class Issuing(Giving):
    """Grant, delegate and renew."""

    @guarded(NOTHING, must_record=True)
    def grant(
        self,
        token: Token | None = None,
        *,
        verified: Json | None = None,
        introspected: Json | None = None,
        refresh_token: Token | None = None,
        id_token: Token | None = None,
        kind: Kind | None = None,
        **facts: Unpack[Facts],
    ) -> Delegation:
        """Authority enters the system: the root of a chain, at depth 0.

        `verified` are claims the agent has itself verified, `introspected` an RFC 7662
        response. `refresh_token` is remembered (by fingerprint) for a later `renew`. `id_token`
        is told as a second credential of the same delegation, since it may be exchanged, too
        (ID-JAG, cross app access).
        """
        around = acting()
        seen, fields = self._begin("grant", token, verified, introspected, facts)
        if seen.fingerprint is None and seen.facts is None and not _GIVEN & fields.keys():
            mistakes.unfounded(self.tally, "grant")
        own = own_id(fields, seen)
        fields.update(id=own, root_id=own, depth=0)
        fields.setdefault("evidence", "asserted")
        fields.setdefault("method", "other")
        if seen.facts is None or not seen.facts.get("subject_type"):
            fields.setdefault("subject_type", _subject_type(fields["method"]))
        kind = kind or ("client" if token is not None else "internal")
        actor = self._put_actor(fields, seen.facts, kind)
        made = Delegation(own, own, None, 0, self._put_task(fields, around), seen.fingerprint)
        secrets = secrets_of(token, refresh_token, id_token)
        origin = self._recorder.record(Fact("grant", kind, fields, seen.facts, secrets, actor))
        known = Known(made, seen.facts, origin)
        self._recorder.memory.begin(known)
        self._remember(made, seen.facts, origin, self._recorder.print_of(refresh_token))
        if id_token is not None:
            self._tell_identity(id_token, known, actor)
        return made

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
        failed = fields.get("decision_outcome") in REFUSED or "error_type" in fields
        if failed:
            self._explain(fields, "deny")
        elif subject_token is not None and giver.known is None and parent is None:
            giver = self._with_access(giver, subject_token)
        above = self._standing(giver, around, parent)
        if subject_token is not None:
            self._put_context(fields, above.delegation, around)
        if above.delegation.id is None and not failed and not _PARENTS & fields.keys():
            mistakes.unfounded(self.tally, "delegate")
        made = self._child(fields, seen, above.delegation, around)
        self._put_presenter(fields, kind)
        self._put_giver(fields, seen, above, token is None and subject_token is None)
        if subject_token is not None:
            self._put_parent(fields, self._own_facts(above, subject_token, giver.fingerprint))
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
        id_token: Token | None = None,
        verified: Json | None = None,
        introspected: Json | None = None,
        kind: Kind = "client",
        **facts: Unpack[Facts],
    ) -> Delegation:
        """A new credential for the same authority; the delegation keeps its id.

        `refresh_token` is the one that was exchanged, `previous_token` the access token
        that is replaced; `id_token` came with the new one, as in `grant`.
        """
        around = acting()
        seen, fields = self._begin("renew", token, verified, introspected, facts)
        old = self._renewed(previous_token, refresh_token, around)
        if old.delegation.id is None and seen.fingerprint is None and seen.facts is None:
            self._check_founded("renew", fields)
        self._put_ids(fields, old.delegation, around)
        self._put_presenter(fields, kind)
        fields.setdefault("evidence", "asserted")
        fields.setdefault("method", "refresh_token")
        if old.facts is not None:
            fields.setdefault("parent_scopes", old.facts.get("granted_scopes"))
        if seen.facts is None or not seen.facts.get("subject_id"):
            self._put_subject(fields, old.facts)
        exchanged = refresh_token if refresh_token is not None else previous_token
        fields["token_parent_fingerprint"] = own = self._recorder.print_of(exchanged)
        if exchanged is not None:
            self._put_parent(fields, self._own_facts(old, exchanged, own))
        actor = self._put_actor(fields, seen.facts or old.facts, kind)
        fields.setdefault("actor_id", actor)
        failed = fields.get("decision_outcome") in REFUSED or "error_type" in fields
        if failed:
            self._explain(fields, "deny")
        made = made_of(fields, seen)
        secrets = secrets_of(token, previous_token, refresh_token, next_refresh_token, id_token)
        fact = Fact("renew", kind, fields, seen.facts, secrets, actor, failed)
        fact.follows = self._follows(old, around)
        origin = self._recorder.record(fact)
        if failed:
            return made
        self._remember(made, seen.facts, origin, self._recorder.print_of(next_refresh_token))
        if id_token is not None:
            self._tell_identity(id_token, Known(made, seen.facts, origin), actor)
        return made


def _subject_type(method: object) -> str:
    """The flows in which a person takes part say that there is one; others say nothing."""
    if method in _HUMAN_METHODS:
        return "user"
    return "service" if method == "client_credentials" else "unknown"
