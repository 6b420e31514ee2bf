"""What analysts read in a terminal: drawn chains, explained findings, tables; safe to print."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from grantline.draw.actions import MAX_ACTIONS
from grantline.model.finding import Finding
from grantline.model.hop import Hop
from grantline.model.names import derived_id
from grantline.ports import Batch
from grantline.rules.story import fingerprint, tell
from grantline.store import show, tables
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
FOUND = "fnd_0123456789abcdef0123456789abcdef"
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
        tables.table(
            [HOSTILE, "plain"], [(HOSTILE, [HOSTILE]), ({HOSTILE: HOSTILE}, 1)], width=400
        ),
        tables.as_json(answer),
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


@pytest.mark.parametrize("wanted", [f"{FOUND}-3", "fnd_01234567-3", "fnd_01234567"])
def test_a_finding_is_explained_by_its_id_as_an_alert_prints_it(wanted: str) -> None:
    hops, _ = tell(STORY)
    text = show.explain(Local(hops, [finding(hops[1:2])]), wanted)
    assert f"finding     {FOUND}  rule scope_exceeds_parent, revision 3, confidence" in text
    assert "finding_history" not in text


@pytest.mark.parametrize("printed,where", [(2, "is in finding_history"), (4, "is not in this")])
def test_what_an_alert_said_of_another_revision_is_not_taken_for_the_present(
    printed: int, where: str
) -> None:
    hops, _ = tell(STORY)
    text = show.explain(Local(hops, [finding(hops[1:2])]), f"{FOUND}-{printed}")
    assert f"revision 3, confidence high (revision {printed} {where}" in text


def test_a_finding_that_may_still_be_explained_says_so() -> None:
    hops, _ = tell(STORY)
    text = show.explain(Local(hops, [finding(hops[1:2], provisional=True)]), "fnd_0123456789")
    assert "Scope grew   (open, provisional)" in text


def test_a_finding_tells_how_to_ask_on() -> None:
    """The SQL of its evidence, and of what hangs below the delegation it is about."""
    hops, _ = tell(STORY)
    about = finding(hops[1:2], delegation_ids=["dlg_used", "dlg_revoked"])
    text = show.explain(Local(hops, [about]), about.id)
    assert text.splitlines()[-2:] == [
        f"  SELECT * FROM explain_finding('{FOUND}')",
        "  FROM descendants('dlg_revoked')",
    ]


@pytest.mark.parametrize("dots", ["…", "...", "token …", "dlg_…"])
def test_a_chain_is_found_by_the_end_that_pictures_show(dots: str) -> None:
    """Of a token, or of a delegation."""
    hops, _ = tell(STORY)
    lineage = Local(hops)
    end = ROOT[-4:] if dots == "dlg_…" else fingerprint("t1")[-4:]
    assert show.chain(lineage, dots + end) == show.chain(lineage, ROOT)


def test_an_end_that_is_too_short_or_of_several_is_not_guessed() -> None:
    hops, _ = tell(STORY)
    twin = msgspec.structs.replace(hops[0], span_id="f" * 16, token_fingerprint="sha256:0000abcd")
    other = msgspec.structs.replace(twin, span_id="e" * 16, token_fingerprint="sha256:1111abcd")
    lineage = Local([*hops, twin, other])
    with pytest.raises(show.NotFound, match="too short"):
        show.chain(lineage, "…bcd")
    with pytest.raises(show.NotFound, match="sha256:0000abcd, sha256:1111abcd"):
        show.chain(lineage, "…abcd")
    assert show.chain(lineage, "…0abcd") == show.chain(lineage, ROOT)
    with pytest.raises(show.NotFound, match="knows no chain"):
        show.chain(lineage, "…zzzz")
