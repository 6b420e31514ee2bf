"""The day of the incident: 17 March 2026 at a company whose books are closed by agents.

Four people and their agents work as always. In one of the chains a token gets into wrong hands
and outlives its grant. `write` tells the day to a file; nothing here says what is wrong with it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from recording import Recording, Tokens

from grantline.emit import delegation_id, fingerprint

LOGIN, BOOKS, BANK, CI = "login", "books", "bank", "ci"
DOMAIN = "corp.example"
SEED = 17


def write(path: Path) -> int:
    """Tell the day to `path`, as OTLP JSON lines; returns the number of spans."""
    recording = Recording(SEED)
    try:
        day = Day(recording)
        day.as_always("omar", "travel-assistant", ("seat-finder", "trip-booker"))
        day.as_always("lena", "tax-assistant", ("ledger-reader", "form-filler"))
        day.as_always("tom", "stock-assistant", ("shelf-counter",))
        day.incident()
        return recording.write(path)
    finally:
        recording.close()


def clock(text: str) -> datetime:
    """`"13:30"` of that day, UTC."""
    hours, minutes = text.split(":")
    return datetime(2026, 3, 17, int(hours), int(minutes), tzinfo=UTC)


class Held(NamedTuple):
    """A token and who stands in it."""

    text: str
    person: str
    actors: tuple[str, ...]


class Day:
    """The services of the company, each with its own emitter, and what they do."""

    def __init__(self, recording: Recording) -> None:
        self._tell = recording.tell
        self._tokens = Tokens(f"https://{LOGIN}.{DOMAIN}")
        self._chance = random.Random(SEED)  # noqa: S311 - a story, no secret

    def as_always(self, person: str, assistant: str, helpers: tuple[str, ...]) -> None:
        """A grant in the morning, narrower tokens for helpers, calls all day, an end."""
        task = f"task_{person}"
        scope = "invoices.read payments.read"
        grant = self._grant("08:45", person, assistant, scope=scope, hours=9, task=task)
        self._work(grant, BOOKS, "invoices.list", between=("09:00", "16:50"), every=40)
        for number, helper in enumerate(helpers):
            system, tool = ((BOOKS, "invoices.get"), (BANK, "payments.list"))[number % 2]
            scope = f"{tool.split('.')[0]}.read"
            token = self._exchange(
                f"09:{10 + 5 * number}", grant, helper, scope=scope, system=system, hours=8
            )
            self._work(token, system, tool, between=("09:20", "16:45"), every=28)
        self._tell(assistant, clock("16:58")).end("completed", token=grant.text, task=task)

    def incident(self) -> None:
        """Ivana's chain, from her sign-in to the last payment."""
        scope = "invoices.read invoices.write payments.read"
        grant = self._grant(
            "08:52", "ivana", "close-assistant", scope=scope, hours=9, task="task_march"
        )
        self._work(grant, BOOKS, "invoices.update", between=("09:00", "13:25"), every=40)
        matcher = self._exchange(
            "09:05", grant, "invoice-matcher", scope="invoices.read", system=BOOKS, hours=8
        )
        self._work(matcher, BOOKS, "invoices.get", between=("09:10", "13:28"), every=24)
        clerk = self._exchange(
            "09:10", grant, "payment-clerk", scope="payments.read", system=BANK, hours=8
        )
        self._work(clerk, BANK, "payments.list", between=("09:20", "13:20"), every=32)
        self._unreported_hop(grant, matcher)

        both = "payments.create payments.read"
        vendor = self._exchange("10:24", clerk, "vendor-desk", scope=both, system=BANK, hours=4)
        self._work(vendor, BANK, "payments.list", between=("10:30", "13:25"), every=26)
        self._call("11:05", vendor, BANK, "payments.create", risk="high")
        # The desk hands its token to a build job, as an argument of a tool call.
        self._call("12:21", vendor, CI, "reports.run")
        runner = self._runner(vendor, both)

        self._tell("close-assistant", clock("13:30")).revoke(
            grant.text, cascade=True, revocation_reason="user_request"
        )
        self._call("13:34", matcher, BOOKS, "invoices.get", refused="token_revoked")
        self._call("13:36", grant, BOOKS, "invoices.update", refused="token_revoked")
        self._after(vendor, runner)

    def _unreported_hop(self, grant: Held, matcher: Held) -> None:
        """An old service exchanged a token and reports nothing; its product turns up."""
        hidden = self._issue(
            "11:28", matcher, "format-gateway", scope="invoices.read", system=BOOKS, hours=6
        )
        token = self._issue(
            "11:30", hidden, "archiver", scope="invoices.read", system=BOOKS, hours=6
        )
        root = delegation_id(fingerprint(grant.text))
        self._tell("archiver", clock("11:30")).delegate(
            token.text, subject_token=hidden.text, root_id=root
        )
        self._work(token, BOOKS, "invoices.export", between=("11:35", "13:20"), every=26)

    def _runner(self, vendor: Held, scope: str) -> Held:
        """Somebody on a build machine tries the token, and gets one of his own with it."""
        thief = "build-runner-7"
        for at in ("12:43", "12:46", "12:49"):
            self._accept(at, vendor, BANK, "payments.list", thief)
        self._accept("12:52", vendor, BOOKS, "invoices.list", thief, refused="invalid_audience")
        token = self._exchange("12:55", vendor, thief, scope=scope, system=BANK, hours=8)
        self._accept("13:04", token, BANK, "payments.list", thief)
        self._accept("13:11", token, BANK, "payments.create", thief, risk="high")
        return token

    def _after(self, vendor: Held, runner: Held) -> None:
        thief = "build-runner-7"
        for at in ("13:44", "13:58"):
            self._accept(at, vendor, BANK, "payments.list", thief)
        self._accept("14:31", vendor, BANK, "payments.list", thief, refused="token_expired")
        for at in ("13:47", "14:20", "14:52", "15:25", "15:48", "16:30"):
            self._accept(at, runner, BANK, "payments.list", thief)
        for at in ("13:41", "14:26", "15:31", "16:36"):
            self._accept(at, runner, BANK, "payments.create", thief, risk="high")
        self._accept("16:02", runner, BOOKS, "invoices.list", thief, refused="invalid_audience")

    def _grant(
        self, at: str, person: str, agent: str, *, scope: str, hours: float, task: str
    ) -> Held:
        audiences = [_url(BANK), _url(BOOKS)]
        text = self._tokens.issue(
            person, (agent,), scope=scope, audience=audiences, at=clock(at), hours=hours
        )
        self._tell(LOGIN, clock(at)).grant(
            text, kind="server", method="authorization_code", evidence="issuer", task=task
        )
        return Held(text, person, (agent,))

    def _issue(
        self, at: str, giver: Held, agent: str, *, scope: str, system: str, hours: float
    ) -> Held:
        actors = (*giver.actors, agent)
        text = self._tokens.issue(
            giver.person, actors, scope=scope, audience=_url(system), at=clock(at), hours=hours
        )
        return Held(text, giver.person, actors)

    def _exchange(
        self, at: str, giver: Held, agent: str, *, scope: str, system: str, hours: float
    ) -> Held:
        """The authorization server exchanges a token, and reports it (RFC 8693)."""
        token = self._issue(at, giver, agent, scope=scope, system=system, hours=hours)
        self._tell(LOGIN, clock(at)).delegate(
            token.text, subject_token=giver.text, kind="server", evidence="issuer",
            presenter=agent, requested_scopes=scope.split(),
        )  # fmt: skip
        return token

    def _work(
        self, token: Held, system: str, tool: str, *, between: tuple[str, str], every: float
    ) -> None:
        """Calls now and then, `every` so many minutes on average."""
        start, end = between
        for at in self._moments(clock(start), clock(end), every):
            self._call_at(at, token, system, tool)

    def _moments(self, start: datetime, end: datetime, minutes: float) -> Iterator[datetime]:
        at = start
        while (at := at + timedelta(minutes=minutes * self._chance.uniform(0.4, 1.6))) < end:
            yield at.replace(microsecond=0)

    def _call(self, at: str, token: Held, system: str, tool: str, **facts: str) -> None:
        self._call_at(clock(at), token, system, tool, **facts)

    def _call_at(self, at: datetime, token: Held, system: str, tool: str, **facts: str) -> None:
        """A call as both sides see it: the agent presents, the system verifies."""
        agent = token.actors[-1]
        outcome = _outcome(facts.get("refused", ""))
        self._tell(agent, at).use(
            tool, token=token.text, server_address=f"{system}.{DOMAIN}", **outcome
        )
        self._accept_at(at + timedelta(milliseconds=40), token, system, tool, agent, **facts)

    def _accept(
        self, at: str, token: Held, system: str, tool: str, presenter: str, **facts: str
    ) -> None:
        self._accept_at(clock(at), token, system, tool, presenter, **facts)

    def _accept_at(
        self, at: datetime, token: Held, system: str, tool: str, presenter: str,
        *, refused: str = "", risk: str = "low",
    ) -> None:  # fmt: skip
        self._tell(system, at).use(
            tool, token=token.text, kind="server", server_address=f"{system}.{DOMAIN}",
            presenter=presenter, risk=risk, evidence="verified_token", **_outcome(refused),
        )  # fmt: skip


def _outcome(refused: str) -> dict[str, Any]:
    return {"outcome": "deny", "reason": refused} if refused else {}


def _url(system: str) -> str:
    return f"https://{system}.{DOMAIN}"
