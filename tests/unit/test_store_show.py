"""What analysts read in a terminal: drawn chains, explained findings, tables; safe to print."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from grantline.model.finding import Finding
from grantline.model.hop import Hop
from grantline.model.names import derived_id
from grantline.ports import Batch
from grantline.rules.story import fingerprint, tell
from grantline.store import show
from grantline.store.actions import MAX_ACTIONS
from grantline.store.client import Answer
from grantline.store.duckdb_store import DuckDBStore

STORY = """
    alice grant planner token=t0 scopes=read,write exp=1000
    planner delegate worker from=t0 token=t1 scopes=admin,read
    tool use t1 by=crm
    tool use t1 by=crm
    tool use t1 by=crm outcome=deny
    worker delegate sub from=lost token=t7 scopes=read root=dlg:t0
"""
ROOT = derived_id(fingerprint("t0"))
FOUND = "fnd_" + "0123456789abcdef" * 2
HOSTILE = "\x1b[2J\x1b]0;owned\x07[bold red]mallory\r\nroot\u202e\u200b"


class Local:
    """A lineage in this process."""

    def __init__(self, hops: Sequence[Hop], findings: Sequence[Finding] = ()) -> None:
        self._store = DuckDBStore(":memory:")
        self._store.write(Batch(hops=hops, findings=findings))

    def ask(self, sql: str) -> Answer:
        result = self._store.cursor().execute(sql)
        return Answer([column[0] for column in result.description or ()], result.fetchall())

    def close(self) -> None:
        self._store.close()


def finding(hops: Sequence[Hop], **fields: Any) -> Finding:
    known = {
        "id": FOUND, "rule": "scope_exceeds_parent", "reference": "SE-01",
        "title": "Scope grew", "severity": "high", "confidence": "high", "status": "open",
        "revision": 3, "root_id": ROOT, "delegation_ids": [], "token_fingerprints": [],
        "span_ids": [hop.span_id for hop in hops], "count": 1,
        "first_seen": "2026-11-18T11:06:41Z", "last_seen": "2026-11-18T11:06:41Z",
        "explanation": "worker got admin, which planner never had",
        "path": ["alice", "planner", "worker"], "facts": {"gained": "admin"},
        "retracts_if": "a report shows that planner had it", "triage": "ask planner's owner",
        "sql": f"SELECT * FROM explain_finding('{FOUND}')",
    }  # fmt: skip
    return Finding(**{**known, **fields})


def test_a_chain_is_drawn_from_the_human_to_the_actions() -> None:
    """Scopes, what was gained, the token's last four, violations, refusals and what is missing."""
    hops, _ = tell(STORY)
    drawn = show.chain(Local(hops, [finding(hops[1:2])]), fingerprint("t1"))
    tokens = {name: "…" + fingerprint(name)[-4:] for name in ("t0", "t1", "t7")}
    assert drawn.splitlines() == [
        f"alice   chain {ROOT}   2026-11-18, UTC",
        f"└─ planner  grant  [read, write]  token {tokens['t0']}  until 11:23:20Z",
        f"   ├─ worker  delegate  [admin, read]  +[admin]  token {tokens['t1']}   ✗ SE-01",
        f"   │  ├─ use  by tool  at crm  token {tokens['t1']}  allow  2 times, 11:06:42Z to 11:06:43Z",
        f"   │  └─ use  by tool  at crm  token {tokens['t1']}  deny  11:06:44Z",
        f"   └┄ ?  not reported: {derived_id(fingerprint('lost'))}, held by worker as others say; where it hangs is not known",
        f"      └─ sub  delegate  [read]  token {tokens['t7']}",
    ]


def test_no_fingerprint_is_shown_whole() -> None:
    hops, _ = tell(STORY)
    assert fingerprint("t1")[7:] not in show.chain(Local(hops), ROOT)


def test_a_human_that_is_not_seen_is_a_question_mark() -> None:
    hops, _ = tell("planner delegate worker from=t0 token=t1 root=dlg:t0")
    drawn = show.chain(Local(hops), fingerprint("t1"))
    assert drawn.startswith("? (the human is not seen)   chain dlg_")
    assert "└─ ?  the original grant was not reported" in drawn


def test_hops_without_a_root_are_drawn_as_such() -> None:
    hops, _ = tell("eve use stray root=-")
    assert "no root is known" in show.chain(Local(hops), fingerprint("stray"))


