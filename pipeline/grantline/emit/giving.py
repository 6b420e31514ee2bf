"""What issuing operations share: the edge that is made, who gives it, from which token."""

from __future__ import annotations

from typing import Any, Final

from grantline.dialects import Answer
from grantline.emit import canonical
from grantline.emit.answered import answered, beside
from grantline.emit.base import Operations
from grantline.emit.claims import UNKNOWN_ISSUER, TokenFacts
from grantline.emit.context import Acting, agent_name
from grantline.emit.delegation import Delegation, Known
from grantline.emit.recorder import Fact, Seen, Token, secrets_of
from grantline.emit.span import Earlier

_OPAQUE: Final = "opaque"
_OF_PARENT: Final = ("jti", "issuer", "type", "expires_at")


class Giving(Operations):
    """Parts of `Issuing`."""

    def _child(
        self, fields: dict[str, Any], seen: Seen, above: Delegation, around: Acting | None
    ) -> Delegation:
        """The ids of a new edge below `above`; what is not known of it is left out."""
        own = own_id(fields, seen)
        fields.setdefault("parent_id", above.id)
        if own == fields["parent_id"]:
            own = canonical.new_id()  # the same token handed on is another edge
        fields["id"] = own
        fields.setdefault("root_id", above.root_id)
        fields.setdefault("depth", None if above.depth is None else above.depth + 1)
        fields.setdefault("task_id", above.task_id)
        self._put_task(fields, around)
        return made_of(fields, seen)

    def _put_giver(self, fields: dict[str, Any], seen: Seen, above: Known, handoff: bool) -> None:
        """What the parent's token says: who gives, which scopes, whose chain."""
        facts = above.facts
        if seen.evidence is None:
            fields.setdefault("evidence", "context" if above.delegation.id else "asserted")
        if facts is not None:
            fields.setdefault("parent_scopes", facts.get("granted_scopes"))
            fields.setdefault("chain_parent_hash", facts.get("chain_hash"))
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

    def _put_parent(self, fields: dict[str, Any], facts: TokenFacts | None) -> None:
        """What the exchanged token is called by its issuer, what it is, and when it ends.

        Of a refused exchange, that is all there is to tell which one was tried.
        """
        if facts is not None:
            for name in _OF_PARENT:
                fields.setdefault(f"token_parent_{name}", facts.get(f"token_{name}"))

    def _own_facts(self, known: Known, token: Token, fingerprint: str | None) -> TokenFacts | None:
        """What the exchanged token says: a delegation may have several (access, refresh, ID)."""
        if known.delegation.fingerprint in (None, fingerprint):
            return known.facts
        return self._recorder.read(token)

    def _tell_identity(self, token: Token, known: Known, actor: str | None) -> Known:
        """An ID token is another credential of a delegation; it authorises nothing by itself."""
        seen = self._recorder.see(token)
        made = known.delegation
        fields: dict[str, Any] = {
            "id": made.id,
            "root_id": made.root_id,
            "parent_id": made.parent_id,
            "depth": made.depth,
            "task_id": made.task_id,
            "method": "other",
            "evidence": seen.evidence or "asserted",
            "token_fingerprint": seen.fingerprint,
            "token_parent_fingerprint": made.fingerprint,
            "token_type": "id_token",
            "granted_scopes": None,
            "actor_id": (seen.facts and seen.facts.get("actor_id")) or actor,
        }
        self._put_presenter(fields, "client")
        fact = Fact("renew", "client", fields, seen.facts, secrets_of(token), fields["actor_id"])
        fact.follows = (Earlier("parent", known.origin, made.id),)
        self._recorder.record(fact)
        told = Known(made, seen.facts, known.origin)
        self._recorder.memory.keep(told, seen.fingerprint, of_id=False)
        return told

    def _with_access(self, giver: Seen, token: Token) -> Seen:
        """An ID token nobody told of, under the delegation of the access token it came with.

        `at_hash` is the left half of that token's SHA-256 (OpenID Connect Core 3.1.3.6), and so is
        the delegation's id. Believed where the issuer has just exchanged it: then it is signed.
        """
        access = giver.facts.access_id if giver.facts is not None else None
        if access is None or self.settings.fingerprint_key is not None:
            return giver
        known = self._recorder.memory.get(access) or Known(Delegation(access))
        return giver._replace(known=self._tell_identity(token, known, None))

    def _put_told_subject(self, fields: dict[str, Any], seen: Seen, subject: str) -> None:
        """A subject that nothing but the answer names (AWS `SourceIdentity`)."""
        if fields.get("subject_id") is None and not (seen.facts and seen.facts.get("subject_id")):
            issuer = fields.get("subject_issuer") or UNKNOWN_ISSUER
            fields["subject_id"] = self._recorder.people.subject(issuer, subject)

    def _with_answer(self, seen: Seen, fields: dict[str, Any], answer: Answer) -> Seen:
        """The token with what its answer says beside it; what the agent states goes before both."""
        own = seen.facts
        told = answered(answer, self.tally) if own is None else beside(own, answer, self.tally)
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


def own_id(fields: dict[str, Any], seen: Seen) -> str:
    if isinstance(stated := fields.get("id"), str):
        return stated
    if seen.known is not None and seen.known.delegation.id:
        return seen.known.delegation.id
    if seen.fingerprint is not None:
        return canonical.delegation_id(seen.fingerprint)
    return canonical.new_id()


def made_of(fields: dict[str, Any], seen: Seen) -> Delegation:
    return Delegation(
        fields["id"],
        fields["root_id"],
        fields["parent_id"],
        fields["depth"],
        fields["task_id"],
        seen.fingerprint,
    )
