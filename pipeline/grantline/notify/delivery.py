"""One destination's postman: a thread that empties the outbox towards one notifier.

Every destination has its own, so that one which hangs, refuses or is gone holds up no other. A
letter leaves the outbox when the destination has taken it, or refuses it and takes others. As long
as it takes none, the fault may be the destination's, and everything waits for its repair.
"""

from __future__ import annotations

import logging
import random
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Final

import msgspec

from grantline.model.page import Page
from grantline.notify.backoff import Backoff
from grantline.notify.ledger import Ledger
from grantline.notify.letters import Letter
from grantline.notify.metrics import Metrics
from grantline.notify.printable import printable
from grantline.notify.trouble import Trouble
from grantline.ports import Notifier, Refused, Retry

_log = logging.getLogger(__name__)

_IDLE_SECONDS: Final = 5.0
"""`grantline alert --revive` is another process, which cannot wake this one."""
_DISK_PAUSE_SECONDS: Final = 1.0
_page: Final = msgspec.json.Decoder(Page)


class Delivery:
    """Tells `notifier` what waits for it, in the order of each incident's states.

    After a `Retry` the letter waits by its own count of attempts and the destination by its
    failures in a row. So a destination that is down is asked ever less often, and a single letter
    that it cannot digest holds up only later states of the same incident.
    """

    def __init__(
        self, notifier: Notifier, ledger: Ledger, backoff: Backoff, metrics: Metrics
    ) -> None:
        self._notifier = notifier
        self._ledger = ledger
        self._backoff = backoff
        self._metrics = metrics
        # Jitter, not a secret.
        self._chance = random.Random()  # noqa: S311
        self._stop = threading.Event()
        self._woken = threading.Event()
        self._failures = 0
        self._resume = 0.0
        self._sent = 0
        self._refused: dict[int, int] = {}
        """Letter -> how many had been sent when it was first refused."""
        self._disk = Trouble(_log, "the alert ledger can be used again")
        # A daemon: a destination that hangs must not keep a stopped process alive.
        self._thread = threading.Thread(
            target=self._run, name=f"deliver-{notifier.name}", daemon=True
        )

    @property
    def name(self) -> str:
        return self._notifier.name

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """There may be a new letter."""
        self._woken.set()

    def stop(self) -> None:
        """Begins no further letter; the one under way goes on. Does not wait."""
        self._stop.set()
        self._woken.set()

    def join(self, seconds: float) -> bool:
        """Waits for the letter under way; False if it took longer than `seconds`."""
        self._thread.join(max(0.0, seconds))
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._woken.clear()
            try:
                pause = self._step()
            except sqlite3.Error as why:
                if self._stop.is_set():  # the ledger was closed under a late answer
                    return
                self._disk.met(f"the alert ledger cannot be read: {why}. Trying again")
                pause = _DISK_PAUSE_SECONDS
            if pause > 0:
                self._woken.wait(min(pause, _IDLE_SECONDS))

    def _step(self) -> float:
        """Deals with one letter if one is due; returns the seconds until there can be another."""
        now = time.monotonic()
        if now < self._resume:
            return self._resume - now
        letter = self._ledger.next_letter(self.name)
        if letter is None:
            return _IDLE_SECONDS
        if letter.due > now:
            return letter.due - now
        if letter.moot:
            self._count("moot")
            self._surely(lambda: self._ledger.dropped(letter))
        else:
            self._tell(letter)
        return 0.0

    def _tell(self, letter: Letter) -> None:
        try:
            self._notifier.notify(_page.decode(letter.body))
        except Refused as why:
            self._doubt(letter, str(why))
        except msgspec.ValidationError:
            self._bury(letter, "written by a release with another form of page")
        except Retry as why:
            level = logging.ERROR if why.mend else logging.WARNING
            self._put_off(letter, str(why), why.after_seconds, level)
        except Exception as why:  # noqa: BLE001
            # A bug of the notifier. Its text may hold a secret of the destination: only the type.
            self._put_off(letter, f"failed with {type(why).__name__}", None, logging.ERROR)
        else:
            self._taken(letter)

    def _taken(self, letter: Letter) -> None:
        self._failures = 0
        self._sent += 1
        self._refused.pop(letter.seq, None)
        now_ms = time.time_ns() // 1_000_000
        self._surely(lambda: self._ledger.sent(letter, now_ms))
        self._count("sent")

    def _doubt(self, letter: Letter, why: str) -> None:
        """Is it the letter or the destination? The letter, if others have been taken since."""
        if self._sent > self._refused.setdefault(letter.seq, self._sent):
            del self._refused[letter.seq]
            self._bury(letter, why)
        else:
            self._put_off(letter, f"{why}; set aside if others are taken", None, logging.ERROR)

    def _put_off(self, letter: Letter, why: str, asked: float | None, level: int) -> None:
        self._failures += 1
        now = time.monotonic()
        self._resume = now + self._backoff.wait(self._failures, asked, self._chance)
        due = now + self._backoff.wait(letter.attempts + 1, asked, self._chance)
        self._surely(lambda: self._ledger.put_off(letter, due))
        self._count("retry")
        _log.log(
            level,
            "incident %s is not yet told to %s (attempt %d): %s",
            *(letter.incident_id, self.name, letter.attempts + 1, printable(why)),
        )

    def _bury(self, letter: Letter, why: str) -> None:
        self._failures = 0
        now_ms = time.time_ns() // 1_000_000
        self._surely(lambda: self._ledger.buried(letter, why, now_ms))
        self._count("refused")
        _log.error(
            "incident %s is not told to %s, which takes others, and is now a dead letter (`grantline "
            "alert --list-dead` shows it, --revive sends it again): %s",
            *(letter.incident_id, self.name, printable(why)),
        )

    def _count(self, outcome: str) -> None:
        self._metrics.attempts.labels(self.name, outcome).inc()

    def _surely(self, write: Callable[[], None]) -> None:
        """Writes, and tries again while the disk fails: going on would tell a letter twice."""
        while True:
            try:
                write()
            except sqlite3.OperationalError as why:
                self._disk.met(f"the alert ledger cannot be written: {why}. Trying again")
                if self._stop.wait(_DISK_PAUSE_SECONDS):
                    return
            else:
                self._disk.gone()
                return
