"""A trouble that lasts is said in a few lines."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from grantline.notify.trouble import AGAIN_SECONDS, Trouble

LOG = logging.getLogger("test.trouble")


class Minutes:
    """Seconds that go on when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def minutes() -> Minutes:
    return Minutes()


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    return lambda: [record.getMessage() for record in caplog.records]


def test_it_is_said_once_and_once_more_after_each_minute(
    minutes: Minutes, said: Callable[[], list[str]]
) -> None:
    trouble = Trouble(LOG, "back", minutes)
    for second in range(int(2 * AGAIN_SECONDS)):
        minutes.now = second
        trouble.met(f"gone {second}")
    trouble.gone()
    trouble.gone()
    assert said() == ["gone 0", "gone 60", "back"]


def test_nothing_is_said_where_nothing_was_wrong(said: Callable[[], list[str]]) -> None:
    Trouble(LOG, "back").gone()
    assert said() == []


def test_coming_and_going_all_the_time_is_said_no_oftener(
    minutes: Minutes, said: Callable[[], list[str]]
) -> None:
    trouble = Trouble(LOG, "back", minutes)
    for second in range(int(AGAIN_SECONDS)):
        minutes.now = second
        trouble.met("gone")
        trouble.gone()
    assert said() == ["gone", "back"]
