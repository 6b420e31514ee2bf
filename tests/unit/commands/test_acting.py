"""What a person may ask for at the command line, before anything is sent."""

from __future__ import annotations

import pytest

from grantline.cli import main

NOWHERE = "127.0.0.1:1"
ID = "inc_" + 32 * "0"


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("GRANTLINE_BOOTSTRAP", NOWHERE)
    monkeypatch.setenv("GRANTLINE_DATA_DIR", str(tmp_path))


@pytest.mark.parametrize(
    "arguments, says",
    [
        (
            ["silence", "--for", "4h", "--reason", "x"],
            "needs a rule, an agent, an issuer or a root",
        ),
        (["silence", "--rule", "TR-05", "--reason", "x"], "needs an end"),
        (["silence", "--rule", "TR-05", "--for", "4h"], "needs a reason"),
        (["silence", "--rule", "TR-05", "--for", "91d", "--reason", "x"], "longer than 90 days"),
        (["silence", "--rule", "TR-05", "--for", "soon", "--reason", "x"], "--for takes 30m, 4h"),
        (["silence", "--rule", "a", "--for", "2020-01-01T00:00:00Z", "--reason", "x"], "is over"),
        (
            ["silence", "--rule", "a", "--for", "2099-01-01T00:00:00", "--reason", "x"],
            "--for takes",
        ),
        (["silence", "--end", "sil_1"], "sil_"),
        (["incident", ID, "--false-positive", "--for", "4h"], "needs a reason"),
        (["incident", ID, "--false-positive", "--reason", "x"], "needs an end"),
    ],
)
def test_what_cannot_be_an_action_is_said_at_once(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 1
    assert says in capsys.readouterr().err


def test_an_action_that_no_broker_takes_is_not_said_to_be_recorded(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("grantline.notify.publisher._ANSWER_SECONDS", 1.0)
    monkeypatch.setattr("grantline.notify.acting._ANSWER_SECONDS", 1.0)
    assert main(["incident", ID, "--acknowledge"]) == 1
    out, err = capsys.readouterr()
    assert f"no broker answers at {NOWHERE}" in err
    assert "recorded" not in out
