"""The wiring: settings in, running processes out. Here, and nowhere else, parts meet."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console

from grantline import settings as settings_module
from grantline.model.finding import Severity
from grantline.settings import BadSettings, Settings

_LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class Failed(Exception):
    """A command could not do what it was asked; the text says why and what to do."""


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


def worker(settings: Settings, options: Mapping[str, Any]) -> int:
    """Process the streams until SIGTERM."""
    from grantline.streams.settings import WorkerSettings
    from grantline.streams.worker import run as run_worker

    level = "warn" if settings.log_level == "warning" else settings.log_level
    try:
        configured = WorkerSettings(
            bootstrap=settings.bootstrap,
            security=settings.kafka,
            application=settings.application,
            input_topics=settings.input_topics,
            partitions=settings.partitions,
            replication=settings.replication,
            policy=settings.read_policy(),
            web_host=settings.web_host,
            web_port=options["web_port"] or settings.web_port,
            datadir=settings.data_dir,
            log_level=level,
            session_timeout_seconds=settings.session_timeout_seconds,
            heartbeat_seconds=min(3.0, settings.session_timeout_seconds / 3),
        )
    except ValueError as why:
        raise BadSettings(str(why)) from None
    return run_worker(configured)


def alert(settings: Settings, _options: Mapping[str, Any]) -> int:
    """Tell people about findings until SIGTERM."""
    from grantline.alerts.route import Route
    from grantline.notify.console import ConsoleNotifier
    from grantline.notify.ledger import LedgerError
    from grantline.notify.service import run as run_alert
    from grantline.notify.settings import AlertSettings, Destination
    from grantline.notify.webhook import WebhookNotifier

    lowest = Severity[settings.alert_lowest.upper()]
    try:
        destinations = [Destination(notifier=ConsoleNotifier(), route=Route(at_least=lowest))]
        if settings.webhook_url is not None:
            key = settings.webhook_key
            webhook = WebhookNotifier(
                settings.webhook_url.get_secret_value(), key=key and key.get_secret_value()
            )
            destinations.append(Destination(notifier=webhook, route=Route(at_least=lowest)))
        configured = AlertSettings(
            bootstrap=settings.bootstrap,
            data_dir=settings.data_dir,
            destinations=tuple(destinations),
            lowest=lowest,
            kafka=settings.kafka,
            metrics_port=settings.metrics_port,
        )
    except ValueError as why:
        raise BadSettings(str(why)) from None
    try:
        run_alert(configured)
    except LedgerError as why:
        raise Failed(str(why)) from None
    return 0


def replay(settings: Settings, options: Mapping[str, Any]) -> int:
    """Run files through the engine; findings and lineage go where they are asked to."""
    from grantline.replay import replay as replay_files
    from grantline.store.duckdb_store import DuckDBStore, StoreInUse

    console = Console(stderr=True, quiet=options["quiet"])
    missing = [path for path in options["files"] if not path.is_file()]
    if missing:
        raise Failed(f"no such file: {missing[0]}")
    store = None
    try:
        store = DuckDBStore(options["store"]) if options["store"] is not None else None
        with console.status("reading") as status:
            done = replay_files(
                options["files"],
                settings.read_policy(),
                store,
                lambda path, hops: status.update(f"{path.name}: {hops:,} hops"),
            )
    except (OSError, StoreInUse) as why:
        raise Failed(str(why)) from None
    finally:
        if store is not None:
            store.close()
    if options["findings"] is not None:
        lines = "".join(finding.model_dump_json() + "\n" for finding in done.findings)
        try:
            options["findings"].write_text(lines, "utf-8")
        except OSError as why:
            raise Failed(f"{options['findings']}: {why.strerror}") from None
    _summary(console, done.findings, done.hops, done.passed_over, done.rejected)
    return 0


def _summary(
    console: Console, findings: list[Any], hops: int, passed_over: int, rejected: Mapping[str, int]
) -> None:
    from grantline.store.show import table

    said = ", ".join(f"{count} {reason}" for reason, count in sorted(rejected.items()))
    console.print(
        f"{hops:,} hops; {passed_over:,} other spans passed over; "
        f"{sum(rejected.values()):,} rejected{f' ({said})' if said else ''}",
        highlight=False,
    )
    rows = [(f.severity, f.reference, f.id, f.explanation) for f in findings]
    if rows:
        console.print(table(("severity", "reference", "finding", "what"), rows), markup=False)
    else:
        console.print("no findings")


def rules(_settings: Settings, options: Mapping[str, Any]) -> int:
    """What is detected: all rules in a line each, or one whole."""
    from grantline.rules import every

    chosen = [rule for rule in every() if options["rule"] in (None, rule.id, *rule.references)]
    if not chosen:
        known = ", ".join(rule.id for rule in every())
        raise Failed(f"no rule {options['rule']!r}; there are {known}")
    for rule in chosen:
        print(f"{rule.id:24} {', '.join(rule.references):13} {rule.severity.name:9} {rule.title}")
        if options["rule"] is not None:
            print(
                f"\n  why          {rule.why}\n  triage       {rule.triage}\n"
                f"  blind spots  {rule.blind_spots}\n  retracts if  {rule.retracts_if}\n"
                f"  maps         {', '.join(rule.maps)}\n"
            )
    return 0


def show_settings(settings: Settings, _options: Mapping[str, Any]) -> int:
    """Every setting with its variable, present value and meaning."""
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        print(f"GRANTLINE_{name.upper():26} {value!s:32} {field.description or ''}".rstrip())
    return 0


_COMMANDS: dict[str, Callable[[Settings, Mapping[str, Any]], int]] = {
    "worker": worker,
    "alert": alert,
    "replay": replay,
    "rules": rules,
    "settings": show_settings,
}
