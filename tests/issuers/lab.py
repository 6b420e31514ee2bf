"""A lab: one issuer, the parties around it, and what each of them does and tells.

The parties are `app` (a person lets it in), `planner`, `worker` (agents), `crm` (a resource
server) and `rogue`, who tells nothing. Each agent tells what it did, the resource server what it
accepted, the issuer what it answered; which of them are listened to is a view.

What is due is said by the flow, of what was done and answered, never by a rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from grantline.model.policy import Policy
from tests.issuers.answers import Answer, Issuer
from tests.issuers.parties import (
    AGENTS_VIEW,
    ISSUER,
    JOINED,
    LOG,
    LOG_VIEWS,
    VIEWS,
    Parties,
)

ROGUE = "rogue"
HOSTS = {party: f"{party}.example.com" for party in ("app", "planner", "worker", "crm")}
POLICY = Policy(audience_aliases={party: frozenset({host}) for party, host in HOSTS.items()})
"""What the organisation has said of itself: which hosts its audiences' names stand for."""


@dataclass(frozen=True)
class Held:
    """A token somebody holds."""

    holder: str
    answer: Answer

    @property
    def token(self) -> str:
        return self.answer.token


def _none() -> dict[str, set[str]]:
    return {view: set() for view in (*VIEWS, *LOG_VIEWS)}


@dataclass
class Due:
    """References that must be said, and those that may be, in each view."""

    must: dict[str, set[str]] = field(default_factory=_none)
    may: dict[str, set[str]] = field(default_factory=_none)

    def logs_add(self) -> None:
        """What agents and log decide alone they decide together; and what happened may be said from
        the log, though which of it a row decides is said flow by flow. That a log names no parents, or
        leaves whole acts out, is a gap, and to say so is right.
        """
        self.must[JOINED] |= self.must[AGENTS_VIEW] | self.must[LOG]
        happened = set().union(*self.must.values(), *self.may.values())
        for view in LOG_VIEWS:
            self.may[view] |= {one for name in happened for one in name.split("|")}
        self.may[LOG].add("CS-06")


