"""What a user gets wrong is told in one line that names the culprit and the cure; never a traceback."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from grantline.cli import main
from grantline.ports import Batch
from grantline.rules.story import tell
from grantline.store.duckdb_store import DuckDBStore
from tests.otlp import DATA
from tests.workers import otlp

HOPS = tell("""
    alice grant planner token=t0 scopes=read
    planner delegate worker from=t0 token=t1 scopes=read,admin
""")[0]
NOBODY = 65534
EXAMPLES = Path(__file__).parents[3] / "schemas" / "examples"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with what a user may take for something else."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dir").mkdir()
    (tmp_path / "empty").touch()
    (tmp_path / "junk").write_bytes(bytes(range(128, 256)) * 40)
    good = otlp(HOPS)
    (tmp_path / "good.json").write_bytes(good)
    (tmp_path / "cut.json").write_bytes(good[: len(good) // 2])
    (tmp_path / "cut.gz").write_bytes(gzip.compress(good)[:60])
    (tmp_path / "other.json").write_bytes((DATA / "crewai-2025-07-11.otlp.json").read_bytes())
    (tmp_path / "log.json").write_bytes((EXAMPLES / "sources" / "okta.json").read_bytes())
    duckdb.connect("plain.duckdb").close()
    store = DuckDBStore("lineage.duckdb")
    store.write(Batch(hops=HOPS))
    store.close()
    return tmp_path


@pytest.fixture
def powerless() -> Iterator[None]:
    """May not read what belongs to others, even where the suite runs as root."""
    if os.geteuid():
        Path("good.json").chmod(0)
        Path("lineage.duckdb").chmod(0)
        Path.cwd().chmod(0o500)
        yield
        Path.cwd().chmod(0o700)
        return
    os.seteuid(NOBODY)
    yield
    os.seteuid(0)


def told(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 1) -> str:
    """The one line that says what is wrong; nothing is on standard output."""
    capsys.readouterr()
    assert main(arguments) == status
    out, err = capsys.readouterr()
    assert out == ""
    *before, last = err.splitlines()
    assert last.startswith(f"grantline {arguments[0]}: ")
    assert not [line for line in before if not line.startswith(("read ", "  "))]
    return last


REPLAYS = {
    "none.json": "none.json: No such file",
    "dir": "dir is a directory: name the files in it",
    "empty": "nothing to judge: nothing in empty can be read.*empty",
    "junk": "nothing to judge: nothing in junk can be read.*0x80; send OTLP protobuf",
    "cut.json": "nothing to judge: nothing in cut.json can be read.*JSON ends at byte",
    "cut.gz": "nothing to judge: nothing in cut.gz can be read.*gzip file is broken",
    "other.json": "nothing to judge: none of the 6 spans in other.json .*delegation.operation.name",
    "junk --quiet": "nothing to judge.*junk",
    "log.json": "nothing to judge: nothing in log.json can be read.*name which with --format",
    "--format cloudtrail log.json": "nothing to judge.*is it the log that --format names",
    "good.json --findings good.json": "good.json is read: name another",
    "good.json --findings dir": "dir: Is a directory",
    "good.json --findings no/out": "no/out cannot be written: there is no directory no",
    "good.json --store no/out": "no/out cannot be written: there is no directory no",
    "good.json --store dir": "dir cannot be opened.*name another",
    "good.json --store junk": "junk cannot be opened.*name another",
    "good.json --store good.json": "good.json is read: name another",
    "good.json --store out --findings out": "both out: give each a file",
}


@pytest.mark.parametrize("arguments", REPLAYS)
def test_a_replay_that_cannot_be_done(
    capsys: pytest.CaptureFixture[str], home: Path, arguments: str
) -> None:
    """And what is there already stays as it was."""
    before = {path: path.read_bytes() for path in home.iterdir() if path.is_file()}
    assert re.search(REPLAYS[arguments], told(capsys, "replay", *arguments.split()))
    assert {path: path.read_bytes() for path in before} == before


def test_what_was_not_taken_in_is_told_file_by_file(capsys: pytest.CaptureFixture[str]) -> None:
    """With how much of it, why, and where the first of its kind stands."""
    Path("torn.jsonl").write_bytes(b"\n".join([otlp(HOPS), b"{}", b'{"resourceSpans": [', b"{}"]))
    assert main(["replay", "torn.jsonl", "other.json"]) == 0
    out, err = capsys.readouterr()
    assert err.splitlines() == [
        "read 2 files: 2 hops, 6 other spans passed over, 3 rejected",
        "  2 rejected as not_otlp, first torn.jsonl:2: JSON without resourceSpans; send OTLP traces",
        "  1 rejected as truncated, first torn.jsonl:3: the JSON ends at byte 20, before it is complete",
        "  no hop in other.json",
    ]
    assert "SE-01" in out


def test_a_replay_without_a_finding_is_not_one_without_a_hop(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("fine.json").write_bytes(otlp(HOPS[:1]))
    assert main(["replay", "fine.json", "--store", "out.duckdb"]) == 0
    out, err = capsys.readouterr()
    assert out == "no findings\n"
    assert err.splitlines() == [
        "read 1 file: 1 hop, 0 other spans passed over, 0 rejected",
        "ask further: grantline sql 'FROM chains' --at out.duckdb",
    ]


ASKED = [
    (["sql", "FROM chains", "--at", "none.duckdb"], "no lineage database none.duckdb: name"),
    (["sql", "FROM chains", "--at", "dir"], "dir is a directory: name the lineage database"),
    (["sql", "FROM chains", "--at", "empty"], "empty is no lineage database: it is empty"),
    (["sql", "FROM chains", "--at", "junk"], "junk is no lineage database: "),
    (
        ["sql", "FROM chains", "--at", "plain.duckdb"],
        "plain.duckdb is a DuckDB .*, but not of.*name",
    ),
    (["sql", "FROM chains"], "no lineage database .grantline/lineage.duckdb.*--at"),
    (["sql", ""], "no statement: ask one, such as FROM chains"),
    (["sql", "-- a remark"], "no statement: ask one"),
    (["sql", "SELECT 1; SELECT 2"], "2 statements: ask one"),
    (["sql", "FORM chains"], 'syntax error at or near "FORM"'),
    (["sql", "FROM chain"], "Table with name chain does not exist"),
    (["sql", "DROP TABLE hops"], "read-only"),
    (["chain", "nobody"], "no chain by 'nobody': give a root"),
    (["chain", "…11"], "'…11' is too short: give 4"),
    (["explain", "fnd_nobody"], "no finding 'fnd_nobody': give its id"),
    (["explain", "fnd_1-22"], "no finding 'fnd_1-22': give its id"),
    (["explain", ""], "no finding '': give its id"),
    (["rules", "nonsense"], "no rule 'nonsense'; there are actor-"),
    (["rules", "used-after-revocations"], "did you mean used-after-revocation[?]"),
]


@pytest.mark.parametrize("arguments,pattern", ASKED)
def test_a_question_that_cannot_be_answered(
    capsys: pytest.CaptureFixture[str], arguments: list[str], pattern: str
) -> None:
    """Of no lineage, or none that it has an answer to."""
    where = (
        [] if "--at" in arguments or "lineage database" in pattern else ["--at", "lineage.duckdb"]
    )
    command = [*arguments, *where] if arguments[0] != "rules" else arguments
    assert re.search(pattern, told(capsys, *command))


@pytest.mark.usefixtures("powerless")
@pytest.mark.parametrize(
    "arguments",
    [
        ["replay", "good.json"],
        ["replay", "good.json", "--findings", "out.jsonl"],
        ["sql", "FROM chains", "--at", "lineage.duckdb"],
    ],
)
def test_a_file_that_this_user_may_not_read(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    line = told(capsys, *arguments)
    assert "ermission denied" in line or "this user may not" in line


def test_lineage_does_not_go_where_data_is(capsys: pytest.CaptureFixture[str]) -> None:
    """DuckDB opens such a file as a view of a database in memory: the lineage would be gone."""
    Path("data.csv").write_text("a,b\n1,2\n")
    written = told(capsys, "replay", "good.json", "--store", "data.csv")
    assert "data.csv is no DuckDB database: move it away, or name another" in written


def test_a_file_that_the_writer_has_open(capsys: pytest.CaptureFixture[str]) -> None:
    """Leads to live SQL, whatever is asked of the file."""
    hold = (
        "import sys, duckdb; c = duckdb.connect(sys.argv[1]); print('open', flush=True); "
        "sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", hold, "lineage.duckdb"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as writer:  # fmt: skip
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"open\n"
        asked = told(capsys, "chain", "x", "--at", "lineage.duckdb")
        assert "lineage.duckdb is open in another process" in asked
        assert "live SQL address" in asked
        written = told(capsys, "replay", "good.json", "--store", "lineage.duckdb")
        assert "lineage.duckdb is open in another process" in written
        writer.kill()


def test_nobody_at_the_live_address(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked without a token, with one, and where a writer that was killed left its note."""
    pytest.importorskip("duckdb_extension_quack")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    assert "GRANTLINE_LIVE_TOKEN" in told(capsys, "sql", "FROM chains", "--at", address)
    Path(".grantline").mkdir()
    note = {"address": f"quack:{address}", "token": "visibly-fake"}
    Path(".grantline/live.json").write_text(json.dumps(note))
    gone = told(capsys, "sql", "FROM chains")
    assert f"nobody answers at quack:{address}: is the lineage writer running" in gone
    monkeypatch.setenv("GRANTLINE_LIVE_TOKEN", "visibly-fake")
    assert told(capsys, "sql", "FROM chains", "--at", address) == gone
    assert "visibly-fake" not in gone


