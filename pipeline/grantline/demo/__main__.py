"""`make demo`: starts everything, lets agents loose, shows what is found, asks three questions.

Ends with status 0 only if exactly the planted findings came out at the far end.
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
import tempfile
import time
from contextlib import ExitStack, closing, suppress
from pathlib import Path

from rich.console import Console
from rich.text import Text

from grantline.commands.live_note import LIVE_NOTE
from grantline.demo.processes import Processes
from grantline.demo.questions import QUESTIONS
from grantline.demo.scenario import GRACE_SECONDS, LEEWAY_SECONDS, Cast, Planted, Scenario
from grantline.demo.verdict import faults
from grantline.demo.watch import Seen, Watch
from grantline.embedded import BrokerError, EmbeddedBroker, free_port
from grantline.emit import Emitter
from grantline.emit import Settings as EmitSettings
from grantline.model.finding import Finding
from grantline.model.plain import plain
from grantline.settings import tried
from grantline.settings.variables import PREFIX
from grantline.store import tables
from grantline.store.client import Lineage, QueryFailed, connect
from grantline.store.quack import LiveSqlMissing

_READY_SECONDS = 40.0
_FINDINGS_SECONDS = 25.0
_QUIET_SECONDS = GRACE_SECONDS + 2.0
"""How long no further finding may come before the far end counts as silent."""

_CHAINS = "SELECT human, actors, uses, worst, tasks FROM chains ORDER BY last_seen"

_STYLES = {"critical": "white on red", "high": "red", "medium": "yellow"}
_out = Console(highlight=False, soft_wrap=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave everything running")
    parser.add_argument(
        "--bootstrap", metavar="HOST:PORT", help="an empty Kafka to use instead of the embedded one"
    )
    options = parser.parse_args()
    # A supervisor's SIGTERM and a closed terminal end the demo as Ctrl-C does: everything it
    # started is stopped.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        with ExitStack() as stack:
            return _run(stack, options.bootstrap, keep=options.keep)
    except (BrokerError, TimeoutError, QueryFailed, LiveSqlMissing) as why:
        _out.print(f"[red]demo failed:[/] {Text(str(why))}")
        return 1
    except KeyboardInterrupt:
        return 130


def _run(stack: ExitStack, bootstrap: str | None, *, keep: bool) -> int:
    started = time.monotonic()
    work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="grantline-demo-")))
    if bootstrap is None:
        _step("starting the embedded broker (Kafka protocol, in memory: for trying out)")
        bootstrap = stack.enter_context(EmbeddedBroker(_port(9092, keep=keep))).bootstrap
    web, live = _port(6066, keep=keep), _port(9494, keep=keep)
    processes = stack.enter_context(
        Processes(work / "logs", _environment(work, bootstrap, web, live))
    )
    _step("starting the Faust worker and the lineage writer")
    processes.start("worker", "worker")
    processes.start("writer", "writer")
    processes.wait_for_page(f"http://127.0.0.1:{web}/ready", _READY_SECONDS)
    processes.wait_for_file(work / LIVE_NOTE, _READY_SECONDS)
    watch = stack.enter_context(Watch(bootstrap, _show))
    cast = Cast(lambda name: _emitter(name, bootstrap))
    stack.callback(cast.close)
    _step(f"ready after {time.monotonic() - started:.0f} s; letting the agents loose")
    scenario = Scenario(cast, lambda text: _out.print(f"    {text}", style="dim"))
    scenario.run()
    cast.flush()
    _step(f"{len(cast)} agents and tools have reported; waiting for findings on absence "
          f"(a grace of {GRACE_SECONDS:.0f} s for late spans)")  # fmt: skip
    said = watch.until(len(scenario.planted), _FINDINGS_SECONDS, _QUIET_SECONDS)
    processes.check()
    address = f"quack:127.0.0.1:{live}"
    with closing(connect(address, LIVE_TOKEN)) as lineage:
        right = _verdict(scenario.planted, said, lineage)
    _out.print(f"[dim]{time.monotonic() - started:.0f} s in all[/]")
    if keep:
        _stay(bootstrap, web, address, work)
    return 0 if right else 1


def _port(wanted: int, *, keep: bool) -> int:
    """What stays is found where the documentation says, if nobody else is there."""
    if keep:
        with suppress(tried.PortTaken):
            tried.port("127.0.0.1", wanted, "another")
            return wanted
    return free_port()


def _environment(work: Path, bootstrap: str, web: int, live: int) -> dict[str, str]:
    policy = work / "policy.toml"
    policy.write_text(
        f"parent_grace_seconds = {GRACE_SECONDS}\nleeway_seconds = {LEEWAY_SECONDS}\n"
    )
    # What is set for the reader's own installation is not for the demo's.
    others = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return others | {
        "GRANTLINE_BOOTSTRAP": bootstrap,
        "GRANTLINE_DATA_DIR": str(work),
        "GRANTLINE_STORE": str(work / "lineage.duckdb"),
        "GRANTLINE_POLICY": str(policy),
        "GRANTLINE_PARTITIONS": "2",
        # The embedded broker assigns partitions only after half the session time-out.
        "GRANTLINE_SESSION_TIMEOUT_SECONDS": "6",
        "GRANTLINE_WEB_PORT": str(web),
        "GRANTLINE_LIVE_PORT": str(live),
        "GRANTLINE_LIVE_TOKEN": LIVE_TOKEN,
    }


LIVE_TOKEN = "demo-only-not-a-secret"  # noqa: S105 - it guards data that the demo made up


def _emitter(name: str, bootstrap: str) -> Emitter:
    return Emitter(
        EmitSettings(
            service_name=name, exporter=f"kafka://{bootstrap}/otlp_spans", schedule_delay_ms=50
        )
    )


def _step(text: str) -> None:
    _out.print(Text(f"▸ {text}", style="bold"))


def _show(seen: Seen) -> None:
    """One finding in three lines: what; who, which token, whose grant; how fast."""
    finding = seen.finding
    style = _STYLES.get(finding.severity, "cyan")
    line = Text(f"  {finding.severity.upper():8}", style=style)
    line.append(f" {finding.reference}  ", style="bold")
    line.append(plain(finding.explanation))
    if seen.status == "amended":
        line = Text(f"           {finding.reference}  now seen in full", style="dim")
    # An authority handed on within a process has no token.
    token = f"token …{finding.token_fingerprints[0][-4:]} · " if finding.token_fingerprints else ""
    grantor = plain(finding.path[0])
    grant = "its grant is not seen yet" if grantor == "?" else f"grant of {grantor}"
    _out.print(line)
    _out.print(
        Text(
            f"           {token}{grant} · "
            f"{plain(' → '.join(finding.path))}\n"
            f"           {seen.status} {seen.latency_ms:,.0f} ms after the span{_confirmed(seen)}"
            f"{' (its parent might have come late)' if finding.reference == 'CS-06' else ''}",
            style="dim",
        )
    )


def _confirmed(seen: Seen) -> str:
    if seen.confirmed_ms is None:
        return ""
    return f", confirmed after {seen.confirmed_ms:,.0f} ms (a gateway might have explained it)"


def _verdict(planted: list[Planted], said: list[Finding], lineage: Lineage) -> bool:
    """Three questions of an investigation, where there is something to ask about."""
    stored = lineage.ask("SELECT id, revision, status FROM findings").rows
    wrong = faults(planted, said, [(row[0], row[1], row[2]) for row in stored])
    if not wrong:
        _ask(planted, lineage)
        _out.print(f"[bold green]✔ exactly the {len(planted)} planted findings came out[/]")
    for fault in wrong:
        _out.print(Text(f"✘ {plain(fault)}", style="red"))
    return not wrong


def _ask(planted: list[Planted], lineage: Lineage) -> None:
    """Answered by DuckDB while the writer writes."""
    for question in QUESTIONS:
        sql = question.sql(planted)
        _step(question.text)
        _out.print(Text(f"  {sql}", style="dim"))
        answer = lineage.ask(sql)
        if not answer.rows:
            raise QueryFailed(f"no answer to: {sql}")
        _out.print(Text(tables.table(answer.columns, answer.rows, tables.screen_width())))


def _stay(bootstrap: str, web: int, address: str, work: Path) -> None:
    script = Path(sys.executable).parent / "grantline"
    command = [str(script)] if script.is_file() else [sys.executable, "-m", "grantline.cli"]
    _step("everything keeps running until Ctrl-C")
    _out.print(
        Text(
            f"  broker      {bootstrap}, for agents: kafka://{bootstrap}/otlp_spans\n"
            f"  worker      http://127.0.0.1:{web}/ (also /ready, /health and /metrics)\n"
            f"  live SQL    GRANTLINE_LIVE_TOKEN={LIVE_TOKEN} "
            f"{shlex.join([*command, 'sql', '--at', address, _CHAINS])}\n"
            f"  logs        {work / 'logs'}"
        )
    )
    # The end that is meant: the status is that of the verdict.
    with suppress(KeyboardInterrupt):
        signal.pause()


if __name__ == "__main__":
    raise SystemExit(main())
