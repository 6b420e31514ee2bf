"""`grantline`: parses arguments, nothing else."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from grantline import __version__

EXIT_STATUS: Final = """exit status:
  0  done
  1  it could not be done: not found, not readable, not reachable; nothing to judge in a replay
  2  wrong use, or a wrong setting
  130  interrupted"""

FORMATS: Final = (
    "otlp",
    "auth0",
    "authgent",
    "caep",
    "cloudtrail",
    "entra",
    "gcp",
    "keycloak",
    "okta",
    "toolhive",
)
"""Spans, and the names of `grantline.sources`, which are imported too slowly for `--help`."""
STORE: Final = ".grantline/lineage.duckdb"
"""The default of GRANTLINE_STORE: the settings themselves are imported too slowly for `--help`."""


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
        epilog=f"Settings are GRANTLINE_* variables; see `grantline settings`.\n\n{EXIT_STATUS}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"grantline {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _processes(commands)
    _replay(commands)
    _watch(commands)
    _questions(commands)
    rules = _command(
        commands, "rules", "what is detected, and what to do about it", "grantline rules TR-05"
    )
    rules.add_argument(
        "rule", nargs="?", metavar="RULE",
        help="one rule, whole, by its id or a reference (default: all, in a line each)",
    )  # fmt: skip
    _policy(commands)
    _command(
        commands, "settings", "every setting, its present value and what it means",
        "GRANTLINE_PARTITIONS=6 grantline settings",
    )  # fmt: skip
    return top


def _command(commands: Any, name: str, text: str, *examples: str) -> argparse.ArgumentParser:
    lines = "\n".join(f"  {example}" for example in examples)
    many = "examples" if len(examples) > 1 else "example"
    made: argparse.ArgumentParser = commands.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=f"{many}:\n{lines}\n\n{EXIT_STATUS}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return made


def _processes(commands: Any) -> None:
    worker = _command(
        commands, "worker", "process the streams; start more to share the load",
        "GRANTLINE_BOOTSTRAP=kafka:9092 grantline worker",
        "GRANTLINE_BOOTSTRAP=kafka:9092 grantline worker --web-port 6067",
    )  # fmt: skip
    worker.add_argument(
        "--web-port", type=port, metavar="PORT",
        help="the worker's pages; each worker its own (default: GRANTLINE_WEB_PORT, or 6066)",
    )  # fmt: skip
    writer = _command(
        commands, "writer", "write lineage to DuckDB and serve live SQL",
        "GRANTLINE_BOOTSTRAP=kafka:9092 grantline writer --store lineage.duckdb",
    )  # fmt: skip
    writer.add_argument(
        "--store", type=Path, metavar="FILE",
        help=f"the lineage database (default: GRANTLINE_STORE, or {STORE})",
    )  # fmt: skip
    alert = _command(
        commands, "alert", "tell people about findings",
        "GRANTLINE_BOOTSTRAP=kafka:9092 grantline alert",
        "grantline alert --list-dead",
    )  # fmt: skip
    dead = alert.add_mutually_exclusive_group()
    dead.add_argument(
        "--list-dead", action="store_true", help="the alerts that a destination would not have"
    )
    dead.add_argument(
        "--revive", action="store_true", help="send them again, once the cause is mended"
    )


def _replay(commands: Any) -> None:
    replay = _command(
        commands, "replay", "run files of spans through the engine, no Kafka",
        "grantline replay spans.jsonl",
        "grantline replay traces/*.json --findings out.jsonl --store out.duckdb",
        "grantline replay --format cloudtrail AWSLogs/",
        "grantline replay --format keycloak --issuer https://kc.example.com/realms/r events.json",
    )  # fmt: skip
    replay.add_argument(
        "files", type=Path, nargs="+", metavar="FILE",
        help="OTLP as JSON, JSON lines or protobuf, gzip or not; logs also as folders",
    )  # fmt: skip
    replay.add_argument(
        "--format", choices=FORMATS, default=FORMATS[0],
        help="what the files are (default: %(default)s; the others are logs of issuers)",
    )  # fmt: skip
    replay.add_argument(
        "--issuer",
        metavar="URL",
        help="of a log that does not say which issuer it is of (default: none)",
    )
    replay.add_argument(
        "--findings", type=Path, metavar="OUT.jsonl",
        help="write one finding a line (default: nowhere, only the table on the screen)",
    )  # fmt: skip
    replay.add_argument(
        "--store", type=Path, metavar="OUT.duckdb",
        help="write lineage, as the writer does (default: nowhere)",
    )  # fmt: skip
    replay.add_argument("--quiet", action="store_true", help="no progress, no summary, no table")


def _watch(commands: Any) -> None:
    watch = _command(
        commands, "watch", "send the logs in a folder to Kafka as they grow, until SIGTERM",
        "GRANTLINE_SOURCES=trail=cloudtrail grantline watch --format cloudtrail AWSLogs/",
        "kubectl logs -f proxy | grantline watch --format toolhive --topic tools -",
    )  # fmt: skip
    watch.add_argument(
        "path", metavar="PATH", help="a folder of logs, one file, or - for standard input"
    )
    watch.add_argument("--format", choices=FORMATS[1:], required=True, help="what the logs are")
    watch.add_argument(
        "--issuer", metavar="URL",
        help="of several topics with this format, the one of this issuer (default: none)",
    )  # fmt: skip
    watch.add_argument(
        "--topic", metavar="TOPIC",
        help="where to (default: the topic that GRANTLINE_SOURCES names for the format)",
    )  # fmt: skip


def _policy(commands: Any) -> None:
    policy = _command(
        commands, "policy", "check a policy file, or propose one from what was seen",
        "grantline policy check policy.toml",
        "grantline policy init traces/*.jsonl > policy.toml",
        "grantline policy init --format cloudtrail AWSLogs/ > policy.toml",
    )  # fmt: skip
    doing = policy.add_subparsers(dest="doing", required=True, metavar="check|init")
    check = doing.add_parser("check", help="say what is wrong with it, line by line")
    check.add_argument("file", type=Path, metavar="FILE", help="a policy file (TOML)")
    init = doing.add_parser("init", help="propose one, each line with its evidence")
    init.add_argument(
        "files", type=Path, nargs="+", metavar="FILE",
        help="OTLP as JSON, JSON lines or protobuf, gzip or not; logs also as folders",
    )  # fmt: skip
    init.add_argument(
        "--format", choices=FORMATS, default=FORMATS[0],
        help="what the files are (default: %(default)s; the others are logs of issuers)",
    )  # fmt: skip
    init.add_argument(
        "--issuer", metavar="URL",
        help="of a log that does not say which issuer it is of (default: none)",
    )  # fmt: skip


def _questions(commands: Any) -> None:
    chain = _command(
        commands, "chain", "draw a chain, from the human to the actions",
        "grantline chain dlg_3c0491ccd9d1acc2bc41d00404a4a089",
        "grantline chain ...91c8 --at out.duckdb",
        "grantline chain fnd_2eebffca --svg > chain.svg",
    )  # fmt: skip
    chain.add_argument(
        "what", metavar="ID",
        help="a root, delegation, token fingerprint, span, trace or finding; or ... and the last "
        "four characters of one",
    )  # fmt: skip
    forms = chain.add_mutually_exclusive_group()
    for form, what in (
        ("text", "lines for a terminal (the default)"), ("svg", "a picture"),
        ("html", "a page with the picture and the lines"), ("mermaid", "a Mermaid flowchart"),
    ):  # fmt: skip
        forms.add_argument(
            f"--{form}", dest="form", action="store_const", const=form, default="text", help=what
        )
    explain = _command(
        commands, "explain", "everything about one finding",
        "grantline explain fnd_2eebffca14963c44220576549c905c70-3",
        "grantline explain fnd_2eebffca --at out.duckdb",
    )  # fmt: skip
    explain.add_argument(
        "what", metavar="FINDING", help="its id, as alerts print it, or the first 8 characters"
    )
    sql = _command(
        commands, "sql", "ask the lineage in SQL",
        'grantline sql "SELECT human, worst FROM chains" --format csv',
        "grantline sql --at out.duckdb < question.sql",
    )  # fmt: skip
    sql.add_argument(
        "what", metavar="QUERY", nargs="?", help="one SELECT (default: read from standard input)"
    )
    sql.add_argument(
        "--format", choices=("table", "csv", "json"), default="table",
        help="json is one object a line; a table that does not go to a terminal is not folded "
        "(default: %(default)s)",
    )  # fmt: skip
    incidents = _command(
        commands, "incidents", "what people are told of, and what has become of it",
        "grantline incidents",
        "grantline incidents --all --at out.duckdb",
    )  # fmt: skip
    incidents.add_argument(
        "--all", action="store_true", help="also those that are over, and signals"
    )
    incident = _command(
        commands, "incident", "everything about one incident, and what you do about it",
        "grantline incident inc_2f207ffa",
        "grantline incident inc_2f207ffa --acknowledge",
        "grantline incident inc_2f207ffa --assign carol --reason 'owns the agent'",
        "grantline incident inc_2f207ffa --false-positive --for 30d --reason 'a load test'",
    )  # fmt: skip
    incident.add_argument("incident", metavar="ID", help="its id, or the first 8 characters")
    doing = incident.add_mutually_exclusive_group()
    doing.add_argument(
        "--acknowledge",
        action="store_true",
        help="you have it: it is told again only if it gets worse",
    )
    doing.add_argument("--assign", metavar="NAME", help="it is theirs (default: nobody's)")
    doing.add_argument(
        "--resolve", action="store_true", help="it is over; what comes later is told as new"
    )
    doing.add_argument(
        "--false-positive", action="store_true",
        help="it is no violation: closed until --for, unless it gets worse",
    )  # fmt: skip
    silence = _command(
        commands, "silence", "for a time, page nobody about what you answer for",
        "grantline silence --rule TR-05 --agent billing-bot --for 4h --reason 'deployment'",
        "grantline silence --list",
        "grantline silence --end sil_3c0491ccd9d1acc2bc41d00404a4a089",
    )  # fmt: skip
    for name, what in (
        ("rule", "id or reference of a rule"), ("agent", "who did it"),
        ("issuer", "of the token"), ("root", "the original grant"),
    ):  # fmt: skip
        silence.add_argument(
            f"--{name}", help=f"{what}; all that are given must hold (default: any)"
        )
    others = silence.add_mutually_exclusive_group()
    others.add_argument("--list", action="store_true", help="the silences that hold")
    others.add_argument("--end", metavar="SILENCE", help="end this one now (default: none)")
    silence.add_argument("--all", action="store_true", help="with --list: also those that are over")
    for command in (incident, silence):
        command.add_argument(
            "--for", metavar="TIME",
            help="30m, 4h, 7d, or an instant with its zone; 90d at most (default: none)",
        )  # fmt: skip
        command.add_argument("--reason", metavar="TEXT", help="why (default: none)")
        command.add_argument("--who", metavar="NAME", help="who you are (default: the login name)")
    for command in (chain, explain, sql, incidents, incident, silence):
        command.add_argument(
            "--at", metavar="WHERE",
            help="a live server's host:port, or a file (default: this user's running writer, else "
            f"GRANTLINE_STORE, or {STORE})",
        )  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status (`EXIT_STATUS`)."""
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
