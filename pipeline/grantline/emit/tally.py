"""What an emitter has done and failed to do, in numbers; and the log that says so.

Nothing is lost silently: every span that is emitted ends in `delivered`, in one reason of
`dropped`, or is still `pending`. Each kind of trouble is logged at its 1st, 10th, 100th ...
occurrence, so that an outage fills no disk. No message ever holds a value of the agent.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from grantline.emit.errors import Mistake

LOG: Final = logging.getLogger("grantline.emit")
# An opaque token says nothing of its audience: no news to whoever reads the agent's log.
_MINOR: Final = frozenset({"incomplete"})
_MAX_MISTAKES: Final = 256
"""Different ones that are told, each once."""


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts since the process (or the fork) began."""

    emitted: int
    """Delegation spans made."""
    delivered: int
    """Spans the broker or the Collector has acknowledged."""
    dropped: Mapping[str, int]
    """Spans that will never arrive, by reason: `queue_full`, `undeliverable`, `oversize` ..."""
    notes: Mapping[str, int]
    """Facts put right or left out: `scrubbed`, `truncated`, `refused`, `incomplete`,
    `pseudonymised`, `baggage_conflict`, `mistake`, `error`."""

    @property
    def pending(self) -> int:
        """Spans on their way."""
        return self.emitted - self.delivered - self.lost

    @property
    def lost(self) -> int:
        """Spans dropped, for whatever reason."""
        return sum(self.dropped.values())


class Tally:
    """Thread-safe counters of one emitter."""

    def __init__(self, *, strict: bool = False) -> None:
        self._strict = strict
        self._told: set[str] = set()
        self.reset()

    def reset(self) -> None:
        """Start from zero: a forked child owes nothing for its parent's spans."""
        self._lock = threading.Lock()
        self._emitted = 0
        self._delivered = 0
        self._dropped: Counter[str] = Counter()
        self._notes: Counter[str] = Counter()

    def emitted(self) -> None:
        with self._lock:
            self._emitted += 1

    def delivered(self, spans: int) -> None:
        with self._lock:
            self._delivered += spans

    def dropped(self, spans: int, reason: str, detail: str = "") -> None:
        """Count spans that are lost for good, and say so."""
        if spans <= 0:
            return
        with self._lock:
            before = self._dropped[reason]
            self._dropped[reason] = after = before + spans
        if len(str(before)) < len(str(after)) or not before:
            LOG.error("delegation spans lost: %d so far (%s%s)", after, reason, _tail(detail))

    @property
    def lost(self) -> int:
        """Spans dropped so far."""
        with self._lock:
            return sum(self._dropped.values())

    def note(self, what: str, detail: str) -> None:
        """Count a fact that was put right or left out, and say so."""
        with self._lock:
            self._notes[what] += 1
            count = self._notes[what]
        if str(count).strip("0") == "1":
            level = logging.INFO if what in _MINOR else logging.WARNING
            LOG.log(level, "delegation span %s: %d so far (%s)", what, count, detail)

    def mistake(self, key: str, text: str) -> None:
        """Count what cannot be meant, and say it with its cure: once for each `key`.

        Raises `Mistake` instead if the emitter is strict. `text` holds no value of the agent that
        could be a secret.
        """
        if self._strict:
            raise Mistake(text)
        with self._lock:
            self._notes["mistake"] += 1
            news = key not in self._told and len(self._told) < _MAX_MISTAKES
            if news:
                self._told.add(key)
        if news:
            LOG.warning("%s", text)

    def error(self, where: str, error: BaseException) -> None:
        """Count a failure inside the library. The message is left out: it may quote a token."""
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        line = f" at {trace.tb_frame.f_code.co_name}:{trace.tb_lineno}" if trace else ""
        self.note("error", f"{where}: {type(error).__name__}{line}")

    def stats(self) -> Stats:
        with self._lock:
            return Stats(self._emitted, self._delivered, dict(self._dropped), dict(self._notes))


def _tail(detail: str) -> str:
    return f": {detail}" if detail else ""
