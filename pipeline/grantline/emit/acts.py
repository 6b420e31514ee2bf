"""The operations on authority that exists: use, consent, approve, revoke, end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Unpack
from urllib.parse import urlsplit

from grantline.emit import canonical, mistakes
from grantline.emit.attributes import Kind
from grantline.emit.base import NOTHING, REFUSED, Operations
from grantline.emit.claims import Json
from grantline.emit.context import Acting, acting
from grantline.emit.delegation import Delegation, Known
from grantline.emit.guard import guarded
from grantline.emit.recorder import Fact, Seen, Token, secrets_of
from grantline.emit.span import Earlier

if TYPE_CHECKING:
    from grantline.emit.facts import Facts

_ID_OF: Final = {"approve": "approval", "consent": "consent"}
_APPROVED: Final = "approved"
_OF_PARTY: Final = {
    "session": ("session_id",),
    "subject": ("subject_id", "subject_issuer"),
    "agent": ("actor_id", "actor_issuer"),
}
"""Who may be revoked, and by what it is named."""


class Acts(Operations):
    """Use, consent, approve, revoke and end."""

    @guarded(NOTHING)
    def use(
        self,
        what: str | None = None,
        /,
        *,
        token: Token | None = None,
        verified: Json | None = None,
        introspected: Json | None = None,
        kind: Kind = "client",
        action: Json | None = None,
        **facts: Unpack[Facts],
    ) -> Delegation:
        """Authority is presented for an action, named by `what` (a tool, or `action_name`).

        The presenter (`kind="client"`) calls this before or at dispatch; without a token it
        uses the current delegation. The verifier (`kind="server"`) calls it with what it
        verified, the outcome, and the `presenter` its transport has authenticated. A presenter
        does not decide: it states an `outcome` only if it has seen one, an `error_type` if the
        call failed.
        `action` is hashed for comparison with what was approved, never sent.
        """
        return self._use(
            self._recorder.record,
            what,
            token=token,
            verified=verified,
            introspected=introspected,
            kind=kind,
            action=action,
            facts=facts,
        )

    def _use(
        self,
        record: Callable[[Fact], Any],
        what: str | None,
        *,
        token: Token | None,
        kind: Kind,
        facts: Facts,
        verified: Json | None = None,
        introspected: Json | None = None,
        action: Json | None = None,
    ) -> Delegation:
        around = acting()
        seen, fields = self._begin("use", token, verified, introspected, facts)
        if token is None and kind == "client" and seen.facts is None:
            seen = self._current(fields, around)
        known = self._standing(seen, around)
        if what is not None:
            fields.setdefault("gen_ai_tool_name", what)
        self._put_ids(fields, known.delegation, around)
        if token is not None:
            self._put_context(fields, known.delegation, around)
        refused = self._put_use(fields, seen, known, kind)
        self._put_action(fields, action)
        fact = Fact("use", kind, fields, seen.facts, secrets_of(token), _action_of(fields))
        fact.failed = refused or "error_type" in fields
        fact.follows = self._follows(known, around)
        if known.delegation.id is None and seen.facts is None and kind != "server" and not refused:
            self._check_founded("use", fields)
        record(fact)
        if token is not None and (seen.known is None or verified or introspected):
            self._remember(known.delegation, known.facts, known.origin, seen.fingerprint)
        return known.delegation

    def _put_use(self, fields: dict[str, Any], seen: Seen, known: Known, kind: Kind) -> bool:
        """Who presents what to whom, and whether it was refused."""
        if kind != "client":
            fields.setdefault("decision_outcome", "allow")
        refused = fields.get("decision_outcome") in REFUSED
        if refused:
            self._explain(fields, "deny")
        fields.setdefault("evidence", "context" if known.delegation.id else "asserted")
        self._put_presenter(fields, kind)
        if kind == "client":
            self._put_actor(fields, seen.facts, kind)
        else:
            # Only a key proven in this request may stand here, not one the token names.
            fields.setdefault("token_binding_thumbprint", None)
        self._put_address(fields)
        return refused

    def _put_address(self, fields: dict[str, Any]) -> None:
        """A URL names the resource (RFC 8707 section 2), its host the server."""
        address = fields.get("server_address")
        if isinstance(address, str) and "//" in address:
            try:
                url = urlsplit(address)
            except ValueError:  # brackets around what is no IPv6 address
                return
            fields["server_address"] = url.hostname
            if url.scheme and url.hostname:
                # No user, password, query or fragment: they may hold a secret, and name no resource.
                host = url.netloc.rpartition("@")[2]
                fields.setdefault("resource", f"{url.scheme}://{host}{url.path}")

    @guarded("")
    def consent(
        self,
        what: str = "initiate",
        /,
        *,
        token: Token | None = None,
        kind: Kind = "internal",
        **facts: Unpack[Facts],
    ) -> str:
        """A person or administrator agrees: to `initiate`, a `scope`, `tool`, `data`, `admin`.

        Returns the consent's id. What was shown to the person goes in as `consent_hash`.
        """
        _, fields, known = self._about("consent", token, facts)
        fields.setdefault("consent_kind", what)
        mistakes.check_value(self.tally, "consent", "consent_kind", fields["consent_kind"])
        own: str = fields.setdefault("consent_id", canonical.new_id("cns_"))
        name = fields["consent_kind"]
        fact = Fact("consent", kind, fields, known.facts, secrets_of(token), name)
        self._recorder.record(fact)
        return own

    @guarded("")
    def approve(
        self,
        what: str | None = None,
        /,
        *,
        token: Token | None = None,
        action: Json | None = None,
        kind: Kind = "internal",
        **facts: Unpack[Facts],
    ) -> str:
        """A decision on ONE pending action: `outcome` approved, denied or expired.

        Returns the approval's id, to repeat as `approval_id` of the `use`. `action` is
        hashed, never sent.
        """
        _, fields, known = self._about("approve", token, facts)
        if what is not None:
            fields.setdefault("gen_ai_tool_name", what)
        fields.setdefault("decision_outcome", _APPROVED)
        fields.setdefault("approver_type", "user")
        own: str = fields.setdefault("approval_id", canonical.new_id("apr_"))
        failed = fields["decision_outcome"] != _APPROVED
        if failed:
            fields.setdefault("decision_reason", str(fields["decision_outcome"]))
            self._explain(fields, "denied")
        self._put_action(fields, action)
        name = _action_of(fields)
        self._recorder.record(
            Fact("approve", kind, fields, known.facts, secrets_of(token), name, failed)
        )
        return own

    @guarded(NOTHING)
    def revoke(
        self,
        token: Token | None = None,
        *,
        delegation: Delegation | None = None,
        cascade: bool | None = None,
        kind: Kind = "client",
        **facts: Unpack[Facts],
    ) -> Delegation:
        """A token, delegation, subtree, task, subject, session or agent is dead from now on.

        `cascade=True` revokes everything below too (`revocation_target="subtree"`);
        `cascade=False` states that what is below lives on by design. Left out, nothing is said.
        A person, a session or an agent loses what it was given before: `subject=` or `session=`
        with `subject_issuer=`, or `actor=`. With a token they are the token's, if that is said by
        `revocation_target`.
        """
        around = acting()
        seen, fields = self._begin("revoke", token, None, None, facts)
        if (party := _revoked_party(fields, token is None and delegation is None)) is not None:
            return self._revoke_party(party, fields, seen, kind, secrets_of(token))
        by_task = (
            token is None and delegation is None and "task_id" in fields and "id" not in fields
        )
        known = (
            self._task_alone(fields, around)
            if by_task
            else self._standing(seen, around, delegation)
        )
        self._put_ids(fields, known.delegation, around)
        fields.pop("parent_id", None)
        fields.setdefault("evidence", "asserted")
        default = "task" if by_task else "token" if token is not None else "delegation"
        target = fields.setdefault("revocation_target", "subtree" if cascade else default)
        if cascade is None and target == "subtree":
            cascade = True
        if cascade is not None:
            fields.setdefault("revocation_cascade", cascade)
        self._check_founded("revoke", fields)
        fact = Fact("revoke", kind, fields, known.facts, secrets_of(token), target)
        fact.follows = (Earlier("revokes", known.origin, known.delegation.id),)
        self._recorder.record(fact)
        return known.delegation

    def _revoke_party(
        self,
        party: str,
        fields: dict[str, Any],
        seen: Seen,
        kind: Kind,
        secrets: tuple[str, ...],
    ) -> Delegation:
        """No delegation is named: not the current one, which may be somebody else's."""
        facts = seen.facts
        for name in _OF_PARTY[party]:
            if facts is not None and fields.get(name) is None:
                fields[name] = facts.get(name)
        if party == "session" and fields.get("subject_issuer") is None:
            fields["subject_issuer"] = facts and facts.get("token_issuer")
        fields["revocation_target"] = party
        fields.setdefault("evidence", "asserted")
        self._recorder.record(Fact("revoke", kind, fields, None, secrets, party))
        return NOTHING

    @guarded(NOTHING)
    def end(
        self,
        status: str = "completed",
        /,
        *,
        token: Token | None = None,
        delegation: Delegation | None = None,
        kind: Kind = "internal",
        **facts: Unpack[Facts],
    ) -> Delegation:
        """The task is over (completed, failed, canceled, expired): its authority should die."""
        around = acting()
        seen, fields = self._begin("end", token, None, None, facts)
        stated = token is not None or delegation is not None
        known = (
            self._standing(seen, around, delegation) if stated else self._decided(fields, around)
        )
        self._put_ids(fields, known.delegation, around)
        fields.pop("parent_id", None)
        fields.setdefault("end_status", status)
        fields.setdefault("evidence", "context" if known.delegation.id else "asserted")
        name = fields["end_status"]
        mistakes.check_value(self.tally, "end", "end_status", name)
        if known.delegation.id is None and "token_fingerprint" not in fields:
            mistakes.unfounded(self.tally, "end" if fields.get("task_id") is None else "task")
        self._recorder.record(Fact("end", kind, fields, known.facts, secrets_of(token), name))
        self._recorder.memory.end(replace(known.delegation, task_id=fields["task_id"]))
        return known.delegation

    def _about(
        self, operation: Any, token: Token | None, facts: Facts
    ) -> tuple[Seen, dict[str, Any], Known]:
        """A decision about a delegation: the token's, else the task's or the current one."""
        around = acting()
        seen, fields = self._begin(operation, token, None, None, facts)
        fields.pop("token_fingerprint", None)
        fields.pop("token_type", None)
        known = self._standing(seen, around) if token is not None else self._decided(fields, around)
        self._put_ids(fields, known.delegation, around)
        if (
            known.delegation.id is None
            and seen.facts is None
            and f"{_ID_OF[operation]}_id" not in fields
        ):
            self._check_founded(operation, fields)
        fields.setdefault("evidence", "asserted")
        return seen, fields, known

    def _current(self, fields: dict[str, Any], around: Acting | None) -> Seen:
        """The current delegation's token, as far as this process has seen it."""
        if around is None or around.delegation.fingerprint is None:
            return Seen()
        facts, own = around.facts, around.delegation.fingerprint
        fields["token_fingerprint"] = own
        decoded = facts is not None and facts.decoded
        fields.setdefault("evidence", "unverified_token" if decoded else "context")
        return Seen(own, facts, Known(around.delegation, facts, self._origin(around.delegation)))

    def _origin(self, delegation: Delegation) -> Any:
        known = self._recorder.memory.get(delegation.id)
        return known.origin if known else None

    def _put_action(self, fields: dict[str, Any], action: Json | None) -> None:
        if action is not None:
            try:
                fields.setdefault("approval_action_hash", canonical.canonical_hash(action))
            except ValueError:
                self._recorder.refuse("action", "action: not JSON, so it has no hash")


def _revoked_party(fields: dict[str, Any], alone: bool) -> str | None:
    """Whether a session, a subject or an agent is revoked, and no delegation: which of them.

    As stated; else the narrowest that is named where nothing else is.
    """
    stated = fields.get("revocation_target")
    if stated is not None:
        return stated if stated in _OF_PARTY else None
    if not alone or "id" in fields or "task_id" in fields or "token_jti" in fields:
        return None
    return next((who for who, names in _OF_PARTY.items() if names[0] in fields), None)


def _action_of(fields: dict[str, Any]) -> str | None:
    for name in ("gen_ai_tool_name", "action_name", "mcp_method_name"):
        if isinstance(value := fields.get(name), str):
            return value
    return None
