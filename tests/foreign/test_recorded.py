"""What real clients left on Kafka gives the rows and findings that our own exporter gives today."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from grantline.store.client import connect
from grantline.store.duckdb_store import DuckDBStore
from tests.foreign import recorded
from tests.foreign.lanes import Lane
from tests.foreign.python_lab.client import tell
from tests.foreign.report import wrong
from tests.foreign.rows import Came, Tables, differences
from tests.foreign.story import Story
from tests.workers import POLICY

READ = [recorded.read(path) for path in recorded.paths()]
LANES = [one.lane for one in READ]
AT = 1_795_459_437_162_429_419


def folded(path: Path, *told: tuple[Story, Sequence[bytes]]) -> list[Came]:
    """What tellings come to, each folded by itself, in one store."""
    store = DuckDBStore(path)
    for story, records in told:
        recorded.fold(story.tag, records, POLICY, store)
    store.close()
    lineage = connect(path)
    tables = Tables(lineage)
    lineage.close()
    return [tables.came(story.tag, f"file:{story.tag}") for story, _ in told]


def ours(story: Story) -> tuple[Story, Sequence[bytes]]:
    """A telling by our exporter."""
    kept = InMemorySpanExporter()
    tell(story.as_json(), kept)
    return story, (encode_spans(kept.get_finished_spans()).SerializeToString(),)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> dict[Lane, tuple[Came, Came]]:
    """Of each recording what our exporter gives of its story, and what the client gave."""
    path = tmp_path_factory.mktemp("foreign") / "lineage.duckdb"
    own = [ours(Story(f"ffff{number:04x}", one.story.at)) for number, one in enumerate(READ)]
    came = folded(path, *own, *((one.story, one.records) for one in READ))
    return dict(zip(LANES, zip(came[: len(READ)], came[len(READ) :], strict=True), strict=True))


@pytest.mark.parametrize("lane", LANES, ids=lambda lane: lane.name)
def test_a_recorded_client_gives_the_rows_and_findings_of_our_own_exporter(
    lane: Lane, both: dict[Lane, tuple[Came, Came]]
) -> None:
    own, theirs = both[lane]
    assert wrong(lane, own, theirs) == []


def test_recordings_are_of_every_client_and_every_encoding() -> None:
    assert {lane.client for lane in LANES} >= {"python", "js", "go", "java", "rust"}
    assert {lane.protocol for lane in LANES} >= {"http/protobuf", "http/json", "grpc"}
    assert {lane.encoding for lane in LANES} >= {
        "otlp_proto", "otlp_json", "jaeger_proto", "jaeger_json", "zipkin_proto", "zipkin_json",
        "protobuf", "json",
    }  # fmt: skip


def test_what_a_client_tells_otherwise_is_seen_in_its_column(tmp_path: Path) -> None:
    """So that `none` in the table means something."""
    named, deeper, narrower, shorter, later = told = [Story(f"{n}" * 8, AT) for n in range(1, 6)]
    named.spans[1]["attributes"]["gen_ai.agent.name"] = "Planungs-Agent"
    deeper.spans[1]["attributes"]["delegation.depth"] = 3
    narrower.spans[2]["attributes"]["delegation.granted_scopes"] = ["calendar.write"]
    del shorter.spans[-1]
    later.spans[-1]["end"] += 1
    own, *others = folded(tmp_path / "x.duckdb", ours(Story("f" * 8, AT)), *map(ours, told))
    found = [differences(own, other) for other in others]
    seen = ["hops.agent_name: ", "hops.depth: ", "delegations.granted_scopes: ", "hops: 10 rows, 9"]
    for start, lines in zip(seen, found, strict=False):
        assert any(line.startswith(start) for line in lines), lines
    assert "findings: 6 rows, 5 rows" in found[2]
    # A nanosecond is one.
    assert [line.partition(":")[0] for line in found[4]] == ["hops.ended_at"]


def test_the_story_says_everything_that_the_convention_has(tmp_path: Path) -> None:
    """Each column of hops that is read from a span is told at least once."""
    [own] = folded(tmp_path / "x.duckdb", ours(Story("f" * 8, AT)))
    empty = {column for column in own.hops[0] if all(hop[column] is None for hop in own.hops)}
    # What no span says: the broker's, and the worker's own.
    assert empty == {"received_at", "task_granted_at", "chain_key"}


def test_a_refusal_has_to_tell_the_form_and_the_cure(tmp_path: Path) -> None:
    lane, story = Lane("python", "grpc", "collector", "zipkin_json"), Story("f" * 8, AT)
    [silent, read] = folded(tmp_path / "x.duckdb", (Story("1" * 8, AT), ()), ours(story))
    assert wrong(lane, silent, silent) == ["neither read nor refused"]
    assert wrong(lane, read, read) == ["neither read nor refused", "10 hops of it all the same"]


def test_a_lane_has_a_name_for_topics_and_files() -> None:
    assert Lane("js", "http/json", "rotel", "json").name == "js-http_json-rotel-json"
