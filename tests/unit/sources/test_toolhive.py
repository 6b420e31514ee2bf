"""ToolHive's audit events: each tool call is a use at the MCP server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from grantline.sources import SOURCES, Origin, Taken, read

RECORDS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[3] / "schemas/examples/sources/toolhive.json").read_text()
)


def _read(records: Any) -> Taken:
    return read(SOURCES["toolhive"], json.dumps(records).encode(), Origin())


def test_a_tool_call_is_a_use_at_the_server_in_its_session() -> None:
    call, denied, failed = _read(RECORDS).hops
    assert (call.service, call.action_name, call.mcp_session_id) == (
        "github-server", "search_issues", "mcp-fake-1",
    )  # fmt: skip
    assert (call.decision_outcome, denied.decision_outcome) == ("allow", "deny")
    assert (failed.refused, failed.failed, failed.action_name) == (False, True, "repo://readme")


def test_the_person_goes_by_id_and_an_anonymous_one_is_nobody() -> None:
    assert _read(RECORDS).hops[0].subject_id == "u-7f3a"
    assert "@" not in repr(_read(RECORDS).hops)
    [hop] = _read([{**RECORDS[1], "subjects": {"user_id": "anonymous"}}]).hops
    assert hop.subject_id is None


def test_an_event_as_it_is_made_is_read_like_its_line_in_the_log() -> None:
    event = {
        **{k: v for k, v in RECORDS[1].items() if k not in ("audit_id", "logged_at", "time", "msg")},
        "metadata": {"auditId": RECORDS[1]["audit_id"]}, "loggedAt": RECORDS[1]["logged_at"],
    }  # fmt: skip
    assert _read([event]).hops == _read([RECORDS[1]]).hops


def test_other_lines_of_the_proxy_are_passed_over() -> None:
    assert (
        _read([{"time": "2026-03-17T08:00:00Z", "level": "INFO", "msg": "started"}]).passed_over
        == 1
    )