def test_names_from_outside_cannot_drive_the_terminal() -> None:
    """Escape sequences, line breaks, direction overrides and markup are shown, not obeyed."""
    hops = [
        msgspec.structs.replace(
            hop, actor_id=HOSTILE, subject_id=HOSTILE, presenter_id=HOSTILE, service=HOSTILE + "2",
            action_name=HOSTILE, granted_scopes=(HOSTILE,), decision_outcome=HOSTILE,
        )
        for hop in tell(STORY)[0]
    ]  # fmt: skip
    evil = finding(hops[1:2], title=HOSTILE, explanation=HOSTILE, path=[HOSTILE],
                   facts={HOSTILE: HOSTILE}, triage=HOSTILE, retracts_if=HOSTILE,
                   sql=HOSTILE, rule=HOSTILE)  # fmt: skip
    lineage = Local(hops, [evil])
    answer = lineage.ask("FROM hops")
    texts = [
        show.chain(lineage, ROOT),
        show.explain(lineage, evil.id),
        show.table([HOSTILE, "plain"], [(HOSTILE, [HOSTILE]), ({HOSTILE: HOSTILE}, 1)], width=400),
        show.as_json(answer),
    ]
    for text in texts:
        assert "mallory" in text
        assert not set(text) & set("\x1b\x07\r\u202e\u200b")
        assert "[bold red]" in text
        assert not any(line.startswith("root") for line in text.splitlines())


def test_a_finding_is_explained() -> None:
    """Claim, path, the chain down to the violating hop, facts, retraction, triage and SQL."""
    hops, _ = tell(STORY)
    text = show.explain(Local(hops, [finding(hops[1:2])]), "fnd_01234")
    for part in (
        "HIGH  SE-01  Scope grew   (open)",
        "worker got admin, which planner never had",
        "alice → planner → worker",
        "+[admin]",
        "✗ SE-01",
        "gained                admin",
        "a report shows that planner had it",
        "ask planner's owner",
        f"SELECT * FROM explain_finding('{FOUND}')",
    ):
        assert part in text
    assert "sub" not in text
    assert "use  by tool" not in text


def test_a_finding_whose_hops_are_not_there_is_still_explained() -> None:
    text = show.explain(Local([], [finding([])]), FOUND)
    assert "not in the lineage (yet)" in text


@pytest.mark.parametrize("wanted", ["fnd_9999999", "x", "", "fnd_", "'; DROP TABLE hops; --"])
def test_what_is_not_there_is_said(wanted: str) -> None:
    hops, _ = tell(STORY)
    lineage = Local(hops, [finding(hops)])
    with pytest.raises(show.NotFound):
        show.explain(lineage, wanted)
    with pytest.raises(show.NotFound):
        show.chain(lineage, wanted)
    assert lineage.ask("SELECT count(*) FROM hops").rows == [(6,)]


def test_a_beginning_of_several_findings_is_not_guessed() -> None:
    hops, _ = tell(STORY)
    other = FOUND[:12] + "f" * 24
    lineage = Local(hops, [finding(hops), finding(hops, id=other)])
    with pytest.raises(show.NotFound, match=f"{FOUND}, {other}"):
        show.explain(lineage, "fnd_01234567")
    assert "SE-01" in show.explain(lineage, other)


def test_many_actions_are_counted_not_drawn() -> None:
    uses = "\n".join(f"tool{n} use t0 by=crm" for n in range(MAX_ACTIONS + 5))
    hops, _ = tell("alice grant planner token=t0\n" + uses)
    drawn = show.chain(Local(hops), ROOT)
    assert "… 5 more actions" in drawn
    assert len(drawn.splitlines()) == 2 + MAX_ACTIONS + 1


def test_a_very_deep_chain_is_drawn_to_its_cut() -> None:
    """Deeper than the cap: drawn without a stack overflow, the rest listed as not placed."""
    hops = [
        Hop(f"{n:016x}", "a" * 32, "delegate", n, id=f"dlg_{n}", parent_id=f"dlg_{n - 1}",
            root_id="dlg_0", actor_id=f"agent{n}")
        for n in range(1, 200)
    ]  # fmt: skip
    drawn = show.chain(Local(hops), "dlg_0")
    assert "the walk stops here" in drawn
    assert "agent199  delegate  (no way from the root leads here)" in drawn
    assert len(drawn.splitlines()) == 201


def test_a_table_fits_its_width() -> None:
    text = show.table(["name", "scopes", "none"], [("a" * 50, ["read", "write"], None)], width=40)
    assert all(len(line) <= 40 for line in text.splitlines())
    assert text.replace("\n", "").count("a") >= 50


def test_rows_as_json_and_csv() -> None:
    hops, _ = tell(STORY)
    answer = Local(hops).ask(
        "SELECT human, actors, depth, first_seen, worst, truncated FROM chains"
    )
    assert json.loads(show.as_json(answer)) == {
        "human": "alice", "actors": ["planner", "sub", "worker"], "depth": 1,
        "first_seen": "2026-11-18T11:06:40Z", "worst": None, "truncated": False,
    }  # fmt: skip
    assert show.as_csv(answer).splitlines() == [
        "human,actors,depth,first_seen,worst,truncated",
        'alice,"[""planner"", ""sub"", ""worker""]",1,2026-11-18T11:06:40Z,,false',
    ]
