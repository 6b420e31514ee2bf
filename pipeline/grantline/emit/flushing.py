"""A flush that takes as long as its caller allows, and tells the truth.

The SDK's own ignores its timeout: it exports in the caller's thread until the queue is empty, and with
no broker there each batch takes the whole of `export_timeout`.
"""

from __future__ import annotations

import threading
import time

from grantline.emit.outlet import Outlet, Queue
from grantline.emit.tally import Tally


class Flush:
    """Runs the queue's flush in one thread of its own, which callers wait for."""

    def __init__(self, queue: Queue, outlet: Outlet, tally: Tally) -> None:
        self._queue, self._outlet, self._tally = queue, outlet, tally
        self.reset()

    def reset(self) -> None:
        """Forget the parent's thread and losses (after a fork)."""
        self._turn = threading.Lock()
        self._thread: threading.Thread | None = None
        self._lost = 0

    def run(self, timeout: float) -> bool:
        """Whether all that was told since the last flush is delivered, after `timeout` seconds at most."""
        until = time.monotonic() + timeout
        while self._outlet.waiting and not self._queue.closed and time.monotonic() < until:
            try:
                sending = self._sending()
            except RuntimeError:  # the interpreter is ending and starts no threads any more
                self._queue.force_flush()
                break
            sending.join(max(0.0, until - time.monotonic()))
        with self._turn:
            before, self._lost = self._lost, self._tally.lost
            return not self._outlet.waiting and before == self._lost

    def _sending(self) -> threading.Thread:
        with self._turn:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._queue.force_flush, name="grantline-flush", daemon=True
                )
                self._thread.start()
            return self._thread
