"""Wrong settings name the culprit and the cure; right ones configure once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from grantline import emit
from grantline.emit import exporters
from grantline.emit.exporters import make_exporter


@pytest.fixture(autouse=True)
def unconfigured(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("OTEL_SERVICE_NAME", raising=False)
    emit.shutdown()
    yield
    emit.shutdown()


def test_configuring_twice_gives_the_same_emitter() -> None:
    exporter = InMemorySpanExporter()
    first = emit.configure(service_name="a", exporter=exporter)
    assert emit.configure(service_name="a", exporter=exporter) is first
    assert emit.configure() is first


def test_other_settings_are_named_and_not_taken(caplog: pytest.LogCaptureFixture) -> None:
    first = emit.configure(service_name="a", exporter=InMemorySpanExporter())
    key = emit.Key(b"fake-secret-fake-secret", "k1")
    again = emit.configure(service_name="b", exporter=first.settings.exporter, fingerprint_key=key)
    assert again is first
    assert "not changed: service_name, fingerprint_key" in caplog.text
    assert "fake-secret" not in caplog.text


def test_after_a_shutdown_it_can_be_configured_anew() -> None:
    first = emit.configure(service_name="a", exporter=InMemorySpanExporter())
    emit.shutdown()
    assert emit.configure(service_name="b", exporter=InMemorySpanExporter()) is not first
    first.use("t")
    assert first.stats().dropped == {"after_shutdown": 1}


def test_the_environment_names_the_service_and_the_exporter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "from-env")
    monkeypatch.setenv("GRANTLINE_EXPORTER", "kafka://127.0.0.1:1/other")
    assert emit.Settings().service_name == "from-env"
    found = make_exporter(None, 1)
    assert isinstance(found, emit.KafkaSpanExporter)
    assert found.topic == "other"


@pytest.mark.parametrize(
    "settings, message",
    [
        ({}, "OTEL_SERVICE_NAME"),
        ({"service_name": "a", "queue_size": 10}, "queue_size 10: at least 8192"),
        ({"service_name": "a", "schedule_delay_ms": 5000}, "1 to 1000 ms"),
        ({"service_name": "a", "subject_mode": "md5"}, "subject_mode 'md5'"),
        ({"service_name": "a", "subject_mode": "hmac"}, "needs subject_key"),
        ({"service_name": "a", "fingerprint_key": "text"}, "fingerprint_key"),
        ({"service_name": "a", "baggage_allow": "*.x"}, "a list"),
        ({"service_name": "a", "exit_timeout": 0}, "exit_timeout"),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("*", r"\*")):
        emit.Settings(**settings)


@pytest.mark.parametrize(
    "address, message",
    [
        ("broker:9092", "kafka://host:9092"),
        ("redis://x:1", "no such scheme 'redis'"),
        ("kafka:///topic", "kafka://host:9092"),
        (7, "int has no export"),
    ],
)
def test_a_wrong_address_is_named_with_examples(address: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_exporter(address, 1)


def test_an_address_with_credentials_is_refused_without_quoting_them() -> None:
    with pytest.raises(ValueError, match="no credentials") as caught:
        make_exporter("kafka://user:fake-password@broker:9092/t", 1)
    assert "fake-password" not in str(caught.value)


@pytest.mark.parametrize(
    "address, endpoint",
    [
        ("http://c:4318", "http://c:4318/v1/traces"),
        ("https://c/", "https://c/v1/traces"),
        ("http://c:4318/custom/path", "http://c:4318/custom/path"),
        ("otlp://c:4318", "http://c:4318/v1/traces"),
        ("otlp://[::1]:4318", "http://[::1]:4318/v1/traces"),
    ],
)
def test_http_addresses(address: str, endpoint: str) -> None:
    found = make_exporter(address, 1)
    assert isinstance(found, OTLPSpanExporter)
    assert found._endpoint == endpoint


def test_grpc_without_its_extra_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporters, "has_grpc", lambda: False)
    for address in ("otlp://c:4317", "grpc://c:4317"):
        with pytest.raises(ValueError, match=r"pip install 'grantline-emit\[grpc\]'"):
            make_exporter(address, 1)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    with pytest.raises(ValueError, match="grantline"):
        make_exporter(None, 1)


def test_without_any_address_the_standard_variables_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")
    found = make_exporter(None, 1)
    assert isinstance(found, OTLPSpanExporter)
    assert found._endpoint == "http://collector:4318/v1/traces"
