"""One soak: the load sent and watched, then everything that was sent accounted for."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from functools import reduce
from operator import xor
from pathlib import Path
from typing import NamedTuple

from grantline.store.rows import span_key
from tests.benchmarks import pipeline
from tests.benchmarks.broker import paced
from tests.benchmarks.chains import Planted
from tests.benchmarks.expected import Different
from tests.benchmarks.load import Load, hops_of
from tests.benchmarks.load import warm_up as warm_load
from tests.benchmarks.soak import settings
from tests.benchmarks.soak.groups import Groups
from tests.benchmarks.soak.stream import Book, records
from tests.benchmarks.soak.verdict import Accounted
from tests.benchmarks.soak.watch import Minute, Watch
from tests.benchmarks.usage import of_broker
from tests.brokers import Broker

_APPLICATION = "soak"
_ROWS_SECONDS = 120.0
_FINDINGS_SECONDS = settings.GRACE_SECONDS + 60.0


class Plan(NamedTuple):
    """What is asked of a run."""

    minutes: float
    spans_a_second: float
    batch: int
    seed: int


class Soaked(NamedTuple):
    """What came of it."""

    minutes: list[Minute]
    accounted: Accounted


def soak(broker: Broker, plan: Plan, told: Callable[[Minute], None]) -> Soaked:
    """Runs it to its end. Raises `Different` where rows are missing or too many."""
    book = Book()
    warm = warm_load(settings.AGE_SECONDS, settings.TIMES)
    with (
        tempfile.TemporaryDirectory(prefix="grantline-soak-") as home,
        pipeline.running(
            broker, _APPLICATION, 1, warm, **settings.environment(Path(home))
        ) as running,
    ):
        ends = time.monotonic() + plan.minutes * 60
        load = records(
            plan.seed,
            plan.batch,
            plan.spans_a_second,
            book,
            more=lambda: time.monotonic() < ends,
        )
        thread, sent = paced(running.source, load, plan.spans_a_second / plan.batch)
        groups = Groups(
            broker.bootstrap, {"worker": _APPLICATION, "writer": f"{_APPLICATION}-writer"}
        )
        # The load costs the same all the time: where it does not, the machine has changed.
        others = {**of_broker(broker), "load": os.getpid()}
        minutes = Watch(running, book, sent, groups, others).minutes(thread.is_alive, told)
        if not book.ended:
            raise Different("the load broke off: what must come of it is not known")
        return Soaked(minutes, _account(running, book, groups, warm))


def _account(running: pipeline.Pipeline, book: Book, groups: Groups, warm: Load) -> Accounted:
    """Once nothing more comes, or should have."""
    running.await_rows(book.rows, _ROWS_SECONDS)
    ends = time.monotonic() + _FINDINGS_SECONDS
    found, lag = _found(running), groups.lag()
    while (found != book.planted or any(lag.values())) and time.monotonic() < ends:
        time.sleep(1.0)
        found, lag = _found(running), groups.lag()
    [(rows, keys)] = running.ask("SELECT count(*), bit_xor(span_key) FROM hops")
    [(rejected,)] = running.ask("SELECT count(*) FROM rejected")
    return Accounted(
        sent=book.rows,
        rows=rows - warm.rows,
        same_rows=keys == book.keys ^ _keys(warm),
        planted=len(book.planted),
        missing=len(book.planted - found),
        unplanned=len(found - book.planted),
        rejected=rejected,
        lag=lag,
    )


def _found(running: pipeline.Pipeline) -> set[Planted]:
    """What the open findings of the database accuse."""
    rows = running.ask("SELECT reference, unnest(span_ids) FROM findings WHERE status = 'open'")
    return {Planted(*row) for row in rows}


def _keys(load: Load) -> int:
    return reduce(xor, {span_key(hop.span_id) for hop in hops_of(load.records)})
