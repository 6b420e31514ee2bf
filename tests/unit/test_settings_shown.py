"""`grantline settings` shows what is set, and no secret."""

from __future__ import annotations

import pytest

from grantline import app


def test_no_secret_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GRANTLINE_KAFKA", '{"sasl.password": "visibly-fake-1"}')
    monkeypatch.setenv("GRANTLINE_LIVE_TOKEN", "visibly-fake-2")
    monkeypatch.setenv("GRANTLINE_WEBHOOK_URL", "https://hooks.example.com/visibly-fake-3")
    assert app.run("settings", {}) == 0
    shown = capsys.readouterr().out
    assert "sasl.password" in shown
    assert "visibly-fake" not in shown
