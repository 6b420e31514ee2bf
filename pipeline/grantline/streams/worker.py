"""The worker: one Faust app with everything it needs, and its life in a process.

`build_app` makes the app without touching the broker; `run` declares the topics, runs the app
until SIGTERM or SIGINT and returns the exit status. A worker that cannot go on ends with status
1 and commits nothing it did not finish: whatever supervises it starts it again, and it goes on
from its last commit.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, cast

import faust
import msgspec
from faust.worker import Worker

from grantline import __version__
from grantline.lineage.packing import FORMAT
from grantline.lineage.tiers import Bounds
from grantline.ports import Clock
from grantline.rules import every
from grantline.settings.broker import IDLE_MS, METADATA_MS
from grantline.sources import SOURCES, Origin, read
from grantline.streams import pages, repetitions, topics, transport
from grantline.streams.credentials import credentials
from grantline.streams.custody import TP, Custody
from grantline.streams.engines import Engines
from grantline.streams.folds import Engine
from grantline.streams.gathering import Gathering
from grantline.streams.ingest import Decode, Ingest
from grantline.streams.keeper import Keeper
from grantline.streams.merging import MergeScheduler
from grantline.streams.messages import Addresses
from grantline.streams.metrics import Metrics
from grantline.streams.outlet import Outlet
from grantline.streams.restorer import Restorer
from grantline.streams.settings import Feed, WorkerSettings
from grantline.streams.snapshots import Snapshots
from grantline.streams.speech import Speech
from grantline.streams.stakes import Stakes
from grantline.streams.topology import Agents
from grantline.streams.watch import Watch
from grantline.wire.otlp import decode, decoder

log = logging.getLogger(__name__)

_CLOSE_SECONDS = 5.0
_CRASH_SECONDS = 20.0
_ASK_SECONDS = 3.0
"""How long a broker may take to answer a worker that was told to stop; it is asked twice."""
_QUESTIONS = 2
_PAUSE_SECONDS = 1.0
_LOOK_FOR_TOPICS_SECONDS = 60.0


class WallClock:
    """The machine's clock, kept from going backwards."""

    def __init__(self) -> None:
        self._last = 0

    def now_ms(self) -> int:
        self._last = max(self._last, time.time_ns() // 1_000_000)
        return self._last


class Process(Worker):
    """Faust's worker, which ends when it has crashed."""

    def _crash(self, reason: BaseException) -> None:
        """Faust stops its services one after the other, and waits for some that wait for one
        that is gone. A worker that neither works nor ends keeps its partitions from others.
        """
        super()._crash(reason)
        last_resort = threading.Timer(_CRASH_SECONDS, os._exit, (1,))
        last_resort.daemon = True
        last_resort.start()

    def _schedule_shutdown(self, signal: signal.Signals) -> None:
        """An orderly end takes as long as it takes to finish what is at hand, deliver and commit
        it. Without a broker there is no such end, and Faust's threads wait a minute each for one.
        """
        super()._schedule_shutdown(signal)
        threading.Thread(target=self._leave, name="leave", daemon=True).start()

    def _leave(self) -> None:
        outlet = cast(App, self.app).stakes.outlet
        unanswered = 0
        while unanswered < _QUESTIONS:
            unanswered = 0 if outlet.reaches(_ASK_SECONDS) else unanswered + 1
            time.sleep(_PAUSE_SECONDS)
        log.warning(
            "told to stop, and no broker answers: ended without a last commit; what was not "
            "committed is done again by the next worker"
        )
        logging.shutdown()
        os._exit(0)


class App(faust.App):
    """Faust's app, with what the transport needs of the worker."""

    stakes: Stakes


def build_app(
    settings: WorkerSettings,
    inputs: list[str] | None = None,
    engines: Engines | None = None,
    clock: Clock | None = None,
    topic_ids: Mapping[str, str] | None = None,
) -> App:
    """The app, ready to be started; nothing is sent or asked yet.

    `inputs` are the topics to read where `settings.input_pattern` was resolved before; `engines`
    and `clock` stand in for the real ones; `topic_ids`, by name, tell a topic from one that was
    made anew under its name.
    """
    engines = engines or Engines()
    clock = clock or WallClock()
    names, policy = settings.topics, settings.policy
    addresses = Addresses(
        names.hops, names.tokens, names.findings, names.rejected, settings.partitions,
        f"/grantline/{settings.application}",
    )  # fmt: skip
    metrics = Metrics()
    metrics.show("grantline_decoder", 1, kind=decoder())
    outlet = Outlet(
        settings.bootstrap, settings.delivery_seconds, metrics, settings.security,
        settings.compression,
    )  # fmt: skip
    directory = settings.snapshot_dir or settings.datadir / "snapshots"
    kept = Snapshots(directory, _stamp(settings), topic_ids, policy)

    def former(topic: str, partition: int) -> Engine[Any] | None:
        """An engine under the policy that judged this log before; only that may differ."""
        found = kept.judged_by(topic, partition)
        if found is None or found[0] != _stamp(msgspec.structs.replace(settings, policy=found[1])):
            return None
        return (engines.chains if topic == names.hops else engines.tokens)(found[1])

    custody = Custody(
        {
            names.hops: lambda _: engines.chain_fold(policy),
            names.tokens: lambda _: engines.token_fold(policy),
        },
        Bounds(hot=settings.hot_hops, ceiling=settings.memory_ceiling_mb << 20),
    )
    restorer = Restorer(custody, kept.read, former)
    app = App(**_faust_settings(settings))
    speech = Speech(addresses, outlet, metrics, clock)
    agents = Agents(
        custody=custody,
        outlet=outlet,
        speech=speech,
        metrics=metrics,
        ingest=Ingest(decode, policy, _sources(settings)),
        arriving=Gathering(addresses),
        resolved=Gathering(addresses),
        clock=clock,
    )
    app.stakes = Stakes(
        custody=custody, outlet=outlet, metrics=metrics, restorer=restorer,
        hand_on=agents.hand_on, topic_ids=topic_ids or {},
    )  # fmt: skip
    agents.declare(app, inputs or [*settings.input_topics, *settings.sources], settings)
    pages.add(app, custody, metrics)
    if settings.snapshot_seconds is not None:
        keeper = Keeper(custody, kept, metrics, _committed(app), settings.snapshot_seconds)
        _keep(app, keeper, settings)
    _on_the_clock(app, Watch(app, agents, restorer), settings)
    return app


def _sources(settings: WorkerSettings) -> dict[str, Decode]:
    """Topic -> what reads the log in it."""

    def reader(feed: Feed) -> Decode:
        source, origin = SOURCES[feed.format], Origin(feed.issuer, settings.persons)
        return lambda data, _, received: read(source, data, origin._replace(received=received))

    return {topic: reader(feed) for topic, feed in settings.sources.items()}


def _stamp(settings: WorkerSettings) -> str:
    """What state depends on beside the log: of anything else, a snapshot is not ours to read."""
    rules = [rule.id for rule in every()]
    parts = (FORMAT, __version__, settings.partitions, settings.policy, rules)
    return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()


def _committed(app: App) -> Callable[[TP], int]:
    def committed(tp: TP) -> int:
        return cast(transport.Consumer, app.consumer).committed(tp)

    return committed


def _keep(app: App, keeper: Keeper, settings: WorkerSettings) -> None:
    async def take_snapshots() -> None:
        if not app.rebalancing:
            await keeper.tick(settings.tick_seconds)

    async def leave(*_: Any, **__: Any) -> None:
        # All is committed, and the group not left yet.
        if not app.crashed:
            await keeper.leave()

    app.timer(settings.tick_seconds)(take_snapshots)
    app.on_before_shutdown.connect(leave)


def _on_the_clock(app: App, watch: Watch, settings: WorkerSettings) -> None:
    async def look_for_topics() -> None:
        # Faust subscribes once; a new topic is read after the worker was started again.
        loop = asyncio.get_running_loop()
        try:
            there = await loop.run_in_executor(None, topics.existing, settings)
        except topics.TopicError as why:
            log.warning("looking for topics: %s", why)
            return
        read = {topic for agent in app.agents.values() for topic in agent.channel.topics}
        for name in sorted(set(topics.inputs(settings, there)) - read):
            log.warning("topic %s matches input_pattern: restart the workers to read it", name)

    app.task(_settle_memory)
    app.timer(settings.tick_seconds)(watch.look)
    if settings.input_pattern is not None:
        app.timer(_LOOK_FOR_TOPICS_SECONDS)(look_for_topics)


async def _settle_memory() -> None:
    # What lives as long as the process is not looked at again by the garbage collector; with
    # the defaults it took a third of the time. Never switched off: cycles do occur.
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20, 100)


