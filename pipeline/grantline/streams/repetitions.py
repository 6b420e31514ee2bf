"""Repetitions: what the Kafka client says again and again is said once in a while, and counted.

While a broker is away aiokafka tells of every attempt, some 65 lines a second: whoever is woken by
that has to find the one line that matters. Nothing is said that it did not say.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

LOGGERS: Final = (
    "aiokafka",
    "aiokafka.conn",
    "aiokafka.consumer.fetcher",
    "aiokafka.consumer.group_coordinator",
)
"""A filter holds for the logger it is put on, not for those below it."""
_SECONDS: Final = 10.0
_REMEMBERED: Final = 1_000


class Repetitions(logging.Filter):
    """Lets one message of a kind through every ten seconds. What differs in numbers alone, or in
    other arguments of the message, is of one kind.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._said: dict[tuple[str, str], tuple[float, int]] = {}
        """When a message was last let through, and how many were not since."""

    def filter(self, record: logging.LogRecord) -> bool:
        kind, now = (record.name, str(record.msg)), self._clock()
        at, more = self._said.get(kind, (-_SECONDS, 0))
        if now - at < _SECONDS:
            self._said[kind] = (at, more + 1)
            return False
        if len(self._said) >= _REMEMBERED:
            self._said.clear()
        self._said[kind] = (now, 0)
        if more:
            record.msg = f"{record.msg} (and {more} times more before)"
        return True


def install() -> None:
    """On the loggers of aiokafka, in this process."""
    once = Repetitions()
    for name in LOGGERS:
        logging.getLogger(name).addFilter(once)
