"""`grantline replay`: files in, findings and lineage out, the same as the stream's."""

from __future__ import annotations

import base64
import gzip
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from grantline.model.hop import Hop
from grantline.rules import every
from grantline.rules.story import tell
from tests.workers import otlp

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "schemas/json/finding.v1.schema.json").read_text())
STORY = """
    alice grant planner token=t0 scopes=read aud=https://crm.example.com
    planner delegate worker from=t0 token=t1 scopes=read,admin
    worker use t1 at=crm.example.com by=crm
    mallory use t1 at=crm.example.com by=crm
    @100 alice revoke t0 target=subtree
    @300 worker use t1 at=crm.example.com by=crm
"""


def grantline(*arguments: object, status: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "grantline.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == status, done.stderr
    return done


def findings(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def hops() -> list[Hop]:
    early, late = tell(STORY)
    return early + late


def protobuf(request: bytes) -> bytes:
    """The same request in the other encoding; ids are hex in OTLP JSON, bytes here."""
    document = json.loads(request)
    for resource in document["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                for name in ("traceId", "spanId"):
                    span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
    return ParseDict(document, ExportTraceServiceRequest()).SerializeToString()


@pytest.fixture
def forms(tmp_path: Path) -> dict[str, Sequence[Path]]:
    """The same spans as one JSON request, as lines, as protobuf, and gzipped."""
    told = hops()
    (tmp_path / "one.json").write_bytes(otlp(told))
    lines = b"\n".join(otlp([hop]) for hop in reversed(told))
    (tmp_path / "many.jsonl").write_bytes(lines)
    (tmp_path / "one.pb").write_bytes(protobuf(otlp(told)))
    (tmp_path / "many.jsonl.gz").write_bytes(gzip.compress(lines))
    return {path.name: [path] for path in tmp_path.iterdir()}


def test_every_form_of_input_gives_the_same_findings(
    forms: dict[str, Sequence[Path]], tmp_path: Path
) -> None:
    """JSON, JSON lines in reverse, protobuf and gzip: one set of findings, by the schema."""
    results = {}
    for name, files in forms.items():
        out = tmp_path / f"{name}.out"
        grantline("replay", *files, "--findings", out)
        results[name] = findings(out)
    first = results["one.json"]
    assert {row["reference"] for row in first} == {"SE-01", "TR-01", "TR-05"}
    assert all(rows == first for rows in results.values())
    for row in first:
        jsonschema.validate(row, SCHEMA)
        assert row["status"] == "open"
        assert row["span_ids"]


def test_the_store_answers_what_the_findings_say(
    forms: dict[str, Sequence[Path]], tmp_path: Path
) -> None:
    """Lineage of a replay is asked with the same commands as the writer's."""
    store = tmp_path / "out.duckdb"
    out = tmp_path / "out.jsonl"
    grantline("replay", *forms["one.json"], "--store", store, "--findings", out)
    counted = grantline("sql", "SELECT count(*) AS n FROM hops", "--at", store, "--format", "csv")
    assert counted.stdout.split() == ["n", str(len(hops()))]
    finding = findings(out)[0]
    explained = grantline("explain", finding["id"], "--at", store).stdout
    assert finding["reference"] in explained
    assert "alice" in grantline("chain", finding["id"], "--at", store).stdout
    assert grantline("sql", finding["sql"], "--at", store, "--format", "json").stdout.strip()


def test_replayed_twice_a_store_holds_each_hop_once(
    forms: dict[str, Sequence[Path]], tmp_path: Path
) -> None:
    """Replaying into the same file again adds nothing."""
    store = tmp_path / "out.duckdb"
    for _ in range(2):
        grantline("replay", *forms["one.pb"], "--store", store)
    counted = grantline("sql", "SELECT count(*) AS n FROM hops", "--at", store, "--format", "csv")
    assert counted.stdout.split() == ["n", str(len(hops()))]


def test_real_traces_of_agent_frameworks_hold_no_hop(tmp_path: Path) -> None:
    """What CrewAI, LangGraph and others export is passed over, which is no clean bill of health."""
    files = sorted((ROOT / "tests/data/otlp").glob("*.otlp.*"))
    assert files
    out = tmp_path / "out.jsonl"
    said = grantline("replay", *files, "--findings", out, status=1).stderr
    assert out.read_text() == ""
    assert "0 hops" in said
    assert "0 rejected" in said
    assert "nothing to judge: none of the" in said


def test_bad_lines_are_counted_and_the_others_still_read(tmp_path: Path) -> None:
    """A torn line costs itself."""
    path = tmp_path / "torn.jsonl"
    good = [otlp([hop]) for hop in hops()]
    path.write_bytes(b"\n".join([*good[:2], good[2][:40], *good[2:]]))
    out = tmp_path / "out.jsonl"
    said = grantline("replay", path, "--findings", out).stderr
    assert "1 rejected" in said
    assert {row["reference"] for row in findings(out)} == {"SE-01", "TR-01", "TR-05"}


def test_rules_are_listed_with_what_to_do() -> None:
    """Every rule is there, and one is explained whole by its catalogue id."""
    listed = grantline("rules").stdout
    assert all(rule.id in listed for rule in every())
    assert "triage" in grantline("rules", "TR-05").stdout
    assert "no rule" in grantline("rules", "nonsense", status=1).stderr


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A setting that cannot be used is told by its variable."""
    monkeypatch.setenv("GRANTLINE_PARTITIONS", "many")
    assert "GRANTLINE_PARTITIONS" in grantline("settings", status=2).stderr
    monkeypatch.delenv("GRANTLINE_PARTITIONS")
    policy = tmp_path / "policy.toml"
    policy.write_text("max_dept = 3\n")
    monkeypatch.setenv("GRANTLINE_POLICY", str(policy))
    said = grantline("replay", policy, status=2).stderr
    assert "max_dept" in said
    assert "max_depth" in said
