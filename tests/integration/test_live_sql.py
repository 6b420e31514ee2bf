"""Live SQL with a real Quack server and clients: it answers, and it only reads."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from grantline.model.hop import Hop
from grantline.ports import Batch, Position
from grantline.rules.story import tell
from grantline.store import quack
from grantline.store.client import Lineage, QueryFailed, connect
from grantline.store.duckdb_store import DuckDBStore
from grantline.store.live import CannotServe, LiveSql
from tests.findings import finding

pytest.importorskip("duckdb_extension_quack", reason="pip install 'grantline[live]'")

TOKEN = "visibly-fake-token"
FOUND = "fnd_" + "0" * 32
STORY = """
    alice grant planner token=t0 scopes=read,write
    planner delegate worker from=t0 token=t1 scopes=read
    worker use t1 at=crm.example.com
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDBStore]:
    made = DuckDBStore(tmp_path_factory.mktemp("live") / "lineage.duckdb", memory_limit="500MB")
    hops, positions = tell(STORY)[0], [Position("hops", 0, 3)]
    made.write(Batch(hops=hops, findings=[finding(id=FOUND)], positions=positions))
    yield made
    made.close()


@pytest.fixture(scope="module")
def live(store: DuckDBStore) -> Iterator[LiveSql]:
    with LiveSql(store, port=free_port(), token=TOKEN) as serving:
        yield serving


@pytest.fixture(scope="module")
def lineage(live: LiveSql) -> Iterator[Lineage]:
    client = connect(live.address, TOKEN)
    yield client
    client.close()


def test_views_and_macros_are_asked_by_name(lineage: Lineage) -> None:
    answer = lineage.ask("SELECT human, depth, hops FROM chains")
    assert answer.records() == [{"human": "alice", "depth": 1, "hops": 3}]
    root = lineage.ask("SELECT root_id FROM chains").rows[0][0]
    assert len(lineage.ask(f"FROM chain('{root}')").rows) == 3


@pytest.mark.parametrize(
    "sql",
    [
        "EXPLAIN SELECT * FROM hops",
        "explain analyze FROM chains",
        "DESCRIBE hops",
        "SHOW TABLES",
        "SUMMARIZE positions",
        "WITH x AS (FROM hops) SELECT count(*) FROM x",
        "-- a remark\nVALUES (1)",
        "SELECT unnest(granted_scopes) FROM hops, range(3)",
        "SELECT table_name FROM information_schema.tables",
        "SELECT 'INSERT INTO hops; DROP TABLE hops'",
    ],
)
def test_what_only_reads_is_answered(lineage: Lineage, sql: str) -> None:
    assert lineage.ask(sql).rows


