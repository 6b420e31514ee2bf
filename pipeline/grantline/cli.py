"""`grantline`: parses arguments, nothing else."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from grantline import __version__


def port(text: str) -> int:
    """A TCP port. Raises `ValueError`."""
    number = int(text)
    if not 1 <= number <= 65_535:
        raise ValueError
    return number


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="grantline",
        description="Who let which AI agent do what.",
        epilog="Settings are GRANTLINE_* variables; see `grantline settings`.",
    )
    top.add_argument("--version", action="version", version=f"grantline {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    worker = commands.add_parser("worker", help="process the streams; start more to share the load")
    worker.add_argument(
        "--web-port", type=port, metavar="PORT", help="the worker's pages; each worker its own"
    )
    writer = commands.add_parser("writer", help="write lineage to DuckDB and serve live SQL")
    writer.add_argument("--store", type=Path, metavar="FILE", help="the lineage database")
    alert = commands.add_parser("alert", help="tell people about findings")
    dead = alert.add_mutually_exclusive_group()
    dead.add_argument(
        "--list-dead", action="store_true", help="the alerts that a destination would not have"
    )
    dead.add_argument(
        "--revive", action="store_true", help="send them again, once the cause is mended"
    )

    replay = commands.add_parser("replay", help="run files of spans through the engine, no Kafka")
    replay.add_argument(
        "files", type=Path, nargs="+", metavar="FILE", help="OTLP JSON, lines or protobuf"
    )
    replay.add_argument("--findings", type=Path, metavar="OUT.jsonl", help="one finding a line")
    replay.add_argument("--store", type=Path, metavar="OUT.duckdb", help="lineage, as the writer's")
    replay.add_argument("--quiet", action="store_true", help="no progress and no summary")

    for name, word, text in (
        ("chain", "ID", "draw a chain, by its root, a delegation, a token or a finding"),
        ("explain", "FINDING", "everything about one finding"),
        ("sql", "QUERY", "ask the lineage; without QUERY it is read from standard input"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("what", metavar=word, nargs="?" if name == "sql" else None)
        command.add_argument("--at", metavar="WHERE", help="a live server's host:port, or a file")
    commands.choices["sql"].add_argument(
        "--format", choices=("table", "csv", "json"), default="table"
    )

    rules = commands.add_parser("rules", help="what is detected, and what to do about it")
    rules.add_argument("rule", nargs="?", help="one rule, whole")
    commands.add_parser("settings", help="every setting, its present value and what it means")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status.

    0 done, 1 not found or failed, 2 wrong use or a wrong setting.
    """
    options = parser().parse_args(arguments)
    # Imported late, so that a wrong argument is told at once and without the pipeline's extras.
    try:
        from grantline import app  # noqa: PLC0415
    except ModuleNotFoundError as why:
        print(
            f"grantline: this command needs {why.name}: pip install 'grantline[pipeline]'",
            file=sys.stderr,
        )
        return 2
    return app.run(options.command, vars(options))


if __name__ == "__main__":
    raise SystemExit(main())
