"""Pictures of chains as an on-call needs them: every human named, every gap in its place."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from grantline.engine import Engine
from grantline.model.finding import Finding
from grantline.model.hop import Hop
from grantline.model.names import derived_id
from grantline.model.policy import Policy
from grantline.ports import Batch
from grantline.rules.story import fingerprint, tell
from grantline.store import show
from grantline.store.client import Answer
from grantline.store.duckdb_store import DuckDBStore


def dlg(token: str) -> str:
    return derived_id(fingerprint(token))


def last4(token: str) -> str:
    return "…" + fingerprint(token)[-4:]


class Judged:
    """A lineage in this process, with the findings that the engine makes of it."""

    def __init__(self, hops: Sequence[Hop]) -> None:
        engine = Engine(Policy(lateness_seconds=90 * 86_400.0))
        engine.add(hops)
        found = list(engine.finish())
        self.findings: dict[str, Finding] = {finding.reference: finding for finding in found}
        self._store = DuckDBStore(":memory:")
        self._store.write(Batch(hops=hops, findings=found))

    def ask(self, sql: str) -> Answer:
        result = self._store.cursor().execute(sql)
        return Answer([column[0] for column in result.description or ()], result.fetchall())

    def close(self) -> None:
        self._store.close()


def judged(story: str) -> Judged:
    return Judged(tell(story)[0])


def picture(lineage: Judged, reference: str) -> list[str]:
    """The lines of the chains in the explanation of the finding of that reference."""
    text = show.explain(lineage, lineage.findings[reference].id)
    drawn = text.split("\n\n")
    return [line for part in drawn for line in part.splitlines() if "─ " in line or "   chain" in line
            or "┄ " in line]  # fmt: skip


def test_a_token_in_two_chains_is_drawn_in_both_with_both_humans() -> None:
    """First where it belongs, then where it turned up."""
    lineage = judged("""
        alice grant planner token=t0 scopes=read
        bob grant helper token=t9
        planner use t0
        helper use t0 root=dlg:t9 by=crm
    """)
    assert picture(lineage, "TR-10") == [
        f"  alice   chain {dlg('t0')}   2026-11-18, UTC",
        f"  └─ planner  grant  [read]  token {last4('t0')}",
        f"  bob   chain {dlg('t9')}   2026-11-18, UTC",
        f"  └─ helper  grant  token {last4('t9')}",
        f"     └┄ ⇄  of another chain: planner's grant for alice, chain {dlg('t0')}",
        f"        └─ use  by helper  at crm  token {last4('t0')}  allow  11:06:43Z   ✗ TR-01, TR-10",
    ]


def test_what_hangs_below_a_gap_is_drawn_from_the_known_root() -> None:
    lineage = judged("""
        alice grant planner token=t0 scopes=read
        worker delegate tool from=t1 token=t2 scopes=admin parent-scopes=admin root=dlg:t0
    """)
    assert picture(lineage, "SE-02") == picture(lineage, "CS-06")
    assert picture(lineage, "SE-02") == [
        f"  alice   chain {dlg('t0')}   2026-11-18, UTC",
        f"  └─ planner  grant  [read]  token {last4('t0')}",
        f"     └┄ ?  not reported: {dlg('t1')}, held by worker as others say; where it hangs is not known",
        f"        └─ tool  delegate  [admin]  token {last4('t2')}   ✗ CS-06, SE-02",
    ]


def test_a_gap_that_others_place_is_drawn_there_by_a_dotted_line() -> None:
    lineage = judged("""
        alice grant planner token=t0
        planner delegate worker from=t0 token=t1
        clerk use t4 root=dlg:t0 parent=dlg:t1 by=crm
    """)
    drawn = show.chain(lineage, dlg("t0")).splitlines()
    assert drawn[2:] == [
        f"   └─ worker  delegate  token {last4('t1')}",
        f"      └┄ ?  not reported: {dlg('t4')}",
        f"         └─ use  by clerk  at crm  token {last4('t4')}  allow  11:06:42Z   ✗ CS-06",
    ]


def test_where_the_grant_was_not_reported_tokens_may_name_the_human() -> None:
    (hop,) = tell("planner delegate worker from=t0 token=t1 root=dlg:t0")[0]
    lineage = Judged([msgspec.structs.replace(hop, subject_id="alice")])
    title, grant, *_ = show.chain(lineage, dlg("t0")).splitlines()
    assert title.startswith(f"alice, as tokens say   chain {dlg('t0')}")
    assert grant == "└─ ?  the original grant was not reported"


def calls(agent: int, system: int, outcome: str = "allow") -> list[Hop]:
    """So many calls as the agent tells of them, so many as the system does."""
    lines = ["worker use t1 kind=client"] * agent
    lines += [f"worker use t1 by=crm outcome={outcome}"] * system
    story = ["alice grant planner token=t0", "planner delegate worker from=t0 token=t1", *lines]
    return tell("\n".join(story))[0]


def uses(hops: Sequence[Hop]) -> list[str]:
    drawn = show.chain(Judged(hops), dlg("t0")).splitlines()
    return [line.partition("─ ")[2] for line in drawn if "─ use" in line]


def test_a_call_that_both_sides_report_is_drawn_once() -> None:
    """As the system saw it; like calls on one line, with how many and from when to when."""
    token = last4("t1")
    assert uses(calls(agent=3, system=3)) == [
        f"use  by worker  at crm  token {token}  allow  3 times, 11:06:45Z to 11:06:47Z"
    ]


def test_a_call_that_no_system_confirms_is_drawn_as_such() -> None:
    token = last4("t1")
    assert uses(calls(agent=3, system=1)) == [
        f"use  by worker  token {token}  (only it says so)  3 times, 11:06:42Z to 11:06:44Z",
        f"use  by worker  at crm  token {token}  allow  11:06:45Z",
    ]


def test_calls_that_the_system_refused_are_drawn_once_though_the_agent_tells_no_outcome() -> None:
    """A client does not decide, and its server's span hangs below none of its own."""
    assert uses(calls(agent=2, system=2, outcome="deny")) == [
        f"use  by worker  at crm  token {last4('t1')}  deny  2 times, 11:06:44Z to 11:06:45Z"
    ]


