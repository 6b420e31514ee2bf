"""What every `ports.Notifier` holds to, the one in memory included.

What only some destinations can show (a trouble that passes, a refusal) is asked of those.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from rich.console import Console

from grantline.notify.console import ConsoleNotifier
from grantline.notify.webhook import WebhookNotifier
from grantline.ports import Notifier, Refused, Retry
from tests.memory_notifier import MemoryNotifier
from tests.pages import page
from tests.receiver import Answer, Receiver

HOSTILE = "\x1b]0;x\x07\n[/]{}\u202e\x00" + "n" * 10_000


class Subject(NamedTuple):
    """One notifier, and how to see and to spoil its destination."""

    notifier: Notifier
    told: Callable[[], list[str]]
    """Dedup keys of what the destination has taken, copies dropped."""
    trouble: Callable[[], None] | None
    """The next call meets a destination that cannot take it now."""
    refusal: Callable[[], None] | None
    """The next call meets a destination that never will."""


def _memory() -> Iterator[Subject]:
    notifier = MemoryNotifier()
    yield Subject(
        notifier,
        lambda: [each.dedup_key for each in notifier.pages],
        lambda: notifier.trouble.append(Retry("away")),
        lambda: notifier.trouble.append(Refused("never")),
    )


class _Pipe(io.StringIO):
    """A stream whose reader can go away once."""

    broken = False

    def write(self, text: str) -> int:
        if self.broken:
            self.broken = False
            raise BrokenPipeError
        return super().write(text)


def _console() -> Iterator[Subject]:
    out = _Pipe()
    notifier = ConsoleNotifier(Console(file=out, force_terminal=False))

    def told() -> list[str]:
        words = [line.split() for line in out.getvalue().splitlines()]
        keys = [each[-1] for each in words if each and each[0] == "incident"]
        return list(dict.fromkeys(keys))

    yield Subject(notifier, told, lambda: setattr(out, "broken", True), None)


def _webhook() -> Iterator[Subject]:
    with Receiver() as receiver:

        def told() -> list[str]:
            return list(
                dict.fromkeys(json.loads(each.body)["id"] for each in receiver.answered(204))
            )

        yield Subject(
            WebhookNotifier(receiver.url, timeout_seconds=5),
            told,
            lambda: receiver.answer(Answer(503), Answer()),
            lambda: receiver.answer(Answer(422), Answer()),
        )


@pytest.fixture(params=[_memory, _console, _webhook], ids=["memory", "console", "webhook"])
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    yield from request.param()


def test_it_has_a_name(subject: Subject) -> None:
    assert subject.notifier.name


def test_it_returns_once_the_destination_has_taken_the_finding(subject: Subject) -> None:
    subject.notifier.notify(page())
    assert subject.told() == [page().dedup_key]


def test_it_keeps_the_order_of_calls(subject: Subject) -> None:
    states = [page(), page("two"), page(revision=1, status="retracted")]
    for state in states:
        subject.notifier.notify(state)
    assert subject.told() == [state.dedup_key for state in states]


def test_the_destination_can_tell_a_second_copy_from_a_second_state(subject: Subject) -> None:
    for revision in (0, 0, 1, 1):
        subject.notifier.notify(page(revision=revision))
    assert subject.told() == [page(revision=revision).dedup_key for revision in (0, 1)]


@pytest.mark.parametrize("severity", ["info", "low", "medium", "high", "critical"])
@pytest.mark.parametrize("status", ["open", "retracted"])
def test_it_can_tell_every_state(subject: Subject, severity: str, status: str) -> None:
    subject.notifier.notify(page(severity=severity, status=status))
    assert len(subject.told()) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"explanation": HOSTILE, "title": HOSTILE, "path": [HOSTILE] * 3, "facts": {HOSTILE: ""}},
        {"root_id": HOSTILE, "rule": HOSTILE, "delegation_ids": [HOSTILE]},
        {"root_id": None, "path": [], "facts": {}, "span_ids": [], "sql": "", "explanation": ""},
        {"sql": HOSTILE, "triage": HOSTILE, "a_later_field": {"nested": [HOSTILE]}},
    ],
    ids=["names", "identities", "nothing", "the rest"],
)
def test_it_takes_whatever_a_finding_may_hold(subject: Subject, changed: dict[str, Any]) -> None:
    subject.notifier.notify(page(**changed))
    assert len(subject.told()) == 1


def test_a_passing_trouble_is_a_retry_and_the_same_call_succeeds_later(subject: Subject) -> None:
    assert subject.trouble is not None
    subject.trouble()
    with pytest.raises(Retry):
        subject.notifier.notify(page())
    assert subject.told() == []
    subject.notifier.notify(page())
    assert subject.told() == [page().dedup_key]


def test_a_refusal_is_final_for_this_finding_and_no_other(subject: Subject) -> None:
    if subject.refusal is None:
        pytest.skip("a terminal refuses nothing")
    subject.refusal()
    with pytest.raises(Refused):
        subject.notifier.notify(page())
    subject.notifier.notify(page("two"))
    assert subject.told() == [page("two").dedup_key]
