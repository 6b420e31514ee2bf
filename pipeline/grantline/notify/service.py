"""`grantline alert`: the process that tells people, and nothing else.

One intake reads findings into the ledger; one delivery a destination empties it. Killed at any
moment, it goes on where the ledger stands: nothing is lost, nothing recorded as told is told
again. What was under way when it was killed is told again with the same dedup key.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Final

from prometheus_client import start_http_server

from grantline.notify.action_intake import ActionIntake
from grantline.notify.delivery import Delivery
from grantline.notify.intake import Intake
from grantline.notify.ledger import Ledger
from grantline.notify.metrics import LedgerGauges, Metrics
from grantline.notify.publisher import Publisher
from grantline.notify.rebuild import rebuild
from grantline.notify.settings import LEDGER_FILE, AlertSettings
from grantline.notify.slack import SlackNotifier
from grantline.stopping import stopped_by_signals

_log = logging.getLogger(__name__)

_DAY_MS: Final = 86_400_000
_GRACE_SECONDS: Final = 12.0
"""How long a stopping process waits for notifications under way; above a webhook's time-out."""


def run(settings: AlertSettings, stop: threading.Event | None = None) -> None:
    """Tells people until SIGTERM, SIGINT or `stop`, then finishes what is under way.

    Raises `LedgerError` when the data directory cannot be used. Signals are taken only in the
    main thread.
    """
    stop = stop or threading.Event()
    with ExitStack() as stack:
        stack.enter_context(stopped_by_signals(stop.set))
        ledger = Ledger(settings.data_dir / LEDGER_FILE)
        stack.callback(ledger.close)
        metrics = Metrics()
        metrics.registry.register(LedgerGauges(ledger, settings.alerting.destinations))
        stack.enter_context(_served(settings, metrics))
        _report(ledger, settings)
        for notifier in settings.notifiers:
            if isinstance(notifier, SlackNotifier):
                notifier.memory = ledger
        deliveries = [
            Delivery(notifier, ledger, settings.backoff, metrics) for notifier in settings.notifiers
        ]
        stack.callback(_finish, deliveries)
        for delivery in deliveries:
            delivery.start()
        if ledger.stage() == "":
            rebuild(settings, ledger, stop)
        intake = Intake(settings, ledger, metrics)
        publisher = Publisher(settings, ledger)
        publisher.start()
        stack.callback(_last_records, publisher)
        posted = _Posted(deliveries, publisher, ledger, settings.keep_days)
        actions = ActionIntake(settings, ledger, metrics, posted)
        actions.start()
        stack.callback(actions.stop, _GRACE_SECONDS)
        intake.run(stop, posted)


class _Posted:
    """What follows a commit of the intake: wake who has new letters; once a day, tidy up."""

    def __init__(
        self,
        deliveries: Iterable[Delivery],
        publisher: Publisher,
        ledger: Ledger,
        keep_days: float,
    ) -> None:
        self._publisher = publisher
        self._deliveries = {delivery.name: delivery for delivery in deliveries}
        self._ledger = ledger
        self._keep_ms = keep_days * _DAY_MS
        self._tidy_at = 0.0

    def __call__(self, names: Iterable[str]) -> None:
        for name in names:
            self._deliveries[name].wake()
        self._publisher.wake()
        if time.monotonic() >= self._tidy_at:
            self._tidy_at = time.monotonic() + _DAY_MS / 1e3
            with suppress(sqlite3.OperationalError):  # a full disk: tomorrow, then
                self._ledger.forget(int(time.time() * 1e3 - self._keep_ms))


def _last_records(publisher: Publisher) -> None:
    publisher.stop()
    if not publisher.join(_GRACE_SECONDS):
        _log.warning("the broker does not answer: records wait in the ledger for the next start")


def _finish(deliveries: Sequence[Delivery]) -> None:
    for delivery in deliveries:
        delivery.stop()
    end = time.monotonic() + _GRACE_SECONDS
    for delivery in deliveries:
        if not delivery.join(end - time.monotonic()):
            _log.warning(
                "%s did not answer within %g s of the stop: what was under way is told again "
                "at the next start, with the same dedup key",
                *(delivery.name, _GRACE_SECONDS),
            )


def _report(ledger: Ledger, settings: AlertSettings) -> None:
    """Says where alerts go, and why a first start may be silent."""
    _log.info("alerts go to %s", ", ".join(settings.alerting.destinations))
    if ledger.new:
        _log.info(
            "a first start (a new ledger in %s): what was found before now is told only if it goes "
            "on; `grantline sql 'FROM findings'` lists all",
            settings.data_dir,
        )
    for name, queue in ledger.queues().items():
        known = name in settings.alerting.destinations
        gone = "" if known else f": {name} is no longer a destination, they are kept"
        _log.info(
            "%d states wait for %s, %d were set aside%s", queue.waiting, name, queue.dead, gone
        )


@contextmanager
def _served(settings: AlertSettings, metrics: Metrics) -> Iterator[None]:
    if settings.metrics_port is None:
        yield
        return
    server, thread = start_http_server(
        settings.metrics_port, settings.metrics_host, registry=metrics.registry
    )
    _log.info("metrics at http://%s:%d/metrics", settings.metrics_host, server.server_port)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