def test_a_caller_that_is_caught_alone_is_drawn_beside_what_the_system_says() -> None:
    """With the same mark on both sides one line tells; what only its own report shows stays."""
    story = """
        alice grant planner token=t0
        planner use t0 by=crm
        worker use t0 kind=client
        worker use t0 by=crm
    """
    token, marked = last4("t0"), "   ✗ TR-01"
    assert uses(tell(story)[0])[1:] == [
        f"use  by worker  at crm  token {token}  allow  11:06:43Z{marked}"
    ]
    late = story + "planner revoke t0\n@300 worker use t0 kind=client"
    assert uses(tell(late)[0])[1:] == [
        f"use  by worker  at crm  token {token}  allow  11:06:43Z{marked}",
        f"use  by worker  token {token}  (only it says so)  11:11:40Z{marked}, TR-04",
    ]


def test_the_day_is_said_once_or_at_every_time() -> None:
    """Once where everything happened on one day; what expires on another day says so."""
    within = "alice grant planner token=t0 exp=90000\nplanner use t0 by=crm"
    across = within.replace("planner use", "@90000 planner use")
    (title, grant, use) = show.chain(judged(within), dlg("t0")).splitlines()
    assert title.endswith("   2026-11-18, UTC")
    assert grant.endswith("until 2026-11-19 12:06:40Z")
    assert "  11:06:41Z" in use
    (title, _, use) = show.chain(judged(across), dlg("t0")).splitlines()
    assert title.endswith(f"chain {dlg('t0')}")
    assert "  2026-11-19 12:06:40Z" in use
