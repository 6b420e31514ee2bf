"""An agent that tells what it does, from the grant to the end; runs as it stands.

    python tests/unit/emit/example_agent.py kafka://localhost:9092/otlp_spans
    python tests/unit/emit/example_agent.py http://localhost:4318

The issuer is a stand-in: its tokens are visibly fake.
"""

from __future__ import annotations

import asyncio
import sys

from grantline import emit
from grantline.emit.testing import fake_token

ISSUER = "https://as.example.com"
CALENDAR = "https://mcp.calendar.example.com"


async def exchange(scope: str) -> dict[str, str]:
    """The stand-in for a token endpoint (RFC 8693)."""
    if "admin" in scope:
        return {"error": "invalid_scope"}
    planner = {"sub": "planner"}
    token = fake_token(
        iss=ISSUER, sub="u-7f3a", scope=scope, aud=CALENDAR, act={"sub": "booker", "act": planner}
    )
    return {"access_token": token, "scope": scope}


async def book_a_trip(dl: emit.Emitter) -> None:
    """One task: consent, a refused wish, a narrower token, an approved action, the end."""
    login = fake_token(
        iss=ISSUER,
        sub="u-7f3a",
        client_id="planner",
        scope="calendar.write mail.send",
        aud="booker",
    )

    @dl.tool("create_event", required_scopes=["calendar.write"], risk="high")
    async def create_event(title: str) -> str:
        return f"booked: {title}"

    dl.grant(login, method="authorization_code", task="book-a-trip")
    dl.consent("initiate", token=login)
    await dl.exchange(lambda: exchange("admin"), subject_token=login, requested_scopes="admin")
    narrow = await dl.exchange(lambda: exchange("calendar.write"), subject_token=login)
    with dl.acting_as(narrow["access_token"]):
        async with dl.approval("create_event", action={"title": "Oslo"}, approver="u-7f3a") as ask:
            ask.approved()
        print(await create_event("Oslo"), dl.inject())
    dl.revoke(login, cascade=True, reason="task_completed")
    dl.end("completed", task="book-a-trip")


def main(address: str) -> int:
    dl = emit.configure(service_name="planner", exporter=address)
    asyncio.run(book_a_trip(dl))
    emit.shutdown()
    print(dl.stats())
    return 0 if dl.stats().delivered == dl.stats().emitted else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
