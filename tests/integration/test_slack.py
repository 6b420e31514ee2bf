"""Slack over real HTTP: one message, edited; news in its thread; within Block Kit's limits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from grantline.notify.ledger import Ledger
from grantline.notify.slack import SlackNotifier
from grantline.ports import Refused, Retry
from tests.pages import page
from tests.receiver import Answer, Receiver

FAKE_TOKEN = "xoxb-fake-token"
HOSTILE = "\x1b]0;x\x07\n<!channel> <https://evil.example|click>&```" + "n" * 10_000
JSON = {"Content-Type": "application/json"}


def says(**answer: Any) -> Answer:
    return Answer(200, JSON, 0, json.dumps(answer).encode())


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver([says(ok=True, ts="1700.1")]) as opened:
        yield opened


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(tmp_path / "alerts.sqlite3")
    yield opened
    opened.close()


def slack(receiver: Receiver, ledger: Ledger) -> SlackNotifier:
    notifier = SlackNotifier(FAKE_TOKEN, "C1", url=receiver.url, timeout_seconds=5)
    notifier.memory = ledger
    return notifier


def calls(receiver: Receiver) -> list[tuple[str, dict[str, Any]]]:
    out = []
    for request in receiver.requests:
        body = json.loads(request.body)
        assert request.headers["authorization"] == f"Bearer {FAKE_TOKEN}"
        assert body["channel"] == "C1"
        within_limits(body)
        out.append((request.path.rpartition("/")[2], body))
    return out


def within_limits(body: dict[str, Any]) -> None:
    assert 0 < len(body["text"]) <= 4_000
    blocks = body.get("blocks", [])
    assert len(blocks) <= 50
    for block in blocks:
        if block["type"] == "header":
            assert block["text"]["type"] == "plain_text"
            assert 0 < len(block["text"]["text"]) <= 150
        elif block["type"] == "section":
            assert 0 < len(block["text"]["text"]) <= 3_000
        else:
            assert block["type"] == "context"
            assert len(block["elements"]) <= 10
    assert len(json.dumps(blocks)) <= 13_200


def test_an_incident_is_one_message_that_is_edited_with_its_news_in_the_thread(
    receiver: Receiver, ledger: Ledger
) -> None:
    """The second by another process: what to edit is in the ledger."""
    slack(receiver, ledger).notify(page())
    again = slack(receiver, ledger)
    again.notify(page(revision=1, event="escalated", severity="critical"))
    again.notify(page(revision=2, status="retracted"))
    did = calls(receiver)
    assert [name for name, _ in did] == [
        "chat.postMessage", "chat.update", "chat.postMessage", "chat.update", "chat.postMessage",
    ]  # fmt: skip
    assert all(body["ts"] == "1700.1" for name, body in did if name == "chat.update")
    assert [body.get("thread_ts") for name, body in did if name == "chat.postMessage"] == [
        None, "1700.1", "1700.1",
    ]  # fmt: skip
    assert did[2][1]["reply_broadcast"] is True
    assert did[4][1]["reply_broadcast"] is False


def test_a_message_answers_what_is_asked_at_night(receiver: Receiver, ledger: Ledger) -> None:
    told = page(issuer="https://as.example.com", jti="j-1", system="billing", outcome="allowed")
    slack(receiver, ledger).notify(told)
    [(_, body)] = calls(receiver)
    text = json.dumps(body["blocks"], ensure_ascii=False)
    for part in ("alice -&gt; planner-7 -&gt; billing-bot", "at billing", "https://as.example.com", "j-1",
                 "*goes on*", "*end it* Revoke token j-1", told.dedup_key):  # fmt: skip
        assert part in text


def test_nothing_from_outside_is_a_mention_or_a_link(receiver: Receiver, ledger: Ledger) -> None:
    told = page(explanation=HOSTILE, title=HOSTILE, path=[HOSTILE] * 20, facts={HOSTILE: HOSTILE}, actor=HOSTILE,
                system=HOSTILE, issuer=HOSTILE, jti=HOSTILE, root_id=HOSTILE, sql=HOSTILE)  # fmt: skip
    slack(receiver, ledger).notify(told)
    [(_, body)] = calls(receiver)
    marked = [body["text"], *(b["text"]["text"] for b in body["blocks"] if b["type"] == "section")]
    assert all("<" not in text and "\x1b" not in text for text in marked)


def test_a_deleted_message_is_posted_anew(receiver: Receiver, ledger: Ledger) -> None:
    notifier = slack(receiver, ledger)
    notifier.notify(page())
    receiver.answer(says(ok=False, error="message_not_found"), says(ok=True, ts="1700.2"))
    notifier.notify(page(revision=1, event="updated"))
    assert ledger.recall("slack", page().key) == "1700.2"


@pytest.mark.parametrize(
    "error, raised",
    [("invalid_auth", Retry), ("channel_not_found", Retry), ("fatal_error", Retry),
     ("invalid_blocks", Refused)],
)  # fmt: skip
def test_what_slack_refuses_with_200_is_no_success(
    receiver: Receiver, ledger: Ledger, error: str, raised: type[Exception]
) -> None:
    receiver.answer(says(ok=False, error=error))
    with pytest.raises(raised, match=error) as why:
        slack(receiver, ledger).notify(page())
    assert FAKE_TOKEN not in str(why.value) + repr(slack(receiver, ledger))
    if error in {"invalid_auth", "channel_not_found"}:
        assert "GRANTLINE_SLACK_TOKEN" in str(why.value)


def test_an_answer_that_is_none_and_a_limit_of_rate_are_tried_again(
    receiver: Receiver, ledger: Ledger
) -> None:
    receiver.answer(Answer(200, JSON, 0, b"<html>"))
    with pytest.raises(Retry):
        slack(receiver, ledger).notify(page())
    receiver.answer(Answer(429, {"Retry-After": "7"}))
    with pytest.raises(Retry) as why:
        slack(receiver, ledger).notify(page())
    assert why.value.after_seconds == 7
