"""What a `kafka://` exporter connects with: one set of settings for every process, none in the log."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from grantline import emit
from grantline.emit.exporters import make_exporter
from grantline.emit.kafka import KafkaSpanExporter
from grantline.emit.tally import Tally
from grantline.settings import read

PASSWORD = "visibly-fake-password"
SASL = {
    "security.protocol": "SASL_SSL",
    "sasl.mechanism": "SCRAM-SHA-512",
    "sasl.username": "booker",
    "sasl.password": PASSWORD,
}


@pytest.fixture(autouse=True)
def no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRANTLINE_KAFKA", raising=False)
    monkeypatch.delenv("GRANTLINE_COMPRESSION", raising=False)


def connects_with(address: str, **others: Any) -> dict[str, Any]:
    found = make_exporter(address, 1, **others)
    assert isinstance(found, KafkaSpanExporter)
    return {
        name: value
        for name, value in found._config.items()
        if name.split(".")[0] in {"security", "sasl", "ssl"}
    }


def test_the_variable_of_the_other_processes_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRANTLINE_KAFKA", json.dumps(SASL))
    assert connects_with("kafka://broker:9093/t") == SASL
    assert read().kafka == SASL  # the worker's, the writer's and the alert process's


def test_an_exporter_from_the_environment_reads_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRANTLINE_KAFKA", json.dumps(SASL))
    monkeypatch.setenv("GRANTLINE_EXPORTER", "kafka://broker:9093/t")
    found = make_exporter(None, 1)
    assert isinstance(found, KafkaSpanExporter)
    assert found._config["sasl.password"] == PASSWORD
    assert found._config["bootstrap.servers"] == "broker:9093"


def test_what_configure_is_given_stands_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRANTLINE_KAFKA", json.dumps(SASL))
    given = {"security.protocol": "SSL"}
    assert connects_with("kafka://broker:9093/t", kafka=given) == given
    assert connects_with("kafka://broker:9093/t", kafka={}) == {}


def test_the_query_adds_to_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_text("x")
    monkeypatch.setenv("GRANTLINE_KAFKA", json.dumps(SASL))
    found = connects_with(f"kafka://a:1,b:2/t?ssl.ca.location={authority}&sasl.mechanisms=PLAIN")
    rest = {name: value for name, value in SASL.items() if name != "sasl.mechanism"}
    assert found == {**rest, "ssl.ca.location": str(authority), "sasl.mechanisms": "PLAIN"}


@pytest.mark.parametrize("said, found", [("", "zstd"), ("gzip", "gzip"), ("None", "none")])
def test_the_compression_is_the_variables_that_the_worker_reads(
    monkeypatch: pytest.MonkeyPatch, said: str, found: str
) -> None:
    monkeypatch.setenv("GRANTLINE_COMPRESSION", said)
    exporter = make_exporter("kafka://b:1/t", 1)
    assert isinstance(exporter, KafkaSpanExporter)
    assert exporter._config["compression.type"] == found


def test_a_compression_that_there_is_not_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRANTLINE_COMPRESSION", "brotli")
    with pytest.raises(ValueError, match="GRANTLINE_COMPRESSION: use one of none, gzip"):
        make_exporter("kafka://b:1/t", 1)


def test_an_idle_connection_is_closed_before_a_cloud_drops_it() -> None:
    exporter = make_exporter("kafka://b:1/t", 1)
    assert isinstance(exporter, KafkaSpanExporter)
    ages = ("connections.max.idle.ms", "metadata.max.age.ms", "topic.metadata.refresh.interval.ms")
    assert all(exporter._config[name] < 240_000 for name in ages)


def test_a_protocol_in_the_query_is_never_dropped() -> None:
    assert connects_with("kafka://b:1/t?security.protocol=SSL") == {"security.protocol": "SSL"}


@pytest.mark.parametrize(
    "query, message",
    [
        ("security.protocol=SASL_SSL", "asks for a sasl.mechanism"),
        ("security.protocol=TLS", "security.protocol should be one of PLAINTEXT, SSL"),
        ("securty.protocol=SASL_SSL", "did you mean security.protocol"),
        ("security_protocol=SSL", "did you mean security.protocol"),
        ("ssl.endpoint=x", "no security setting 'ssl.endpoint'"),
        ("ssl.ca.location=/no/such/file", "ssl.ca.location: there is no file"),
        (
            f"sasl.password={PASSWORD}",
            "no secrets in the address: put sasl.password into GRANTLINE",
        ),
    ],
)
def test_a_query_that_cannot_be_meant_is_refused(query: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        make_exporter(f"kafka://b:1/t?{query}", 1)
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    "text, message",
    [
        ("{bad", "GRANTLINE_KAFKA: this is no JSON"),
        ('{"sasl.pasword": "visibly-fake-password"}', "did you mean sasl.password"),
        ('{"security.protocol": "visibly-fake-password"}', "should be one of"),
    ],
)
def test_a_wrong_variable_is_named_and_not_quoted(
    monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    monkeypatch.setenv("GRANTLINE_KAFKA", text)
    with pytest.raises(ValueError, match=message) as caught:
        make_exporter("kafka://b:1/t", 1)
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    "address, cure",
    [
        ("kafka://b:1/t?acks=1", "takes security settings only"),
        ("kafka://b:1?topic=spans", "the topic is its path"),
        ("grpc://c:4317?compression=gzip", "path and query of grpc:"),
        ("otlp://c:4318/v1/traces", "use http://c:4318/path"),
    ],
)
def test_what_nobody_would_read_is_said_once_and_raised_if_strict(
    address: str, cure: str, caplog: pytest.LogCaptureFixture
) -> None:
    tally = Tally()
    make_exporter(address, 1, tally=tally)
    make_exporter(address, 1, tally=tally)
    assert caplog.text.count(cure) == 1
    assert tally.stats().notes == {"mistake": 2}
    with pytest.raises(emit.Mistake, match=cure):
        make_exporter(address, 1, tally=Tally(strict=True))


@pytest.mark.parametrize(
    "address",
    [
        f"broker:9092?sasl.password={PASSWORD}",
        f"user:{PASSWORD}@broker:9092",
        f"kafka://user:{PASSWORD}@broker:9092/t",
        f"redis://x:1?p={PASSWORD}",
    ],
)
def test_no_error_quotes_a_secret(address: str) -> None:
    with pytest.raises(ValueError, match="exporter") as caught:
        make_exporter(address, 1)
    assert PASSWORD not in str(caught.value)


def test_no_log_and_no_repr_holds_one(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv(
        "GRANTLINE_KAFKA", json.dumps({**SASL, "security.protocol": "SASL_PLAINTEXT"})
    )
    settings = emit.Settings(
        service_name="a", exporter="kafka://127.0.0.1:1/t", export_timeout=0.2, kafka=SASL
    )
    assert PASSWORD not in repr(settings)
    dl = emit.Emitter(settings)
    dl.use("t", token="fake-opaque-token")
    dl.flush(2)
    dl.shutdown()
    assert dl.stats().lost == 1
    assert PASSWORD not in caplog.text
