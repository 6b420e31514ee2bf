"""Findings made by hand, for the tests of whoever reads findings."""

from __future__ import annotations

from typing import Any

from grantline.model.finding import Finding, finding_id


def finding(name: str = "one", revision: int = 0, **changed: Any) -> Finding:
    """A finding of a token used by somebody else; `name` sets its identity."""
    return Finding.model_validate(
        {
            "id": finding_id("presenter-differs", "TR-01", (name,)),
            "rule": "presenter-differs",
            "reference": "TR-01",
            "title": "A token was presented by somebody it was not given to",
            "severity": "high",
            "confidence": "high",
            "status": "open",
            "revision": revision,
            "root_id": f"root-{name}",
            "delegation_ids": ["dlg-2"],
            "token_fingerprints": ["sha256:" + "a9" * 32],
            "span_ids": ["00f067aa0ba902b7"],
            "count": 1,
            "first_seen": "2026-11-23T20:00:00.000000Z",
            "last_seen": "2026-11-23T20:00:00.000000Z",
            "explanation": "billing-bot used the token that was given to planner-7",
            "path": ["alice", "planner-7", "billing-bot"],
            "facts": {"given to": "planner-7", "presented by": "billing-bot"},
            "retracts_if": "a delegation from planner-7 to billing-bot turns up",
            "triage": "Ask who runs billing-bot; revoke the token if nobody answers.",
            "sql": "SELECT * FROM hops WHERE delegation_id = 'dlg-2'",
            **changed,
        }
    )