def _faust_settings(settings: WorkerSettings) -> dict[str, Any]:
    """Every setting that is not Faust's default, with its reason."""
    hosts = ";".join(
        f"{transport.SCHEME}://{host.strip()}" for host in settings.bootstrap.split(",")
    )
    return {
        "id": settings.application,
        "broker": hosts,
        "broker_credentials": credentials(settings.security),
        "ConsumerScheduler": MergeScheduler,
        # An agent that raised must not go on with the next event: that would lose one.
        "agent_supervisor": "mode.CrashingSupervisor",
        "key_serializer": "raw",
        "value_serializer": "raw",
        # No Tables: 250 microseconds an update and 300 a record of recovery.
        "store": "memory://",
        "table_standby_replicas": 0,
        "topic_partitions": settings.partitions,
        # Topics are declared by `topics.ensure`; Faust's own leader topic is not needed.
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "stream_buffer_maxsize": settings.buffered_deliveries,
        # On shutdown the delivery at hand is finished and committed.
        "stream_wait_empty": True,
        "broker_commit_interval": settings.commit_seconds,
        "broker_max_poll_records": None,
        "broker_max_poll_interval": settings.poll_timeout_seconds,
        "consumer_max_fetch_size": settings.fetch_bytes,
        # New partitions are read as soon as they are known; Faust's five minutes are as long as
        # the grace for a parent.
        "consumer_metadata_max_age_ms": METADATA_MS,
        # Clouds drop idle connections after four minutes or so, in silence.
        "consumer_connections_max_idle_ms": IDLE_MS,
        # Spans from before the first start are part of the lineage.
        "consumer_auto_offset_reset": "earliest",
        "broker_check_crcs": True,
        "broker_session_timeout": settings.session_timeout_seconds,
        "broker_heartbeat_interval": settings.heartbeat_seconds,
        "producer_acks": -1,
        "datadir": settings.datadir,
        "web_enabled": settings.web_port is not None,
        "web_port": settings.web_port or 6066,
        "web_bind": settings.web_host,
        # Faust's figures at "/". There are no tables to show, and the graph needs pydot.
        "web_stats_enabled": True,
        "web_tables_enabled": False,
        "web_router_enabled": False,
        # Faust renames this process and takes stdout over; neither is its business here.
        "worker_redirect_stdouts": False,
    }


def run(settings: WorkerSettings, engines: Engines | None = None) -> int:
    """Runs one worker until it is told to stop (SIGTERM, SIGINT); returns the exit status.

    Raises `topics.TopicError` when the broker does not answer or a topic is not as it has to be.
    """
    topics.ensure(settings)
    there = topics.existing(settings) if settings.input_pattern is not None else []
    inputs = topics.inputs(settings, there)
    if not inputs:
        raise topics.TopicError(
            f"no topic matches GRANTLINE_INPUT_PATTERN ({settings.input_pattern}), and no other is "
            "named: create one, or name GRANTLINE_INPUT_TOPICS"
        )
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    ids = topics.identities(settings, [*inputs, settings.topics.hops, settings.topics.tokens])
    app = build_app(settings, inputs, engines, topic_ids=ids)
    settings.datadir.mkdir(parents=True, exist_ok=True)
    repetitions.install()
    worker = Process(app, loop=loop, loglevel=settings.log_level, redirect_stdouts=False)
    try:
        worker.execute_from_commandline()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    finally:
        app.stakes.outlet.close(_CLOSE_SECONDS)
    return 0