class Lab:
    """Runs one flow."""

    def __init__(self, issuer: Issuer, parties: Parties) -> None:
        self.issuer, self.parties = issuer, parties
        self.due_found = Due()
        self.did: list[str] = []
        """What the server really did, a phrase a step."""
        if "actor" not in issuer.can:
            self.may("SE-15")  # info, once an issuer: its tokens do not name who acted before

    def due(self, *references: str, views: Iterable[str] = VIEWS) -> None:
        """The facts of these views decide it."""
        for view in views:
            self.due_found.must[view].update(references)

    def may(self, *references: str, views: Iterable[str] = VIEWS) -> None:
        """True, and no more than some facts suggest: saying it is right, silence is, too."""
        for view in views:
            self.due_found.may[view].update(references)

    def login(self, client: str, user: str, scopes: Sequence[str]) -> Held:
        answer = self.issuer.login(client, user, scopes)
        assert answer.ok, f"login at {self.issuer.name}: {answer} {answer.body}"
        self.parties.tells(client).grant(
            answer.token, method="authorization_code", refresh_token=answer.refresh,
            **self._of(answer),
        )  # fmt: skip
        self.parties.tells(ISSUER).grant(
            answer.token, method="authorization_code", evidence="issuer", kind="server",
            verified=answer.claims or None, refresh_token=answer.refresh, **self._of(answer),
        )  # fmt: skip
        return Held(client, answer)

    def exchange(
        self, client: str, subject: Held, audience: str, scopes: Sequence[str]
    ) -> Held | None:
        """RFC 8693 by `client`, who tells of it unless it is the rogue; the issuer always does."""
        answer = self.issuer.exchange(client, subject.token, audience, scopes)
        self._note(f"{client}: exchange {answer}")
        if client != ROGUE:
            self.parties.tells(client).exchange(
                lambda: answer.body, subject_token=subject.token, requested_scopes=list(scopes)
            )
        presenter = self.issuer.client_id(client)
        tells = self.parties.tells(ISSUER)
        if not answer.ok:
            tells.delegate(
                subject_token=subject.token, method="token_exchange", evidence="issuer",
                kind="server", requested_scopes=list(scopes), presenter=presenter,
                outcome="deny", reason=str(answer.body.get("error") or answer.status),
            )  # fmt: skip
            return None
        tells.delegate(
            answer.token, subject_token=subject.token, method="token_exchange", evidence="issuer",
            kind="server", verified=answer.claims or None, requested_scopes=list(scopes),
            presenter=presenter, **self._of(answer),
        )  # fmt: skip
        return Held(client, answer)

    def refresh(self, old: Held, scopes: Sequence[str] = ()) -> Held | None:
        answer = self.issuer.refresh(old.holder, old.answer.refresh or "", scopes)
        self._note(f"{old.holder}: refresh {answer}")
        if not answer.ok:
            return None  # a refused renewal has no span: nothing was renewed
        for party, more in ((old.holder, {}), (ISSUER, self._told_by_issuer(answer))):
            self.parties.tells(party).renew(
                answer.token, previous_token=old.token, refresh_token=old.answer.refresh,
                next_refresh_token=answer.refresh, **{**self._of(answer), **more},
            )  # fmt: skip
        return Held(old.holder, answer)

    def use(
        self,
        server: str,
        held: Held,
        *,
        by: str | None = None,
        careless: bool = False,
        needs: Sequence[str] = (),
    ) -> bool:
        """`by` presents the token at `server`, who asks the issuer (a careless one does not heed
        the answer); whether it was let in."""
        caller = by or held.holder
        host = HOSTS[server]
        headers: dict[str, Any] = {}
        if caller != ROGUE:
            dl = self.parties.tells(caller)
            with dl.acting_as(held.token):
                dl.use("find_customer", token=held.token, server_address=host)
                dl.inject(headers)
        said = self.issuer.introspect(server, held.token)
        active = bool(said.get("active"))
        let_in = active or careless
        self._note(f"{server}: {'active' if active else 'inactive'}"
                   f"{', accepted all the same' if careless and not active else ''}")  # fmt: skip
        claims = held.answer.claims
        told: Mapping[str, Any] = {"verified": claims} if careless else {"introspected": said}
        dl = self.parties.tells(server)
        with dl.receive(headers):
            dl.use(
                "find_customer", token=held.token, kind="server", server_address=host,
                presenter=self.issuer.client_id(caller), outcome="allow" if let_in else "deny",
                required_scopes=needs, **told,
            )  # fmt: skip
        self.parties.tells(ISSUER).use(
            "introspect", token=held.token, kind="server", introspected=said, evidence="issuer",
            outcome="allow" if active else "deny",
        )  # fmt: skip
        return let_in

    def revoke(self, party: str, held: Held) -> bool:
        status = self.issuer.revoke(party, held.token)
        self._note(f"{party}: revoke {status}")
        if status != 200:
            return False
        self.parties.tells(party).revoke(held.token)
        self.parties.tells(ISSUER).revoke(held.token, kind="server", evidence="issuer")
        return True

    def revoke_refresh(self, held: Held) -> bool:
        """The holder gives its refresh token back, and with it, as far as it means, the grant."""
        refresh = held.answer.refresh or ""
        status = self.issuer.revoke(held.holder, refresh)
        self._note(f"{held.holder}: revoke refresh token {status}")
        if status != 200:
            return False
        self.parties.tells(held.holder).revoke(refresh)
        self.parties.tells(ISSUER).revoke(refresh, kind="server", evidence="issuer")
        return True

    def logout(self, login: Held) -> None:
        """The session ends; nobody can say yet which tokens die of it, but the one at hand."""
        status = self.issuer.logout(login.holder, login.answer)
        self._note(f"{login.holder}: logout {status}")
        self.parties.tells(login.holder).revoke(login.token, cascade=True, reason="logout")

    def _note(self, did: str) -> None:
        self.did.append(did)

    def _of(self, answer: Answer) -> dict[str, Any]:
        """What a response tells beside a token that tells nothing itself."""
        if answer.claims:
            return {}
        told: dict[str, Any] = {"scopes": sorted(answer.scopes)}
        if lasts := answer.body.get("expires_in"):
            told["token_expires_at"] = self.parties.now() // 1_000_000_000 + int(lasts)
        return told

    @staticmethod
    def _told_by_issuer(answer: Answer) -> dict[str, Any]:
        return {"evidence": "issuer", "kind": "server", "verified": answer.claims or None}
