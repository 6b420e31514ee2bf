"""One case: what its parties do at one modelled issuer, and who tells of it.

The same seed runs a plot with its misdeed and, as its honest twins, without. Where all that a
view knows of the misdeed may be known of a twin as well, nobody can tell them apart: that is what
*undecidable* means here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from grantline.model.hop import DELEGATE, GRANT, RENEW, REVOKE
from grantline.model.policy import NS, Policy
from tests.issuers.answers import Answer
from tests.issuers.parties import ISSUER
from tests.truth.models.base import Model
from tests.truth.models.elsewhere import Elsewhere
from tests.truth.telling import Telling

PATH: Final = ("planner", "worker", "crm", "ledger", "archive", "mailer", "vault", "printer",
               "clerk", "scribe", "courier")  # fmt: skip
"""Who exchanges, in the order in which chains go."""
DAY: Final = 86_400
POLICY: Final = Policy(
    audience_aliases={
        f"{before}{party}": frozenset({f"{party}.example.com"})
        for party in PATH
        for before in ("", "api://")
    },
    max_lifetime_seconds=DAY,
)
ROGUE: Final = "rogue"
MINUTES: Final = 300
"""Seconds: more than the leeway between two clocks."""


@dataclass(frozen=True)
class Held:
    """A token, who holds it, and for whom it is."""

    holder: str
    answer: Answer
    audience: str
    scopes: frozenset[str]
    root_id: str | None = None

    @property
    def token(self) -> str:
        return self.answer.token


class Scene:
    """Acts of one case; times are simulated, one second an act."""

    def __init__(
        self, case: str, model: type[Model], telling: Telling, start: int, *, twin: int = 0
    ) -> None:
        self.case, self.twin = case, twin
        """`twin`: which honest twin this is; 0 is the misdeed itself."""
        self.random = Random(case)
        self.now = start * NS
        self.skew: dict[str, int] = {}
        """party -> seconds by which its clock is ahead."""
        self.known_as: dict[str, str] = {}
        """party -> the name by which servers know it, where that is another than its client id."""
        self.issuer: Any = model(case, lambda: self.now // NS)
        self._telling = telling
        self.user = self.random.choice(("alice", "bob", "carol")) + f"-{case}"

    @property
    def abusive(self) -> bool:
        return self.twin == 0

    def wait(self, seconds: float) -> None:
        self.now += int(seconds * NS)

    def tells(self, party: str) -> Any:
        time = self.now + self.skew.get(party, 0) * NS
        return self._telling.tells(party, self.case, time)

    def emitter(self, party: str) -> Any:
        """For what is no fact of its own: acting as somebody, reading a header."""
        return self._telling.parties.emitter(party)

    # Whom tokens are for, and what the scopes there are called.

    def audience(self, party: str) -> str:
        if "resources" not in self.issuer.can:
            return party
        return f"api://{party}" if self.issuer.name == "entra" else f"https://{party}.example.com"

    def scopes(self, party: str, *, more: bool = False) -> list[str]:
        """What is needed at `party`; with `more`, beyond what anybody was given there."""
        if "resources" in self.issuer.can:
            return [f"{party}.read", *([f"{party}.admin"] if more else [])]
        return ["crm.read", *(["crm.export"] if more else [])]

    # What the parties do.

    def login(
        self,
        user: str | None = None,
        client: str = "app",
        scopes: Sequence[str] | None = None,
        **facts: Any,
    ) -> Held:
        user = user or self.user
        asked = list(scopes or [*self.scopes("planner"), *self.issuer.extra_scopes])
        answer = self.issuer.login(client, user, asked)
        self.now += NS
        told = {"method": "authorization_code", "refresh_token": answer.refresh, **facts}
        made = self.tells(client).grant(answer.token, **told)
        self.tells(ISSUER).grant(answer.token, **{**told, **self._issuer_says(answer)})
        self._log(GRANT, answer, client, user)
        return Held(client, answer, "planner", answer.scopes, made.root_id)

    def exchange(
        self,
        client: str,
        subject: Held,
        to: str,
        scopes: Sequence[str] | None = None,
        *,
        told: bool = True,
        under: Held | None = None,
    ) -> Held | None:
        """RFC 8693; `told=False`: an agent that does not report. `under`: the grant its caller's
        baggage names."""
        asked = list(self.scopes(to) if scopes is None else scopes)
        audience = self.audience(to)
        answer = self.issuer.exchange(client, subject.token, audience, asked)
        self.now += NS
        more = {"root_id": under.root_id} if under else {}
        if told:
            self.tells(client).exchange(
                lambda: answer.body, subject_token=subject.token, requested_scopes=asked, **more
            )
        if not answer.ok:
            self.tells(ISSUER).delegate(
                subject_token=subject.token, method="token_exchange", evidence="issuer",
                kind="server", requested_scopes=asked, presenter=self.issuer.client_id(client),
                outcome="deny", reason=answer.body["error"],
            )  # fmt: skip
            return None
        self.tells(ISSUER).delegate(
            answer.token, subject_token=subject.token, method="token_exchange",
            requested_scopes=asked, presenter=self.issuer.client_id(client),
            **self._issuer_says(answer),
        )  # fmt: skip
        self._log(DELEGATE, answer, client, self.user, subject)
        return Held(client, answer, to, answer.scopes, subject.root_id)

    def refresh(self, old: Held, scopes: Sequence[str] = ()) -> Held | None:
        answer = self.issuer.refresh(old.holder, old.answer.refresh or "", scopes)
        self.now += NS
        if not answer.ok:
            return None
        told = {"previous_token": old.token, "refresh_token": old.answer.refresh,
                "next_refresh_token": answer.refresh}  # fmt: skip
        self.tells(old.holder).renew(answer.token, **told)
        self.tells(ISSUER).renew(answer.token, **{**told, **self._issuer_says(answer)})
        if self.issuer.logs_refreshes:
            self._log(RENEW, answer, old.holder, self.user, old)
        return Held(old.holder, answer, old.audience, answer.scopes, old.root_id)

    def use(
        self,
        at: str,
        held: Held,
        *,
        by: str | None = None,
        careless: bool = False,
        dispatch: bool = False,
        **facts: Any,
    ) -> bool:
        """`by` presents the token at a server, who asks the issuer and heeds it, unless careless.

        The caller states a refusal it saw, or, with `dispatch`, tells before it has seen one.
        """
        caller = by or held.holder
        said = self.issuer.introspect(at, held.token)
        self.now += NS
        active = bool(said.get("active"))
        let_in = active or careless
        outcome = "allow" if let_in else "deny"
        host = f"{at}.example.com"
        if caller != ROGUE:
            saw = {} if dispatch or let_in else {"outcome": outcome}
            self.tells(caller).use("find_customer", token=held.token, server_address=host,
                                   **saw, **facts)  # fmt: skip
        told: Mapping[str, Any] = (
            {"verified": held.answer.claims} if careless else {"introspected": said}
        )
        self.tells(at).use(
            "find_customer", token=held.token, kind="server", server_address=host,
            presenter=self._seen(caller, held), outcome=outcome, **told, **facts,
        )  # fmt: skip
        self.tells(ISSUER).use(
            "introspect", token=held.token, kind="server", introspected=said, evidence="issuer",
            outcome="allow" if active else "deny",
        )  # fmt: skip
        return let_in

    def accept(self, at: str, held: Held, *, outcome: str = "allow", **facts: Any) -> None:
        """A server decides by itself, without asking, and is the only one to tell."""
        self.now += NS
        self.tells(at).use(
            "find_customer", token=held.token, kind="server", verified=held.answer.claims,
            presenter=self._seen(held.holder, held), outcome=outcome,
            server_address=f"{at}.example.com", **facts,
        )  # fmt: skip

    def refuse(self, at: str, held: Held) -> None:
        """A server turns a token away by itself; the caller told at dispatch."""
        self.issuer.introspect(at, held.token)
        self.now += NS
        self.tells(held.holder).use("find_customer", token=held.token,
                                    server_address=f"{at}.example.com")  # fmt: skip
        self.now -= NS
        self.accept(at, held, outcome="deny")

    def revoke(self, by: str, held: Held, *, by_jti: bool = False, **facts: Any) -> None:
        """Told by who asked for it; with `by_jti`, by somebody who knows only the token's name."""
        self.issuer.revoke(by, held.token)
        self.now += NS
        jti = self._jti(held.answer)
        if by_jti:
            name = {"token_issuer": self.issuer.url, "token_jti": jti, "evidence": "issuer",
                    "revocation_target": "token"}  # fmt: skip
            self.tells(by).revoke(**name, **facts)
            self.tells(ISSUER).revoke(kind="server", **name, **facts)
        else:
            self.tells(by).revoke(held.token, **facts)
            self.tells(ISSUER).revoke(held.token, kind="server", evidence="issuer", **facts)
        if jti:
            self._logs(REVOKE, token_jti=jti, revocation_target="token")

    def logout(self, by: str, held: Held) -> None:
        """The session that this token is of ends, with all that was given in it."""
        self.issuer.logout(by, held.answer)
        self.now += NS
        session = held.answer.claims["sid"]
        told = {"session": session, "subject_issuer": self.issuer.url, "reason": "logout"}
        self.tells(by).revoke(**told)
        self.tells(ISSUER).revoke(kind="server", evidence="issuer", **told)
        self._logs(REVOKE, session_id=session, revocation_target="session",
                   subject_issuer=self.issuer.url, revocation_reason="logout")  # fmt: skip

    def disown(self, by: str, held: Held, *, client: str | None = None) -> None:
        """All is revoked that the person of this token gave, or gave this client, until now."""
        self.issuer.disown(held.answer, client)
        self.now += NS
        told: dict[str, Any] = {"subject": self._person(held.answer), "revocation_target": "subject",
                                "subject_issuer": self.issuer.url, "reason": "admin"}  # fmt: skip
        if client:
            told["actor"] = self._actor(client)
        self.tells(by).revoke(**told)
        self.tells(ISSUER).revoke(kind="server", evidence="issuer", **told)
        self._logs(REVOKE, subject_id=told["subject"], revocation_target="subject",
                   subject_issuer=self.issuer.url, actor_id=told.get("actor"),
                   revocation_reason="admin")  # fmt: skip

    def approve(self, held: Held, name: str, *, outcome: str = "approved", **facts: Any) -> str:
        """A person decides on one action that is asked of her; the approval's id."""
        self.now += NS
        own: str = self.tells("desk").approve(
            "pay", token=held.token, outcome=outcome, approver="olga",
            approval_id=f"apr-{self.case}-{name}", **facts,
        )  # fmt: skip
        return own

    def end(self, by: str, held: Held, task: str) -> None:
        self.now += NS
        self.tells(by).end("completed", token=held.token, task=task)

    def transaction(self, client: str, subject: Held) -> Held:
        """A transaction token for the workloads behind one call."""
        answer = self.issuer.transaction(client, subject.token, subject.scopes)
        self.now += NS
        self.tells(client).exchange(lambda: answer.body, subject_token=subject.token)
        self.tells(ISSUER).delegate(
            answer.token, subject_token=subject.token, method="token_exchange",
            presenter=self.issuer.client_id(client), **self._issuer_says(answer),
        )  # fmt: skip
        return Held(client, answer, "crm", answer.scopes, subject.root_id)

    def cross(self, scopes: Sequence[str], more: Sequence[str] = ()) -> Held:
        """ID-JAG: the planner's assertion of one issuer becomes a token of another's."""
        login = self.login()
        jag = self.issuer.id_jag("planner", login.answer, Elsewhere.url, scopes)
        self.now += NS
        self.tells("planner").exchange(lambda: jag.body, subject_token=login.token)
        other = Elsewhere(self.case, lambda: self.now // NS)
        answer = other.assertion("planner", jag, [*scopes, *more])
        self.now += NS
        self.tells("planner").exchange(
            lambda: answer.body, subject_token=jag.token, method="jwt_bearer"
        )
        self.tells("chat").use(
            "history", token=answer.token, kind="server", verified=answer.claims, outcome="allow",
            server_address="chat.example.com", presenter="planner",
        )  # fmt: skip
        for issued, above, method in ((jag, login.answer, "id_jag"), (answer, jag, "jwt_bearer")):
            self.tells(ISSUER).delegate(
                issued.token, subject_token=above.token, method=method, presenter="planner",
                **self._issuer_says(issued),
            )  # fmt: skip
        return Held("planner", answer, "chat", answer.scopes, login.root_id)

    # The way most plots begin.

    def chain(self, length: int = 2, *, uses: int = 0) -> list[Held]:
        """A login and so many exchanges, each token used at its audience."""
        made = [self.login()]
        for number in range(length):
            by, to = self.hop(number)
            lower = self.exchange(by, made[-1], to)
            assert lower, f"{self.issuer.name} refuses the exchange {number} of an honest chain"
            made.append(lower)
            for _ in range(uses):
                self.use(lower.audience, lower)
        return made

    @staticmethod
    def hop(number: int) -> tuple[str, str]:
        """Who makes the exchange of that number, and for whom."""
        return PATH[number], PATH[number + 1]

    # What the issuer's own words look like.

    def _issuer_says(self, answer: Answer) -> dict[str, Any]:
        return {"evidence": "issuer", "kind": "server", "verified": answer.claims or None}

    def _seen(self, caller: str, held: Held) -> str:
        """Whom a server sees: the client its transport authenticated, of AWS the session's role."""
        if caller in self.known_as:
            return self.known_as[caller]
        role = held.answer.body.get("AssumedRoleUser")
        if role and caller == held.holder:
            return str(role["Arn"])
        return str(self.issuer.client_id(caller))

    def _person(self, answer: Answer) -> str:
        """The person of a token, as her issuer calls her: Entra by `oid`, Okta by `uid`."""
        told = answer.claims
        return str(told.get("oid") or told.get("uid") or told.get("sub") or self.user)

    def _actor(self, client: str) -> str:
        """A client as tokens name who acts."""
        name = str(self.issuer.client_id(client))
        return f"client:{name}" if self.issuer.name == "authgent" else name

    @staticmethod
    def _jti(answer: Answer) -> str | None:
        found = answer.claims
        keys = answer.body.get("Credentials") or {}
        return found.get("jti") or found.get("uti") or keys.get("AccessKeyId")

    def _log(
        self, operation: str, answer: Answer, client: str, user: str, parent: Held | None = None
    ) -> None:
        jti = self._jti(answer)
        if jti is None:
            return  # tokens without a name leave an audit log without any
        issuer = self.issuer
        above = self._jti(parent.answer) if parent and issuer.logs_parents else None
        method = {GRANT: "authorization_code", DELEGATE: "token_exchange", RENEW: "refresh_token"}
        self._logs(
            operation, token_jti=jti, token_parent_jti=above, method=method[operation],
            subject_id=self._person(answer) if answer.claims else user,
            subject_issuer=issuer.url, actor_id=self._actor(client),
            session_id=answer.claims.get("sid"),
            actor_issuer=issuer.url, actor_client_id=issuer.client_id(client),
            granted_scopes=tuple(sorted(answer.scopes)) if issuer.logs_scopes else None,
            token_expires_at=answer.claims.get("exp"),
        )  # fmt: skip

    def _logs(self, operation: str, **fields: Any) -> None:
        issuer = self.issuer
        self._telling.logs(
            self.case, operation, self.now, issuer.name, token_issuer=issuer.url, **fields
        )
