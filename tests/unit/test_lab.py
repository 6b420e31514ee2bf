"""The lineage in a notebook: one line to connect, answers in every form, nothing that writes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from grantline import lab
from grantline.commands import Failed
from grantline.engine import Engine
from grantline.model.policy import Policy
from grantline.ports import Batch
from grantline.rules.story import tell
from grantline.store.client import QueryFailed
from grantline.store.duckdb_store import DuckDBStore
from grantline.store.show import NotFound
from tests.unit.draw.test_text import dlg

STORY = """
    alice grant planner token=t0 scopes=read
    planner delegate worker from=t0 token=t1 scopes=admin,read
    worker use t1 by=crm
    alice revoke t0 target=subtree
    @400 worker use t1 by=crm
"""
HOSTILE = "<script>$\\frac{'\N{RIGHT-TO-LEFT OVERRIDE}\x1b[2J" + 200 * "x"


@pytest.fixture(scope="module")
def lineage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lineage") / "out.duckdb"
    hops = tell(STORY)[0]
    engine = Engine(Policy(lateness_seconds=90 * 86_400.0))
    engine.add(hops)
    store = DuckDBStore(path)
    store.write(Batch(hops=hops, findings=list(engine.finish())))
    store.close()
    return path


@pytest.fixture
def db(lineage: Path) -> Iterator[lab.Lab]:
    with lab.connect(lineage) as connected:
        yield connected


def test_one_answer_is_rows_arrow_and_a_relation(db: lab.Lab) -> None:
    answer = db.sql("SELECT human, hops FROM chains WHERE human = $who", who="alice")
    assert list(answer) == [{"human": "alice", "hops": 5}]
    assert len(answer) == 1
    assert isinstance(answer.arrow(), pa.Table)
    assert answer.relation().filter("hops > 4").fetchall() == [("alice", 5)]


def test_a_form_whose_library_is_missing_says_which(db: lab.Lab) -> None:
    answer = db.sql("SELECT 1 AS one")
    for name in ("pandas", "polars"):
        try:
            frame = getattr(answer, name)()
        except ImportError as why:
            assert name in str(why)  # noqa: PT017 - the library may be there
        else:
            assert len(frame) == 1


def test_a_value_is_quoted_whatever_it_holds(db: lab.Lab) -> None:
    assert list(db.sql("SELECT $a AS a, $b AS b, $c AS c", a="x' OR 1=1 --", b=7, c=["it's", "y"])) == [
        {"a": "x' OR 1=1 --", "b": 7, "c": ["it's", "y"]}
    ]  # fmt: skip
    with pytest.raises(QueryFailed, match=r"names \$nobody, and its value is not given"):
        db.sql("SELECT $nobody")


def test_spans_of_time_and_moments_are_pythons(db: lab.Lab) -> None:
    (late,) = db.sql("SELECT lag, seen_at FROM uses_after_revocation($root)", root=dlg("t0"))
    assert isinstance(late["lag"], timedelta)
    assert late["lag"] > timedelta(minutes=6)
    assert isinstance(late["seen_at"], datetime)


def test_a_chain_is_shown_as_a_picture(db: lab.Lab) -> None:
    chain = db.chain(dlg("t1"), "Alice's grant")
    assert chain._repr_svg_().startswith("<svg")
    assert "Alice's grant" in chain.svg()
    assert "worker" in chain.text()
    with pytest.raises(NotFound, match="knows no chain"):
        db.chain("dlg_nothing_by_that_name")


def test_a_table_is_bounded_and_no_name_in_it_is_markup(db: lab.Lab) -> None:
    shown = db.sql("SELECT $name AS name FROM range(1000)", name=HOSTILE)._repr_html_()
    assert "<script>" not in shown
    assert "\x1b" not in shown
    assert shown.count("<tr>") == lab.MOST_SHOWN + 1
    assert f"and {1000 - lab.MOST_SHOWN} more rows" in shown


def test_nothing_can_be_written_or_read_from_files(db: lab.Lab, tmp_path: Path) -> None:
    for query in (
        "DELETE FROM hops",
        f"COPY hops TO '{tmp_path}/out.csv'",
        "FROM read_csv('/etc/passwd')",
    ):
        with pytest.raises(QueryFailed):
            db.sql(query)


def test_without_a_lineage_the_error_says_where_it_looked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRANTLINE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("GRANTLINE_STORE", str(tmp_path / "none.duckdb"))
    with pytest.raises((QueryFailed, Failed), match=r"none\.duckdb"):
        lab.connect()


def test_an_unknown_name_is_told_in_our_words_alone(db: lab.Lab) -> None:
    with pytest.raises(QueryFailed, match=r"^the lineage knows nothing by 'nobody-by-that-name'"):
        db.sql("FROM descendants('nobody-by-that-name')")


def test_a_question_with_a_value_too_few_says_what_it_takes(db: lab.Lab) -> None:
    with pytest.raises(
        QueryFailed, match=r"^scope_origin does not take .*\(wanted, .*`FROM questions`"
    ):
        db.sql("FROM scope_origin('alice')")
