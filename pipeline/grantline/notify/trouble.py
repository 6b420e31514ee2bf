"""A trouble that lasts, said in a few lines of the log, however often it is met."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

AGAIN_SECONDS: Final = 60.0


class Trouble:
    """Said when it begins, once a minute while it lasts, and when it is over."""

    def __init__(
        self, log: logging.Logger, over: str, now: Callable[[], float] = time.monotonic
    ) -> None:
        """`over` is said at the end; `now` gives seconds that never go backwards."""
        self._log = log
        self._over = over
        self._now = now
        self._next = -1.0
        self._said = False

    def met(self, what: str) -> None:
        if self._now() >= self._next:
            self._next = self._now() + AGAIN_SECONDS
            self._said = True
            self._log.error(what)

    def gone(self) -> None:
        """Says so, if it was said that it had come."""
        if self._said:
            self._said = False
            self._log.warning(self._over)
