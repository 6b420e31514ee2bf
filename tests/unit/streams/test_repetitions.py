"""A broker that is away fills no log."""

from __future__ import annotations

import importlib
import logging

import pytest

from grantline.streams import repetitions
from grantline.streams.repetitions import LOGGERS, Repetitions


def _lines(*said: tuple[float, str, int]) -> list[str]:
    """What is left of (second, template, argument)."""
    now = 0.0
    once = Repetitions(lambda: now)
    left = []
    for now, text, number in said:  # noqa: B007 (the clock reads it)
        record = logging.LogRecord("aiokafka.conn", logging.ERROR, "", 0, text, (number,), None)
        if once.filter(record):
            left.append(record.getMessage())
    return left


def test_one_line_of_a_kind_in_ten_seconds_and_how_many_it_stands_for() -> None:
    lost = "no node %s: 100%% lost"
    assert _lines(
        (0, lost, 1), (1, lost, 2), (2, "gone: %s", 1), (9.9, lost, 1), (11, lost, 3)
    ) == [
        "no node 1: 100% lost",
        "gone: 1",
        "no node 3: 100% lost (and 2 times more before)",
    ]


def test_what_is_always_another_text_fills_no_memory() -> None:
    once = Repetitions(lambda: 0.0)
    for number in range(3_000):
        record = logging.LogRecord("aiokafka.conn", logging.ERROR, "", 0, f"at {number}", (), None)
        assert once.filter(record)
    assert len(once._said) <= 1_000


@pytest.mark.parametrize(
    "module", ["client", "conn", "consumer.fetcher", "consumer.group_coordinator"]
)
def test_the_filter_is_where_aiokafka_logs(module: str) -> None:
    name = importlib.import_module(f"aiokafka.{module}").log.name
    assert name in LOGGERS
    before = list(logging.getLogger(name).filters)
    repetitions.install()
    assert len(logging.getLogger(name).filters) == len(before) + 1
    logging.getLogger(name).filters[:] = before
