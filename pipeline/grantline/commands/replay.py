"""`grantline replay`: run files through the engine; findings and lineage go where they are asked
to, and what was not taken in is told with its reason.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TextIO

import duckdb
from rich.console import Console

from grantline.commands import Failed
from grantline.model.finding import Finding, Severity
from grantline.model.plain import plain
from grantline.replay import Read, Replayed, replay
from grantline.settings import Settings
from grantline.sources import SOURCES, Origin, below
from grantline.sources import read_file as read_log
from grantline.store import tables
from grantline.store.ddl import WrongSchema
from grantline.store.duckdb_store import CannotOpen, DuckDBStore
from grantline.store.rows import Unstorable
from grantline.wire.files import read_file

OTLP = "otlp"
"""The format that is no source: spans, as they are exported."""
_COLUMNS = ("severity", "reference", "finding", "what")


def run(settings: Settings, options: Mapping[str, Any]) -> int:
    """Raises `Failed`, also where there was nothing to judge: that is no clean bill of health."""
    files, store = options["files"], options["store"]
    console = Console(stderr=True, quiet=options["quiet"], highlight=False, soft_wrap=True)
    policy = settings.read_policy()
    read_from = reader(settings, options["format"], options["issuer"])
    what = "span" if options["format"] == OTLP else "record"
    others: list[Path] = []
    if options["format"] != OTLP:
        files, others = below(files)
    try:
        _check(files, [path for path in (options["findings"], store) if path is not None])
        with ExitStack() as stack:
            out = _opened(options["findings"], stack)
            lineage = None if store is None else DuckDBStore(store)
            if lineage is not None:
                stack.callback(lineage.close)
            status = stack.enter_context(console.status("reading"))
            done = replay(
                files,
                policy,
                lineage,
                lambda path, hops: status.update(f"{path.name}: {hops:,} hops"),
                read_from,
            )
            if out is not None:
                out.writelines(finding.model_dump_json() + "\n" for finding in done.findings)
    except OSError as why:
        raise Failed(f"{why.filename or 'output'}: {why.strerror}") from None
    except (CannotOpen, WrongSchema, Unstorable) as why:
        raise Failed(str(why)) from None
    except duckdb.Error as why:
        raise Failed(f"{store} cannot be written: {str(why).splitlines()[0]}") from None
    _tell_read(console, done, what)
    _tell_of_log(console, options["format"], others)
    if not done.hops:
        raise Failed(_nothing(done, what))
    if not options["quiet"]:
        _tell_findings(console, done.findings, store)
    return 0


def reader(settings: Settings, name: str, issuer: str | None) -> Read:
    """Raises `Failed` where the log does not say what it is of, and nobody else does."""
    if name == OTLP:
        if issuer is not None:
            raise Failed("--issuer is for logs that do not name theirs; spans do")
        return read_file
    source, origin = SOURCES[name], Origin(issuer, settings.persons())
    if issuer is None and not source.names_issuer:
        raise Failed(f"{name} does not say which issuer it is of: name it with --issuer URL")
    return lambda path: read_log(source, path, origin)


def _check(files: Sequence[Path], outputs: Sequence[Path]) -> None:
    """Before anything is done: can all of it be read, and is none of it written over?"""
    for path in files:
        if path.is_dir():
            raise Failed(f"{path} is a directory: name the files in it, such as {path / '*.jsonl'}")
        with path.open("rb"):
            pass
    for out in outputs:
        if any(out.exists() and out.samefile(path) for path in files):
            raise Failed(f"{out} is read: name another file to write to")
        if not out.parent.is_dir():
            raise Failed(f"{out} cannot be written: there is no directory {out.parent}")
    if len(outputs) > 1 and outputs[0].absolute() == outputs[1].absolute():
        raise Failed(f"--findings and --store are both {outputs[0]}: give each a file of its own")


def _opened(path: Path | None, stack: ExitStack) -> TextIO | None:
    return None if path is None else stack.enter_context(path.open("w", encoding="utf-8"))


def _tell_read(console: Console, done: Replayed, what: str) -> None:
    """How much was read; what was rejected as what, and where the first of its kind stands."""
    console.print(
        f"read {_many(len(done.files), 'file')}: {_many(done.hops, 'hop')}, "
        f"{_many(done.passed_over, f'other {what}')} passed over, {done.rejected:,} rejected",
        markup=False,
    )
    for file in done.files:
        for reason, count in sorted(file.rejected.items()):
            number, detail = file.first[reason]
            where = f"{plain(str(file.path))}:{number}"
            console.print(f"  {count:,} rejected as {reason}, first {where}: {plain(detail)}",
                          markup=False)  # fmt: skip
        for flag, count in sorted(file.flags.items()):
            console.print(f"  {_many(count, 'hop')} flagged {flag}", markup=False)
        if done.hops and not file.hops:
            console.print(f"  no hop in {plain(str(file.path))}", markup=False)


def _tell_of_log(console: Console, name: str, others: Sequence[Path]) -> None:
    """What to think of a format, and which files were not looked into."""
    if name != OTLP and not SOURCES[name].proven:
        console.print(
            f"  {name} is read as its documentation has it, and was never run on real records: compare "
            "what is said with what you know",
            markup=False,
        )
    if others:
        names = plain(", ".join(str(path) for path in others[:3]))
        console.print(
            f"  {_many(len(others), 'file')} left out for a name that is no log's ({names}): "
            "name a file to have it read",
            markup=False,
        )


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _nothing(done: Replayed, what: str) -> str:
    names = ", ".join(plain(str(file.path)) for file in done.files[:3])
    names += f" and {len(done.files) - 3} more" if len(done.files) > 3 else ""
    if done.passed_over and what == "record":
        why = f"none of the {done.passed_over:,} records in {names} tells of a delegation"
    elif done.passed_over:
        why = (
            f"none of the {done.passed_over:,} spans in {names} has the attribute "
            "delegation.operation.name, so none tells of a delegation: is it the trace of an agent "
            "that emits with grantline.emit?"
        )
    elif done.rejected:
        reason, (_, detail) = next(
            iter(next(file for file in done.files if file.first).first.items())
        )
        why = f"nothing in {names} can be read; at the first place, {plain(detail)}"
        why += _perhaps_another(reason, detail, what)
    else:
        why = f"there is no {what} in {names}"
    return f"nothing to judge: {why}"


def _perhaps_another(reason: str, detail: str, what: str) -> str:
    """Whole JSON that is none of the format asked for is most likely of another."""
    if what == "span" and "resourceSpans" in detail:
        return "; if it is a log of an issuer, name which with --format"
    if what == "record" and reason == "missing_attribute":
        return "; is it the log that --format names?"
    return ""


def _tell_findings(console: Console, findings: Sequence[Finding], store: Path | None) -> None:
    rows = [(one.severity, one.reference, one.id, one.explanation) for one in findings]
    print(tables.table(_COLUMNS, rows, tables.screen_width()) if rows else "no findings")
    if store is None:
        return
    worst = max(findings, key=lambda one: Severity[one.severity.upper()], default=None)
    ask = "sql 'FROM chains'" if worst is None else f"explain {worst.id}"
    console.print(f"ask further: grantline {ask} --at {shlex.quote(str(store))}", markup=False)
