"""Folding ends: what a task or a delegation was given for is over, and since when.

An end that names a delegation ends what was given through it: a worker that says that its part
is done does not end its sibling. One that names a task alone ends the whole task. An end may
arrive before what it ends, and one that only its task's id brought here may be taken back.
"""

from __future__ import annotations

from collections.abc import Iterable

from grantline.lineage.clocks import clocks_of
from grantline.lineage.tree import Delta, delegation_of, inherit
from grantline.model.chain import Chain, Endings, Token
from grantline.model.death import ANY, Ends, Kill, ends, first, resolution
from grantline.model.flags import CLOCK_UNUSABLE
from grantline.model.hop import ROOT_WITHDRAWN, Hop
from grantline.model.task import Claim, Claims


def fold(chain: Chain, hop: Hop, now_ms: int, delta: Delta) -> None:
    """Add one end to its chain; one whose time nobody knows ends nothing."""
    if CLOCK_UNUSABLE in hop.flags:
        return
    endings = chain.endings
    if endings is None:
        endings = chain.endings = Endings()
    task, clocks = hop.task_id, clocks_of(hop)
    over = hop.time if hop.ended is None else hop.ended
    kill = Kill(over, hop.span_id, task or "", resolution(hop.time, hop.ended))
    if hop.task_granted_at is not None and task is not None:
        claims = endings.claims.setdefault(task, Claims())
        claim = Claim(kill, False, hop.task_granted_at, clocks)
        if ROOT_WITHDRAWN in hop.flags:
            claims.withdraw(claim)
        else:
            claims.add(claim)
        _task(chain, endings, task, delta)
    elif hop.id is not None:
        before = endings.ids.get(hop.id, ())
        told = endings.ids[hop.id] = first(ends(kill, clocks), before)
        if told != before:
            inherit(chain, delegation_of(chain, hop.id, now_ms), delta)
    elif task is not None:
        endings.named[task] = first(ends(kill, clocks), endings.named.get(task, ()))
        _task(chain, endings, task, delta)


def find_tasks(endings: Endings) -> None:
    """Find again what follows from the ends that are known."""
    for task in (*endings.named, *endings.claims):
        if told := _told(endings, task):
            endings.tasks[task] = told


def _told(endings: Endings, task: str) -> Ends:
    claims = endings.claims.get(task)
    return first(endings.named.get(task, ()), claims.death.hard if claims is not None else ())


def _task(chain: Chain, endings: Endings, task: str, delta: Delta) -> None:
    told, before = _told(endings, task), endings.tasks.get(task, ())
    if told == before:
        return
    if told:
        endings.tasks[task] = told
    else:
        del endings.tasks[task]
    for delegation in chain.tasks.get(task, ()):
        inherit(chain, delegation, delta)
    # Ends come last: mostly there is nothing after them that would have to be asked again.
    if chain.last_use > min(kill.time for clock, kill in (*told, *before) if clock == ANY):
        for token in _every(chain):
            delta.uses |= {use: None for use in token.uses.values() if use.task_id == task}


def _every(chain: Chain) -> Iterable[Token]:
    yield from chain.tokens.values()
    for named in chain.jtis.values():
        yield named.stand_in
