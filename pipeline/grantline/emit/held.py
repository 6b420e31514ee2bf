"""Uses that are under way: told when the call ends, so that a failure is said, or before.

A call that takes long is not waited for: its use is told after some seconds, at a flush or at the end
of the process, whichever comes first, and then says nothing of how the call ended. Its time is that of
the call's beginning in any case.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final

from opentelemetry.sdk.trace import ReadableSpan

PATIENCE: Final = 5.0
"""Seconds a use waits for its call."""
_LOOK: Final = 1.0
"""Seconds between looks for those that have waited long enough, while there are any."""

Make = Callable[[str | None], ReadableSpan]
"""Finishes the span, with the error's type where the call has failed."""


class Held:
    """One use whose call is under way."""

    __slots__ = ("due", "make")

    def __init__(self, make: Make) -> None:
        self.make = make
        self.due = time.monotonic() + PATIENCE


class Holding:
    """Those that are under way; whoever takes one out tells it, once."""

    def __init__(self, tell: Callable[[ReadableSpan], Any]) -> None:
        self._tell = tell
        self._stopped = False
        self.reset()

    def reset(self) -> None:
        """Nothing of the parent's is ours to tell (after a fork)."""
        self._open: dict[Held, None] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def hold(self, make: Make) -> Held:
        """Take a use in."""
        held = Held(make)
        self._open[held] = None
        if not self._wake.is_set():
            self._wake.set()
        if self._thread is None and not self._watched():
            self.end(held)
        return held

    def end(self, held: Held, error: str | None = None) -> None:
        """Tell it, unless that has been done."""
        if self._open.pop(held, self) is not self:
            self._tell(held.make(error))

    def end_all(self) -> None:
        """Tell all that are under way."""
        for held in list(self._open):
            self.end(held)

    def stop(self) -> None:
        """Tell all, and wait for none any more."""
        self._stopped = True
        self._wake.set()
        self.end_all()

    def _watched(self) -> bool:
        with self._lock:
            if self._thread is None and not self._stopped:
                thread = threading.Thread(target=self._watch, name="grantline-held", daemon=True)
                try:
                    thread.start()
                except RuntimeError:  # the interpreter is ending
                    return False
                self._thread = thread
        return not self._stopped

    def _watch(self) -> None:
        while not self._stopped:
            self._wake.wait()
            while self._open and not self._stopped:
                time.sleep(_LOOK)
                now = time.monotonic()
                for held in list(self._open):
                    if held.due <= now:
                        self.end(held)
            self._wake.clear()
            if self._open or self._stopped:
                self._wake.set()
