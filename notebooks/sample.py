"""`python notebooks/sample.py [OUT]`: renew the sample that the README replays.

A morning in an office, small enough to read: two people, their agents, and four things that
should not have happened. Told by the real emitting library, as the incident of the notebook is.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from recording import Recording, Tokens

from grantline.emit import delegation_id, fingerprint

SAMPLE = Path(__file__).parents[1] / "schemas/examples/otlp/sample.jsonl"
SEED = 11
LOGIN, CRM, CALENDAR = "login", "crm", "calendar"
DOMAIN = "office.example"
ALICE, BOB = "alice", "bob"


def clock(text: str) -> datetime:
    """`"09:30"` of that day, UTC."""
    hours, minutes = text.split(":")
    return datetime(2026, 3, 17, int(hours), int(minutes), tzinfo=UTC)


def write(path: Path) -> int:
    """Tell the morning to `path`, as OTLP JSON, a span a line; returns how many."""
    recording = Recording(SEED)
    try:
        Morning(recording).tell()
        return recording.write(path, spans_a_request=1)
    finally:
        recording.close()


class Morning:
    """Who does what, from the sign-in on. Nothing here says what is wrong with it."""

    def __init__(self, recording: Recording) -> None:
        self._tell = recording.tell
        self._tokens = Tokens(f"https://{LOGIN}.{DOMAIN}")

    def tell(self) -> None:
        everything = "calendar.write crm.read"
        planner = self._grant("09:00", ALICE, "planner", everything)
        self._call("09:05", planner, "planner", CRM, "find_customer")
        booker = self._exchange(
            "09:10", ALICE, planner, ("planner", "booker"), "calendar.write", CALENDAR
        )
        self._call("09:12", booker, "booker", CALENDAR, "create_event")
        clerk = self._exchange("09:20", ALICE, planner, ("planner", "clerk"), "crm.read", CRM)
        self._call("09:22", clerk, "clerk", CRM, "find_customer")
        # The exchange gives more than was put in.
        exporter = self._exchange(
            "09:30", ALICE, clerk, ("planner", "clerk", "exporter"), "crm.export crm.read", CRM
        )
        self._call("09:31", exporter, "exporter", CRM, "export_customers")
        self._unreported_hop(planner, clerk)
        self._cached_token()
        self._tell("planner", clock("10:00")).revoke(
            planner, cascade=True, revocation_reason="user_request"
        )
        self._call("10:05", clerk, "clerk", CRM, "find_customer", refused="token_revoked")
        # The CRM does not look revocation up for exports.
        for at in ("10:20", "10:40"):
            self._call(at, exporter, "exporter", CRM, "export_customers")

    def _unreported_hop(self, root: str, clerk: str) -> None:
        """A translator without our library exchanged a token; what it got was exchanged again."""
        actors = ("planner", "clerk", "translator", "archiver")
        hidden = self._issue("09:40", ALICE, actors[:3], "crm.read", CRM)
        token = self._issue("09:41", ALICE, actors, "crm.read", CRM)
        self._tell("archiver", clock("09:41")).delegate(
            token, subject_token=hidden, root_id=delegation_id(fingerprint(root))
        )
        self._call("09:42", token, "archiver", CRM, "find_customer")

    def _cached_token(self) -> None:
        """One helper serves two people, and its cache mixes up their tokens."""
        mine = self._grant("09:50", ALICE, "helper", "crm.read")
        other = self._grant("09:51", BOB, "helper", "crm.read")
        self._call("09:52", mine, "helper", CRM, "find_customer")
        self._tell(CRM, clock("09:53")).use(
            "find_customer", token=mine, kind="server", server_address=f"{CRM}.{DOMAIN}",
            presenter="helper", evidence="verified_token",
            root_id=delegation_id(fingerprint(other)),
        )  # fmt: skip

    def _grant(self, at: str, person: str, agent: str, scope: str) -> str:
        audiences = [_url(CALENDAR), _url(CRM)] if "calendar" in scope else _url(CRM)
        token = self._tokens.issue(
            person, (agent,), scope=scope, audience=audiences, at=clock(at), hours=8
        )
        self._tell(LOGIN, clock(at)).grant(
            token, kind="server", method="authorization_code", evidence="issuer"
        )
        return token

    def _issue(self, at: str, person: str, actors: tuple[str, ...], scope: str, system: str) -> str:
        return self._tokens.issue(
            person, actors, scope=scope, audience=_url(system), at=clock(at), hours=4
        )

    def _exchange(
        self, at: str, person: str, subject_token: str, actors: tuple[str, ...], scope: str,
        system: str,
    ) -> str:  # fmt: skip
        """The authorization server exchanges a token, and reports it (RFC 8693)."""
        token = self._issue(at, person, actors, scope, system)
        self._tell(LOGIN, clock(at)).delegate(
            token, subject_token=subject_token, kind="server", evidence="issuer",
            presenter=actors[-1], requested_scopes=scope.split(),
        )  # fmt: skip
        return token

    def _call(
        self, at: str, token: str, agent: str, system: str, tool: str, refused: str = ""
    ) -> None:
        """A call as both sides see it: the agent presents, the system decides."""
        address = f"{system}.{DOMAIN}"
        outcome = {"outcome": "deny", "reason": refused} if refused else {}
        self._tell(agent, clock(at)).use(tool, token=token, server_address=address, **outcome)
        self._tell(system, clock(at) + timedelta(milliseconds=40)).use(
            tool, token=token, kind="server", server_address=address, presenter=agent,
            evidence="verified_token", **outcome,
        )  # fmt: skip


def _url(system: str) -> str:
    return f"https://{system}.{DOMAIN}"


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLE)