REFUSED = {
    "insert": "INSERT INTO positions VALUES ('x', 0, 1)",
    "insert from a select": "INSERT INTO hops FROM hops",
    "update": "UPDATE positions SET next_offset = 0",
    "delete": "DELETE FROM hops",
    "truncate": "TRUNCATE hops",
    "merge": "MERGE INTO positions USING positions p ON true WHEN MATCHED THEN DELETE",
    "a change within a CTE": "WITH x AS (DELETE FROM hops RETURNING *) FROM x",
    "a change explained and run": "EXPLAIN ANALYZE DELETE FROM hops",
    "create": "CREATE TABLE mine (a INTEGER)",
    "create temporary": "CREATE TEMP TABLE mine AS FROM hops",
    "create a macro over ours": "CREATE OR REPLACE MACRO may_run(s, q) AS true",
    "drop": "DROP TABLE hops",
    "drop a view": "DROP VIEW findings",
    "create a view over ours": "CREATE OR REPLACE VIEW findings AS FROM finding_history",
    "alter": "ALTER TABLE hops DROP COLUMN flags",
    "copy to a file": "COPY hops TO '{file}'",
    "copy from a file": "COPY positions FROM '/etc/hostname'",
    "copy a query": "COPY (FROM hops) TO '{file}' (FORMAT parquet)",
    "export": "EXPORT DATABASE '{file}'",
    "attach": "ATTACH '{file}' AS other",
    "attach in memory": "ATTACH ':memory:' AS other",
    "detach": "DETACH lineage",
    "use": "USE temp",
    "read_csv": "FROM read_csv('/etc/passwd')",
    "read_text": "SELECT content FROM read_text('/etc/passwd')",
    "read_blob": "FROM read_blob('/etc/passwd')",
    "read_json": "FROM read_json('/etc/passwd')",
    "sniff": "FROM sniff_csv('/etc/passwd')",
    "glob": "FROM glob('/etc/*')",
    "a file as a table": "FROM '/etc/passwd'",
    "a csv as a table": "FROM 'data.csv'",
    "a file through a macro": "FROM delegations_of('/etc/passwd')",
    "a file in a subquery": "SELECT (SELECT content FROM read_text('/etc/passwd'))",
    "a file in upper case": "SELECT * FROM \"READ_TEXT\"('/etc/passwd')",
    "the network": "FROM read_csv('http://127.0.0.1:1/x.csv')",
    "set": "SET threads = 1",
    "set global": "SET GLOBAL quack_authorization_function = 'quack_nop_authorization'",
    "reset": "RESET lock_configuration",
    "pragma": "PRAGMA enable_profiling",
    "pragma that reads": "PRAGMA database_size",
    "install": "INSTALL httpfs",
    "load": "LOAD '{file}'",
    "two statements": "SELECT 1; SELECT 2",
    "a change behind a select": "SELECT 1; DROP TABLE hops",
    "begin": "BEGIN TRANSACTION",
    "checkpoint": "CHECKPOINT",
    "vacuum": "VACUUM",
    "call": "CALL quack_stop('quack:127.0.0.1:1')",
    "stop the server": "FROM quack_stop('quack:127.0.0.1:1')",
    "serve without limits": "FROM quack_serve('quack:127.0.0.1:1', token = 'fake')",
    "go elsewhere": "FROM quack_query('quack:127.0.0.1:1', 'SELECT 1', token = 'fake')",
    "other people's queries": "FROM quack_active_connections()",
    "secrets": "FROM duckdb_secrets()",
    "run text as SQL": "FROM query('DROP TABLE hops')",
    "run JSON as SQL": "FROM json_execute_serialized_sql('{{}}')",
    "prepare": "PREPARE p AS DELETE FROM hops",
    "write the log": "SELECT write_log('mine')",
    "nothing": "",
    "no SQL": "\x00\x01",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_more_than_read_is_refused(
    store: DuckDBStore, lineage: Lineage, tmp_path: Path, name: str
) -> None:
    """And nothing of it has happened: no row, no table, no file, no setting."""
    before = state(store)
    with pytest.raises(QueryFailed):
        lineage.ask(REFUSED[name].format(file=tmp_path / "out"))
    assert state(store) == before
    assert list(tmp_path.iterdir()) == []


def state(store: DuckDBStore) -> list[Any]:
    return [
        store.query("SELECT count(*) FROM hops"),
        store.query("FROM positions"),
        store.query("SELECT table_name FROM duckdb_tables() ORDER BY 1"),
        store.query("SELECT database_name FROM duckdb_databases() ORDER BY 1"),
        store.query("SELECT name, value FROM duckdb_settings() WHERE name LIKE 'quack%' "
                    "OR name IN ('threads', 'lock_configuration', 'enable_external_access')"),
        store.query("SELECT macro_definition FROM duckdb_functions() "
                    "WHERE function_name = 'may_run'"),
    ]  # fmt: skip


def test_an_attached_client_reads_and_cannot_write(store: DuckDBStore, live: LiveSql) -> None:
    """ATTACH is how notebooks connect; its inserts are no SQL text, and are refused too."""
    with duckdb.connect() as connection:
        quack.load(connection)
        connection.execute(
            f"ATTACH '{live.address}' AS lineage (TYPE quack, TOKEN '{TOKEN}', DISABLE_SSL true)"
        )
        assert connection.execute("SELECT count(*) FROM lineage.hops").fetchall() == [(3,)]
        assert connection.execute("SELECT human FROM lineage.chains").fetchall() == [("alice",)]
        assert connection.execute("SELECT count(*) FROM lineage.findings").fetchall() == [(1,)]
        assert connection.execute("SELECT id FROM lineage.findings").fetchall() == [(FOUND,)]
        for change in (
            "INSERT INTO lineage.positions VALUES ('x', 0, 1)",
            "INSERT INTO lineage.positions FROM lineage.positions",
            "CREATE TABLE lineage.mine (a INTEGER)",
            "DELETE FROM lineage.hops",
            "DROP TABLE lineage.hops",
        ):
            with pytest.raises(duckdb.Error):
                connection.execute(change)
    assert store.positions() == {("hops", 0): 3}


@pytest.mark.parametrize("token", ["", "wrong-token", TOKEN + "x", "' OR true --"])
def test_without_the_token_nothing_is_answered(live: LiveSql, token: str) -> None:
    with pytest.raises(QueryFailed, match="token") as refused:
        connect(live.address, token).ask("SELECT 1")
    assert TOKEN not in str(refused.value)


def test_a_mistake_is_explained(lineage: Lineage) -> None:
    """A table that is not there, and a text that is no SQL, say where."""
    with pytest.raises(QueryFailed, match="nosuch"):
        lineage.ask("FROM nosuch")
    with pytest.raises(QueryFailed, match=r"(?s)syntax error.*FORM"):
        lineage.ask("SELECT * FORM hops")


def test_nobody_there_is_said() -> None:
    with pytest.raises(QueryFailed, match="nobody answers"):
        connect(f"quack:127.0.0.1:{free_port()}", TOKEN).ask("SELECT 1")


def test_a_port_that_is_taken_is_said(store: DuckDBStore, live: LiveSql) -> None:
    """Without the token in the message."""
    port = int(live.address.rpartition(":")[2])
    with pytest.raises(CannotServe, match=str(port)) as refused:
        LiveSql(store, port=port, token=TOKEN).start()
    assert TOKEN not in str(refused.value)


def test_a_port_of_another_process_is_said(tmp_path: Path) -> None:
    """Quack listens with SO_REUSEPORT: both would, and each question would find either database."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        second = DuckDBStore(tmp_path / "second.duckdb")
        with pytest.raises(CannotServe, match="GRANTLINE_LIVE_PORT"):
            LiveSql(second, port=other.getsockname()[1], token=TOKEN).start()
        second.close()


def test_committed_rows_are_seen_while_the_writer_writes(
    store: DuckDBStore, lineage: Lineage
) -> None:
    """Every answer is a whole number of batches, and the last batch is seen at once."""
    root = "dlg_busy"
    seen: list[int] = []
    done = threading.Event()
    ask = f"SELECT count(*) FROM hops WHERE root_id = '{root}'"

    def look() -> None:
        while not done.is_set():
            seen.append(lineage.ask(ask).rows[0][0])

    watcher = threading.Thread(target=look)
    watcher.start()
    for batch in range(20):
        store.write(Batch(hops=[hop(batch * 50 + n, root) for n in range(50)]))
    done.set()
    watcher.join(30)
    assert lineage.ask(ask).rows == [(1000,)]
    assert seen == sorted(seen)
    assert all(count % 50 == 0 for count in seen)


def hop(number: int, root: str) -> Hop:
    return Hop(span_id=f"{number + 1:016x}", trace_id="b" * 32, operation="use", time=number,
               root_id=root)  # fmt: skip


SERVER = """
import itertools, sys, time
from grantline.model.hop import Hop
from grantline.ports import Batch
from grantline.store.duckdb_store import DuckDBStore
from grantline.store.live import LiveSql
store = DuckDBStore(sys.argv[1], memory_limit="300MB", threads=2)
LiveSql(store, port=int(sys.argv[2]), token=sys.argv[3]).start()
print("serving", flush=True)
for n in itertools.count(1):
    store.write(Batch(hops=[Hop(f"{n:016x}", "a" * 32, "use", n)]))
    time.sleep(0.05)
"""
HEAVY = """
import sys
from grantline.store.client import connect
connect(sys.argv[1], sys.argv[2]).ask(sys.argv[3])
"""


TO_COMPUTE = "SELECT sum(a.range * b.range) FROM range(100_000_000) a, range(100_000) b"
TO_REMEMBER = """SELECT count(*) FROM (
    SELECT a.range, md5(a.range::TEXT) FROM range(100_000_000) a ORDER BY md5(a.range::TEXT))"""


@pytest.mark.parametrize("query", [TO_COMPUTE, TO_REMEMBER], ids=["to compute", "to remember"])
def test_a_heavy_query_does_not_stop_the_writer(tmp_path: Path, query: str) -> None:
    """Batches go on being written, and others are answered, whatever one analyst has started."""
    port, environment = free_port(), {"PYTHONPATH": ":".join(sys.path)}
    arguments = [str(tmp_path / "lineage.duckdb"), str(port), TOKEN]
    server = subprocess.Popen([sys.executable, "-c", SERVER, *arguments], env=environment,
                              stdout=subprocess.PIPE)  # fmt: skip
    heavy = None
    try:
        assert server.stdout is not None
        assert server.stdout.readline() == b"serving\n"
        address = f"quack:127.0.0.1:{port}"
        heavy = subprocess.Popen([sys.executable, "-c", HEAVY, address, TOKEN, query],
                                 env=environment, stderr=subprocess.DEVNULL)  # fmt: skip
        other = connect(address, TOKEN)
        time.sleep(3)
        (before,) = other.ask("SELECT count(*) FROM hops").rows[0]
        deadline = time.monotonic() + 20
        while other.ask("SELECT count(*) FROM hops").rows[0][0] < before + 10:
            assert time.monotonic() < deadline
            assert server.poll() is None
        other.close()
    finally:
        for process in filter(None, (heavy, server)):
            process.kill()
            process.wait()
