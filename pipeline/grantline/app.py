"""The wiring: settings in, running processes out. Here, and nowhere else, parts meet."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from grantline import settings as settings_module
from grantline.commands import Failed
from grantline.model.finding import Severity
from grantline.settings import BadSettings, Settings

if TYPE_CHECKING:
    from grantline.notify.settings import AlertSettings
    from grantline.ports import Notifier
    from grantline.streams.settings import WorkerSettings

_KEPT_LONGER_DAYS = 30.0

log = logging.getLogger(__name__)

_LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def run(command: str, options: Mapping[str, Any]) -> int:
    """Run one command of the command line; returns its exit status."""
    try:
        settings = settings_module.read()
        logging.basicConfig(format=_LOG_FORMAT, level=settings.log_level.upper())
        return _COMMANDS[command](settings, options)
    except (BadSettings, Failed) as why:
        print(f"grantline {command}: {why}", file=sys.stderr)
        return 2 if isinstance(why, BadSettings) else 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has read enough (`grantline sql ... | head`).
        sys.stderr.close()
        return 0


def _secret(value: SecretStr | None) -> str | None:
    return None if value is None else value.get_secret_value()


def worker(settings: Settings, options: Mapping[str, Any]) -> int:
    """Process the streams until SIGTERM."""
    from grantline.settings import tried
    from grantline.streams.credentials import credentials
    from grantline.streams.topics import TopicError
    from grantline.streams.worker import run as run_worker

    settings = settings.model_copy(update={"web_port": options["web_port"] or settings.web_port})
    try:
        configured = _worker_settings(settings)
        tried.kafka_client(settings)
        credentials(settings.kafka)
        tried.directory(settings.data_dir, "GRANTLINE_DATA_DIR")
        if settings.snapshot_dir is not None:
            tried.directory(settings.snapshot_dir, "GRANTLINE_SNAPSHOT_DIR")
        if settings.web_port is not None:
            variables = "--web-port or GRANTLINE_WEB_PORT and GRANTLINE_WEB_HOST"
            tried.port(settings.web_host, settings.web_port, variables)
        return run_worker(configured)
    except (TopicError, tried.PortTaken) as why:
        raise Failed(str(why)) from None


def _worker_settings(settings: Settings) -> WorkerSettings:
    from grantline.streams.settings import DAY, Feed, TopicNames, WorkerSettings

    policy = settings.read_policy()
    if policy.lateness_seconds > settings.hops_retention_days * DAY:
        days = f"{policy.lateness_seconds / DAY:g}"
        raise BadSettings(
            f"GRANTLINE_POLICY: lateness_seconds is {policy.lateness_seconds:.15g} ({days} days), "
            f"but hops are kept for {settings.hops_retention_days:g} days, and a restarted worker "
            f"rebuilds its state from them: set GRANTLINE_HOPS_RETENTION_DAYS to {days} or more, or "
            "lower lateness_seconds"
        )
    prefix = settings.topic_prefix
    same = WorkerSettings.__struct_fields__ & Settings.model_fields.keys()
    return WorkerSettings(
        **{name: getattr(settings, name) for name in same - {"policy", "sources"}},
        policy=policy,
        security=settings.kafka,
        sources={topic: Feed(*feed) for topic, feed in settings.sources.items()},
        persons=settings.persons(),
        topics=TopicNames(*(prefix + name for name in TopicNames.__struct_fields__)),
        lateness_retention_seconds=settings.hops_retention_days * DAY,
        findings_retention_seconds=settings.findings_retention_days * DAY,
        rejected_retention_seconds=settings.rejected_retention_days * DAY,
        datadir=settings.data_dir,
        heartbeat_seconds=min(3.0, settings.session_timeout_seconds / 3),
    )


def alert(settings: Settings, options: Mapping[str, Any]) -> int:
    """Tell people about findings until SIGTERM; or show or send again what was set aside."""
    from grantline.notify.database import LedgerError
    from grantline.notify.service import run as run_alert
    from grantline.settings import tried

    try:
        if options["list_dead"]:
            return _list_dead(settings)
        if options["revive"]:
            return _revive(settings)
        tried.kafka_client(settings)
        tried.directory(settings.data_dir, "GRANTLINE_DATA_DIR")
        configured = _alert_settings(settings)
        if settings.metrics_port:
            variables = "GRANTLINE_METRICS_PORT and GRANTLINE_METRICS_HOST"
            tried.port(settings.metrics_host, settings.metrics_port, variables)
        run_alert(configured)
    except (LedgerError, tried.PortTaken) as why:
        raise Failed(str(why)) from None
    return 0


def _alert_settings(settings: Settings) -> AlertSettings:
    from grantline.notify.settings import AlertSettings

    try:
        notifiers = _notifiers(settings)
    except ValueError as why:
        raise BadSettings(str(why)) from None
    return AlertSettings(
        bootstrap=settings.bootstrap,
        data_dir=settings.data_dir,
        notifiers=notifiers,
        topic=f"{settings.topic_prefix}findings",
        incidents=f"{settings.topic_prefix}incidents",
        actions=f"{settings.topic_prefix}actions",
        group=f"{settings.application}-alert",
        lowest=Severity[settings.alert_lowest.upper()],
        kafka=settings.kafka,
        # What is forgotten and read again is told again.
        keep_days=settings.findings_retention_days + _KEPT_LONGER_DAYS,
        metrics_host=settings.metrics_host,
        metrics_port=settings.metrics_port,
    )


def _notifiers(settings: Settings) -> tuple[Notifier, ...]:
    """Who is told: the console, and whatever is set. Raises `ValueError` for what cannot be used."""
    from grantline.notify.alertmanager import AlertmanagerNotifier
    from grantline.notify.console import ConsoleNotifier
    from grantline.notify.pagerduty import PagerDutyNotifier
    from grantline.notify.slack import SlackNotifier
    from grantline.notify.webhook import WebhookNotifier

    notifiers: list[Notifier] = [ConsoleNotifier()]
    if settings.webhook_url is not None:
        webhook = WebhookNotifier(
            settings.webhook_url.get_secret_value(),
            key=_secret(settings.webhook_key),
            source=f"/grantline/{settings.application}",
        )
        notifiers.append(webhook)
    if settings.pagerduty_key is not None:
        pagerduty = PagerDutyNotifier(
            settings.pagerduty_key.get_secret_value(),
            source=settings.application,
            url=settings.pagerduty_url,
        )
        notifiers.append(pagerduty)
    if settings.alertmanager_url is not None:
        alertmanager = AlertmanagerNotifier(
            settings.alertmanager_url.get_secret_value(), source=settings.application
        )
        notifiers.append(alertmanager)
    if settings.slack_token is not None:
        if not settings.slack_channel:
            raise ValueError("GRANTLINE_SLACK_TOKEN is set: set GRANTLINE_SLACK_CHANNEL, too")
        slack = SlackNotifier(
            settings.slack_token.get_secret_value(),
            settings.slack_channel,
            url=settings.slack_url,
        )
        notifiers.append(slack)
    return tuple(notifiers)


def _list_dead(settings: Settings) -> int:
    from grantline.notify import dead
    from grantline.notify.printable import printable

    letters = dead.listed(settings.data_dir)
    for each in letters:
        words = each.incident_id, each.destination, f"{each.since:%Y-%m-%dT%H:%M:%SZ}", each.why
        print("  ".join(map(printable, words)))
    if not letters:
        print("no dead letters")
    return 0


def _revive(settings: Settings) -> int:
    from grantline.notify import dead

    revived, let_go = dead.revive(settings.data_dir)
    print(f"{revived} to be sent again, {let_go} let go because a later state was told of since")
    return 0


def writer(settings: Settings, options: Mapping[str, Any]) -> int:
    """Write lineage and serve live SQL until SIGTERM."""
    from grantline.commands.live_note import Live, told
    from grantline.settings import tried
    from grantline.store.ddl import WrongSchema
    from grantline.store.duckdb_store import CannotOpen
    from grantline.store.live import CannotServe
    from grantline.store.log_reader import TopicRecreated
    from grantline.store.service import LiveSettings
    from grantline.store.service import run as run_writer
    from grantline.store.writer import Topics, WriterSettings

    live = LiveSettings(
        host=settings.live_host, port=settings.live_port, token=_secret(settings.live_token)
    )
    path = options["store"] or settings.store
    tried.kafka_client(settings)
    tried.directory(settings.data_dir, "GRANTLINE_DATA_DIR")
    tried.directory(path.parent, "GRANTLINE_STORE")
    prefix = settings.topic_prefix
    configured = WriterSettings(
        bootstrap=settings.bootstrap,
        topics=Topics(*(prefix + name for name in Topics._fields)),
        group=f"{settings.application}-writer",
        client=settings.kafka,
    )
    with ExitStack() as stack:
        try:
            run_writer(
                path,
                configured,
                live,
                memory_limit=settings.store_memory,
                threads=settings.store_threads,
                serving=lambda server: stack.enter_context(
                    told(settings.data_dir, Live(server.address, server.token))
                ),
            )
        except (CannotOpen, CannotServe, TopicRecreated, WrongSchema) as why:
            raise Failed(str(why)) from None
    return 0


def ask(settings: Settings, options: Mapping[str, Any]) -> int:
    """`chain`, `explain` and `sql`: ask the lineage, print the answer."""
    from grantline.commands import ask as command

    return command.run(settings, options)


def incidents(settings: Settings, options: Mapping[str, Any]) -> int:
    """`incidents` and `incident`: what people are told of, and what they do about it."""
    from grantline.commands import acting
    from grantline.commands import incidents as command

    if any(options.get(name) for name in acting.DOINGS):
        return acting.incident(settings, options)
    return command.run(settings, options)


def silence(settings: Settings, options: Mapping[str, Any]) -> int:
    """Make, end or list silences."""
    from grantline.commands import acting

    return acting.silence(settings, options)


def replay(settings: Settings, options: Mapping[str, Any]) -> int:
    """Run files through the engine; findings and lineage go where they are asked to."""
    from grantline.commands import replay as command

    return command.run(settings, options)


def watch(settings: Settings, options: Mapping[str, Any]) -> int:
    """Send logs to Kafka as they grow, until SIGTERM."""
    from grantline.commands import watch as command

    return command.run(settings, options)


def policy(settings: Settings, options: Mapping[str, Any]) -> int:
    """Check a policy file, or propose one."""
    from grantline.commands import policy as command

    return command.run(settings, options)


def rules(settings: Settings, options: Mapping[str, Any]) -> int:
    """What is detected: all rules in a line each, or one whole."""
    from grantline.commands import rules as command

    return command.run(settings, options)


def show_settings(settings: Settings, options: Mapping[str, Any]) -> int:
    """Every setting; then raises `BadSettings`, as the process would, for one it would not take."""
    from grantline.commands import settings as command
    from grantline.settings import tried

    status = command.run(settings, options)
    tried.kafka_client(settings)
    _worker_settings(settings)
    _alert_settings(settings)
    return status


_COMMANDS: dict[str, Callable[[Settings, Mapping[str, Any]], int]] = {
    "worker": worker,
    "writer": writer,
    "chain": ask,
    "explain": ask,
    "sql": ask,
    "incidents": incidents,
    "incident": incidents,
    "silence": silence,
    "alert": alert,
    "replay": replay,
    "watch": watch,
    "rules": rules,
    "policy": policy,
    "settings": show_settings,
}
