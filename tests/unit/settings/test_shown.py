"""`grantline settings` shows every setting there is, and no secret."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from grantline import app
from grantline.model.policy import Policy
from grantline.settings import Settings
from grantline.settings.shown import POLICY, rows

_FAKE_KEY = "whsec_" + base64.b64encode(b"visibly-fake-key-of-nobody-at-all").decode()


def test_every_variable_and_every_threshold_is_listed_with_words() -> None:
    listed = {row.name: row for row in rows(Settings())}
    variables = {f"GRANTLINE_{name.upper()}" for name in Settings.model_fields}
    assert listed.keys() == variables | set(Policy.__struct_fields__)
    assert all(row.words for row in listed.values())
    assert {row.reader for row in listed.values()} == {
        "every process", "worker", "writer", "alert", POLICY,
    }  # fmt: skip
    assert listed["lateness_seconds"].default == "86400"


def test_what_is_set_stands_beside_its_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('max_depth = 3\n[implied_scopes]\n"crm.admin" = ["crm.read"]')
    monkeypatch.setenv("GRANTLINE_POLICY", str(policy))
    monkeypatch.setenv("GRANTLINE_HOPS_RETENTION_DAYS", "30")
    listed = {row.name: row[2:4] for row in rows(Settings())}
    assert listed["GRANTLINE_HOPS_RETENTION_DAYS"] == ("30", "7")
    assert listed["GRANTLINE_WEB_PORT"] == ("6066", "6066")
    assert listed["GRANTLINE_POLICY"] == (str(policy), "none")
    assert listed["max_depth"] == ("3", "5")
    assert listed["implied_scopes"] == ('{"crm.admin" = ["crm.read"]}', "{}")


def test_no_secret_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kafka = '{"sasl.username": "worker", "sasl.password": "visibly-fake-1", '
    monkeypatch.setenv("GRANTLINE_KAFKA", kafka + '"ssl.key.password": "visibly-fake-4"}')
    monkeypatch.setenv("GRANTLINE_LIVE_TOKEN", "visibly-fake-2")
    monkeypatch.setenv("GRANTLINE_WEBHOOK_URL", "https://hooks.example.com/visibly-fake-3")
    monkeypatch.setenv("GRANTLINE_WEBHOOK_KEY", _FAKE_KEY)
    assert app.run("settings", {}) == 0
    shown = capsys.readouterr().out
    assert "sasl.password" in shown
    assert "visibly-fake" not in shown
    assert _FAKE_KEY not in shown


@pytest.mark.parametrize(
    "variable, value",
    [
        ("GRANTLINE_WEBHOOK_URL", "visibly-fake"),
        ("GRANTLINE_WEBHOOK_KEY", "visibly-fake"),
        ("GRANTLINE_HOPS_RETENTION_DAYS", "0.5"),
    ],
)
def test_what_a_process_would_refuse_at_its_start_is_said_here_too(
    variable: str,
    value: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("GRANTLINE_WEBHOOK_URL", "https://hooks.example.com/")
    monkeypatch.setenv(variable, value)
    assert app.run("settings", {}) == 2
    told = capsys.readouterr()
    assert variable in told.out, "the settings are listed nevertheless"
    assert variable in told.err
    assert "visibly-fake" not in told.err
