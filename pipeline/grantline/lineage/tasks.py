"""Folding what names nothing but a task: to which run of the task it belongs, and to which not.

A weak name places what has no descendants: a use, a decision, a revocation, an end. A hand-off
that names neither token nor parent stays a gap.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort

import msgspec

from grantline.lineage.histories import TokenDelta, arrives
from grantline.lineage.route import resolve
from grantline.model.flags import CLOCK_UNUSABLE
from grantline.model.history import Task, Waiting
from grantline.model.hop import END, ISSUING, REVOKE, ROOT_WITHDRAWN, Hop
from grantline.model.policy import NS, Policy
from grantline.model.sighting import ISSUED, WAITING, Sighting
from grantline.model.subject import tell
from grantline.model.task import Start

_MS_PER_S = 1_000


def fold(task: Task, sighting: Sighting, policy: Policy, now_ms: int, delta: TokenDelta) -> None:
    """Add one sighting of a task. `now_ms` is ingest time."""
    arrives(task, sighting, now_ms)
    if sighting.act == WAITING and sighting.hop is not None:
        _wait(task, Waiting(sighting.hop, now_ms), policy, delta)
        _let_go(task, policy, now_ms)
    elif sighting.act == ISSUED and sighting.root_id is not None and sighting.timed:
        _begin(task, Start(sighting.time, sighting.root_id), policy, delta)


def _begin(task: Task, start: Start, policy: Policy, delta: TokenDelta) -> None:
    """A run; what fits it better than the runs known before is placed in it."""
    starts = task.starts
    at = bisect_left(starts, start)
    if at < len(starts) and starts[at] == start:
        return
    starts.insert(at, start)
    low = _at(task, start.time if at else start.time - policy.leeway_ns)
    high = _at(task, starts[at + 1].time) if at + 1 < len(starts) else len(task.waits)
    for _, _, waiting in task.waits[low:high]:
        _place(task, waiting, start, delta)


def _wait(task: Task, waiting: Waiting, policy: Policy, delta: TokenDelta) -> None:
    hop, starts = waiting.hop, task.starts
    if not tell(task.waiting, hop.span_id, waiting):
        return
    delta.waiting[waiting] = task
    if not enter(task, waiting):
        return
    begun = bisect_right(starts, hop.time, key=_time)
    if begun:
        _place(task, waiting, starts[begun - 1], delta)
    elif starts and starts[0].time <= hop.time + policy.leeway_ns:
        _place(task, waiting, starts[0], delta)


def enter(task: Task, waiting: Waiting) -> bool:
    """Keep what waits in the order of its time; False for what a task alone never places."""
    hop = waiting.hop
    if hop.operation in ISSUING or CLOCK_UNUSABLE in hop.flags:
        return False
    task.numbers += 1
    insort(task.waits, (hop.time, task.numbers, waiting))
    return True


def _place(task: Task, waiting: Waiting, start: Start, delta: TokenDelta) -> None:
    hop, before = waiting.hop, waiting.start
    waiting.start = start
    delta.waiting[waiting] = task
    # Only a revocation or an end changes what is judged in the chain it leaves.
    if before is not None and hop.operation in (REVOKE, END):
        placed = _in_run(hop, before)
        flags = tuple(sorted({*placed.flags, ROOT_WITHDRAWN}))
        delta.resolved.append(msgspec.structs.replace(placed, flags=flags))
    delta.resolved.append(_in_run(hop, start))


def _in_run(hop: Hop, start: Start) -> Hop:
    return msgspec.structs.replace(resolve(hop, start.root_id), task_granted_at=start.time)


def _let_go(task: Task, policy: Policy, now_ms: int) -> None:
    """Forget runs and what was placed in them, where only facts that come late could change it.

    A task's id may be used for ever; late facts are not judged.
    """
    before = (now_ms - int(policy.lateness_seconds * _MS_PER_S)) * (NS // _MS_PER_S)
    before -= policy.leeway_ns
    gone = _at(task, before)
    if not gone:
        return
    for _, _, waiting in task.waits[:gone]:
        span_id = waiting.hop.span_id
        if not waiting.said and task.waiting.get(span_id) is waiting:
            del task.waiting[span_id]
    del task.waits[:gone]
    del task.starts[: max(0, bisect_right(task.starts, before, key=_time) - 1)]


def _at(task: Task, time: int) -> int:
    """Where in `waits` that time is."""
    return bisect_left(task.waits, (time, -1))


def _time(start: Start) -> int:
    return start.time