@pytest.mark.parametrize("text", ["", "no JSON", "[]", '{"address": "quack:127.0.0.1:1"}'])
def test_a_note_that_is_none_is_named(capsys: pytest.CaptureFixture[str], text: str) -> None:
    Path(".grantline").mkdir()
    Path(".grantline/live.json").write_text(text)
    assert "live.json is no note of a writer: delete it" in told(capsys, "sql", "FROM chains")


def test_a_query_comes_from_standard_input(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("SELECT human\nFROM chains\n"))
    assert main(["sql", "--at", "lineage.duckdb", "--format", "csv"]) == 0
    assert capsys.readouterr().out == "human\nalice\n"


def test_a_table_that_goes_to_no_terminal_is_not_folded(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line a row, however narrow the terminal is that nobody looks at."""
    monkeypatch.setenv("COLUMNS", "40")
    assert main(["sql", "FROM hops", "--at", "lineage.duckdb"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2 + len(HOPS)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert main(["sql", "FROM hops", "--at", "lineage.duckdb"]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 40


def test_a_place_for_snapshots_that_is_none_is_told_at_the_start(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not when the first one is due."""
    monkeypatch.setenv("GRANTLINE_SNAPSHOT_DIR", "empty")
    line = told(capsys, "worker", status=2)
    assert "GRANTLINE_SNAPSHOT_DIR: no place for files in empty (it is a file)" in line
