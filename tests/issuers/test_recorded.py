"""What real issuers said once, told again by the emitting library of today and judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.issuers import recorded
from tests.issuers.known import KNOWN
from tests.issuers.session import rerun

_FLOWS = [
    pytest.param(path, flow, id=f"{path.stem}: {flow}") for path, flow in recorded.recordings()
]


@pytest.mark.parametrize("path, flow", _FLOWS)
def test_every_view_of_a_recorded_flow_says_what_is_due_and_nothing_else(
    path: Path, flow: str
) -> None:
    told = rerun(path, flow)
    wrong = {view: str(verdict) for view, verdict in told.verdicts.items() if not verdict.right}
    known = {view for name, of, view in KNOWN if (name, of) == (path.stem, flow)}
    assert wrong.keys() == known, wrong


def test_a_recording_holds_no_credential() -> None:
    for path in sorted(recorded.FOLDER.glob("*.json")):
        text = path.read_text("utf-8")
        assert "eyJ" not in text, f"{path.name} holds a JWT"
        assert '"SecretAccessKey": "fake-' in text or "SecretAccessKey" not in text, path.name


def test_what_is_known_to_be_wrong_names_a_recorded_flow() -> None:
    recordings = {(path.stem, flow) for path, flow in recorded.recordings()}
    assert {(issuer, flow) for issuer, flow, _ in KNOWN} <= recordings
