"""Who stands between a client and Kafka: a stock Collector with our configuration, and rotel.

Each lane has a receiver, a pipeline and an exporter of its own in one Collector; rotel writes one format
to one topic, so each of its lanes has a process.
"""

from __future__ import annotations

import copy
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from grantline.embedded import free_port
from tests import go_tools
from tests.foreign.clients import ROOM
from tests.foreign.lanes import Lane
from tests.issuers import running
from tests.issuers.answers import NotThere

SHIPPED: Final = Path(__file__).parents[2] / "deploy" / "collector.yaml"
ROTEL: Final = "0.0.1a15"

Endpoints = dict[Lane, str]
"""Where each lane's client sends: `http://127.0.0.1:PORT`."""


def collector() -> str:
    """The Collector's program; raises `NotThere`."""
    os.environ.setdefault("GRANTLINE_GO_TOOLS", "collector")  # asked for: built where there is Go
    try:
        return go_tools.collector()
    except (pytest.skip.Exception, AssertionError) as why:
        raise NotThere(str(why)) from None


@contextmanager
def collecting(
    program: str, lanes: Sequence[Lane], topics: Mapping[Lane, str], bootstrap: str
) -> Iterator[Endpoints]:
    """A running Collector: deploy/collector.yaml, its one pipeline once for each lane."""
    endpoints, health = {lane: f"127.0.0.1:{free_port()}" for lane in lanes}, free_port()
    with tempfile.TemporaryDirectory(prefix="grantline-collector-") as home:
        configuration = Path(home) / "collector.yaml"
        said = _configuration(endpoints, topics, bootstrap)
        said["extensions"]["health_check"]["endpoint"] = f"127.0.0.1:{health}"
        said["extensions"]["file_storage"]["directory"] = f"{home}/queue"
        configuration.write_text(yaml.safe_dump(said), "utf-8")
        command = [program, f"--config={configuration}"]
        with running.served(command, f"http://127.0.0.1:{health}", seconds=60):
            yield {lane: f"http://{endpoint}" for lane, endpoint in endpoints.items()}


def _configuration(
    endpoints: Mapping[Lane, str], topics: Mapping[Lane, str], bootstrap: str
) -> dict[str, Any]:
    said: dict[str, Any] = yaml.safe_load(SHIPPED.read_text("utf-8"))
    exporter = said["exporters"].pop("kafka/delegation")
    pipeline = said["service"]["pipelines"].pop("traces/delegation")
    said["receivers"] = {}
    said["service"]["telemetry"] = {"metrics": {"level": "none"}}
    for lane, endpoint in endpoints.items():
        name, way = lane.name, "grpc" if lane.protocol == "grpc" else "http"
        said["receivers"][f"otlp/{name}"] = {"protocols": {way: {"endpoint": endpoint}}}
        ours = copy.deepcopy(exporter)
        ours["brokers"] = [bootstrap]
        ours["traces"] = {"topic": topics[lane], "encoding": lane.encoding}
        said["exporters"][f"kafka/{name}"] = ours
        said["service"]["pipelines"][f"traces/{name}"] = {
            **pipeline, "receivers": [f"otlp/{name}"], "exporters": [f"kafka/{name}"],
        }  # fmt: skip
    return said


def rotel() -> str:
    """rotel's program, from PyPI; raises `NotThere`."""
    home = running.virtualenv(f"rotel-{ROTEL}", f"rotel=={ROTEL}", room=ROOM)
    found = list(home.glob("lib/*/site-packages/rotel/rotel-agent"))
    if not found:
        raise NotThere("the rotel package of this platform holds no program")
    return str(found[0])


@contextmanager
def rotels(
    program: str, lanes: Sequence[Lane], topics: Mapping[Lane, str], bootstrap: str
) -> Iterator[Endpoints]:
    """A running rotel for each lane."""
    endpoints: Endpoints = {}
    with ExitStack() as stack:
        for lane in lanes:
            http, grpc = free_port(), free_port()
            command = [
                program, "start", f"--otlp-http-endpoint=127.0.0.1:{http}",
                f"--otlp-grpc-endpoint=127.0.0.1:{grpc}", "--batch-timeout=200ms",
                "--exporter=kafka", f"--kafka-exporter-brokers={bootstrap}",
                f"--kafka-exporter-traces-topic={topics[lane]}",
                f"--kafka-exporter-format={lane.encoding}",
            ]  # fmt: skip
            # Any answer of its receiver will do: it has no page for health.
            ready = f"http://127.0.0.1:{http}/"
            stack.enter_context(running.served(command, ready))
            endpoints[lane] = f"http://127.0.0.1:{http}"
        yield endpoints
