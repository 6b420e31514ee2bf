"""Asking a lineage file, and what is said where that cannot be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from grantline.ports import Batch
from grantline.rules.story import tell
from grantline.store import client, quack
from grantline.store.client import QueryFailed, connect
from grantline.store.duckdb_store import DuckDBStore, StoreInUse


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "lineage.duckdb"
    store = DuckDBStore(made)
    store.write(Batch(hops=tell("alice grant planner token=t0")[0]))
    store.close()
    return made


def test_a_file_answers_like_the_live_server(path: Path) -> None:
    lineage = connect(path)
    assert lineage.ask("SELECT human, hops FROM chains").records() == [
        {"human": "alice", "hops": 1}
    ]
    lineage.close()


CHANGES = [
    "DELETE FROM hops",
    "COPY hops TO 'x.csv'",
    "SELECT 1; CREATE TABLE mine (a INTEGER)",
    "FROM read_text('/etc/passwd')",
    "SET threads = 1",
]


@pytest.mark.parametrize("sql", CHANGES)
def test_a_file_is_only_read(path: Path, sql: str) -> None:
    lineage = connect(path)
    with pytest.raises(QueryFailed):
        lineage.ask(sql)
    assert lineage.ask("SELECT count(*) FROM hops").rows == [(1,)]
    lineage.close()


def test_a_file_that_is_missing_or_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(QueryFailed, match="nothing-here"):
        connect(tmp_path / "nothing-here.duckdb")
    other = tmp_path / "other.duckdb"
    other.write_text("not a database at all, only text that is long enough to look at" * 100)
    with pytest.raises(QueryFailed, match="no lineage database"):
        connect(other)


def test_a_file_that_a_writer_has_open_leads_to_live_sql(path: Path) -> None:
    """Reading it directly cannot work in DuckDB; the message says what does."""
    hold = (
        "import sys, duckdb; c = duckdb.connect(sys.argv[1]); print('open', flush=True); "
        "sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", hold, str(path)], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as writer:  # fmt: skip
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"open\n"
        with pytest.raises(QueryFailed, match="live SQL address"):
            connect(path)
        with pytest.raises(StoreInUse, match="live SQL"):
            DuckDBStore(path)
        writer.kill()


def test_an_address_without_a_token_asks_for_one() -> None:
    with pytest.raises(QueryFailed, match="token"):
        connect("quack:127.0.0.1:1")


@pytest.mark.parametrize("address", ["quack:", "quack::9494"])
def test_an_address_that_is_none_is_named(address: str) -> None:
    with pytest.raises(ValueError, match="quack:HOST:PORT"):
        connect(address, "fake-token")


@pytest.mark.parametrize("host,address", [("localhost", "quack:localhost"), ("[::1]", "quack:[::1]:9"),
                                          ("db.example.com", "quack:db.example.com:9494")])  # fmt: skip
def test_the_host_of_an_address(host: str, address: str) -> None:
    assert quack.host_of(address) == host


def test_without_the_extension_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wheels are an extra: without them, what to install."""
    monkeypatch.setitem(sys.modules, "duckdb_extension_quack", None)
    with pytest.raises(quack.LiveSqlMissing, match=r"pip install 'grantline\[live\]'"):
        client.connect("quack:127.0.0.1:9494", "fake-token")
