"""The delegation somebody acts under, and what this process remembers of the tokens it saw.

No token is kept: the memory is keyed by fingerprint, bounded, and forgets the token that was
used longest ago.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple

from opentelemetry.trace import SpanContext

from grantline.emit.claims import TokenFacts


@dataclass(frozen=True, slots=True)
class Delegation:
    """The ids of one authority edge; `None` is "not known", never "none"."""

    id: str | None = None
    root_id: str | None = None
    parent_id: str | None = None
    depth: int | None = None
    """Hops after the original grant."""
    task_id: str | None = None
    fingerprint: str | None = None
    """Of the newest token that stands for it."""


class Known(NamedTuple):
    """A delegation, what its token said, and the span that first told of it."""

    delegation: Delegation
    facts: TokenFacts | None = None
    origin: SpanContext | None = None


_Run = tuple[str, str]
"""One run of a task: its task id and its root id. The task id alone may name several."""


class Memory:
    """Known delegations by token fingerprint and by id, and begun tasks, at most `size` of each."""

    def __init__(self, size: int) -> None:
        self._size = 2 * size
        self._runs_size = size
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._runs: OrderedDict[_Run, None] = OrderedDict()
        self._tasks: dict[str, dict[str, Known]] = {}
        """Task id -> root id -> the topmost delegation that was made here for it."""
        self.reset()

    def reset(self) -> None:
        """A new lock after a fork; what was known stays known."""
        self._lock = threading.Lock()

    def get(self, key: str | None) -> Known | None:
        """What is known of a fingerprint or a delegation id."""
        if key is None:
            return None
        with self._lock:
            known = self._known.get(key)
            if known is not None:
                self._known.move_to_end(key)
            return known

    def keep(self, known: Known, *fingerprints: str | None, of_id: bool = True) -> None:
        """Remember a delegation under the given fingerprints, and (`of_id`) under its id."""
        with self._lock:
            for key in (known.delegation.id if of_id else None, *fingerprints):
                if key is not None:
                    self._known[key] = known
                    self._known.move_to_end(key)
            while len(self._known) > self._size:
                self._known.popitem(last=False)

    def begin(self, known: Known) -> None:
        """Remember what was made for a task, until the task ends."""
        run = _run(known.delegation)
        if run is None:
            return
        with self._lock:
            self._tasks.setdefault(run[0], {}).setdefault(run[1], known)
            self._runs[run] = None
            self._runs.move_to_end(run)
            while len(self._runs) > self._runs_size:
                self._forget(next(iter(self._runs)))

    def task(self, task_id: str) -> Known | None:
        """What was made here for a task that has not ended.

        `None` as well where several runs of one task id are under way: its name tells neither.
        """
        with self._lock:
            runs = self._tasks.get(task_id, {})
            return next(iter(runs.values())) if len(runs) == 1 else None

    def end(self, delegation: Delegation) -> None:
        """A delegation has ended, and its task if it was the topmost of it."""
        run = _run(delegation)
        with self._lock:
            if run is None or run not in self._runs:
                return
            topmost = self._tasks[run[0]][run[1]].delegation
            if topmost.id == delegation.id:
                self._forget(run)

    def _forget(self, run: _Run) -> None:
        del self._runs[run]
        task_id, root_id = run
        del self._tasks[task_id][root_id]
        if not self._tasks[task_id]:
            del self._tasks[task_id]


def _run(delegation: Delegation) -> _Run | None:
    """The task and root of a delegation, where both are known (and are text)."""
    task_id, root_id = delegation.task_id, delegation.root_id
    return (task_id, root_id) if isinstance(task_id, str) and isinstance(root_id, str) else None
