"""docker-compose.yml and the Collector's configuration, held against the code and the spec.

What only an engine could tell (do the images exist, do the containers start) is not told here.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import compose_spec
import pytest
import yaml

from grantline.cli import parser
from grantline.settings import Settings
from tests import go_tools

REPOSITORY = Path(__file__).parents[2]
COMPOSE = REPOSITORY / "docker-compose.yml"
COLLECTOR = REPOSITORY / "deploy" / "collector.yaml"
OURS = ["worker", "writer", "alerts"]


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    merged: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    found: dict[str, Any] = merged["services"]
    return found


@pytest.fixture(scope="module")
def collector() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(COLLECTOR.read_text())
    return found


def _valid(text: str) -> None:
    compose_spec.PyOptions(apply_merge=True).from_yaml(text).validate()


def test_the_file_follows_the_compose_specification() -> None:
    """Every key, value and reference is one that the specification knows."""
    _valid(COMPOSE.read_text())


def test_the_specification_is_really_asked() -> None:
    """A condition that does not exist would be found."""
    with pytest.raises(ValueError, match="service_well"):
        _valid(COMPOSE.read_text().replace("service_healthy", "service_well", 1))


@pytest.mark.timeout(900)
def test_docker_compose_takes_the_file() -> None:
    """Where there is a client, it reads the file without an engine."""
    command = [*go_tools.compose(), "-f", str(COMPOSE), "config", "--quiet"]
    environment = {"PATH": "/usr/bin:/bin", "GRANTLINE_LIVE_TOKEN": "not-a-real-token"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    del environment["GRANTLINE_LIVE_TOKEN"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "GRANTLINE_LIVE_TOKEN" in done.stderr


@pytest.mark.parametrize("name", OURS)
def test_every_setting_of_a_service_is_one_the_code_reads(
    services: dict[str, Any], name: str
) -> None:
    """A variable that nobody reads would be a setting that silently does nothing."""
    known = {f"GRANTLINE_{field.upper()}" for field in Settings.model_fields}
    assert services[name]["environment"].keys() <= known


@pytest.mark.parametrize("name", OURS)
def test_every_command_of_a_service_is_one_the_command_line_has(
    services: dict[str, Any], name: str
) -> None:
    """The arguments parse."""
    assert parser().parse_args(services[name]["command"]).command == services[name]["command"][0]


def test_nothing_is_published_beyond_this_machine(services: dict[str, Any]) -> None:
    """Kafka, the Collector and the worker's pages have no authentication."""
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_settings_of_the_image_are_settings_of_the_code() -> None:
    """So are those that the Dockerfile sets."""
    known = {f"GRANTLINE_{field.upper()}" for field in Settings.model_fields}
    text = (REPOSITORY / "deploy" / "Dockerfile").read_text()
    named = {word.partition("=")[0] for word in text.split() if word.startswith("GRANTLINE_")}
    assert named
    assert named <= known


def test_workers_share_their_snapshots(services: dict[str, Any]) -> None:
    """In a volume that outlives the container, mounted where the image keeps its data: a partition
    that moves, or comes back, is not folded from the beginning of its log."""
    (mount,) = services["worker"]["volumes"]
    name, _, place = mount.partition(":")
    assert name in yaml.safe_load(COMPOSE.read_text())["volumes"]
    assert f"GRANTLINE_DATA_DIR={place}" in (REPOSITORY / "deploy" / "Dockerfile").read_text()
    assert (
        not {"GRANTLINE_DATA_DIR", "GRANTLINE_SNAPSHOT_DIR"}
        & services["worker"]["environment"].keys()
    )
    others = [volume for other in ("writer", "alerts") for volume in services[other]["volumes"]]
    assert not any(volume.startswith(f"{name}:") for volume in others)


def test_the_collector_writes_where_the_worker_reads(
    collector: dict[str, Any], services: dict[str, Any]
) -> None:
    """Same topic, same broker, an encoding that ingest knows."""
    exporter = collector["exporters"]["kafka/delegation"]
    assert exporter["traces"]["topic"] in Settings.model_fields["input_topics"].default
    assert exporter["traces"]["encoding"] in {"otlp_proto", "otlp_json"}
    worker = services["worker"]["environment"]["GRANTLINE_BOOTSTRAP"]
    assert services["collector"]["environment"]["GRANTLINE_BOOTSTRAP"] == worker


def test_the_collector_that_tests_build_is_the_one_that_runs(services: dict[str, Any]) -> None:
    """Same version, and a component for each that the configuration names."""
    assert services["collector"]["image"].endswith(f":{go_tools.COLLECTOR}")
    manifest: dict[str, Any] = yaml.safe_load(go_tools.MANIFEST.read_text())
    assert manifest["dist"]["version"] == go_tools.COLLECTOR
    for kind in ("extensions", "receivers", "processors", "exporters"):
        assert {entry["gomod"].split()[1] for entry in manifest[kind]} == {f"v{go_tools.COLLECTOR}"}


def test_the_collector_gives_no_span_up(collector: dict[str, Any]) -> None:
    """Acknowledged by every replica, queued on disk, retried for ever, never sampled."""
    exporter = collector["exporters"]["kafka/delegation"]
    assert exporter["producer"]["required_acks"] == -1
    assert exporter["sending_queue"]["storage"] in collector["service"]["extensions"]
    assert exporter["sending_queue"]["block_on_overflow"] is True
    assert exporter["retry_on_failure"]["max_elapsed_time"] == "0s"
    for pipeline in collector["service"]["pipelines"].values():
        assert not any("sampl" in processor for processor in pipeline["processors"])


def test_the_collector_uses_what_it_defines(collector: dict[str, Any]) -> None:
    """No pipeline names a component that is not there, and none lies idle."""
    for kind in ("receivers", "processors", "exporters"):
        pipelines = collector["service"]["pipelines"].values()
        assert {name for one in pipelines for name in one[kind]} == set(collector[kind])
    assert set(collector["service"]["extensions"]) == set(collector["extensions"])
