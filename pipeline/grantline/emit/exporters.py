"""Which exporter an address means. Credentials in an address are refused: addresses get logged."""

from __future__ import annotations

import importlib
import importlib.util
import os
from typing import Final
from urllib.parse import SplitResult, urlsplit

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import SpanExporter

from grantline.emit.kafka import DEFAULT_TOPIC, KafkaSpanExporter

_HTTP_PATH: Final = "/v1/traces"
_GRPC_PORT: Final = 4317
_HTTP_PORT: Final = 4318
_GRPC_MODULE: Final = "opentelemetry.exporter.otlp.proto.grpc.trace_exporter"
_EXAMPLES: Final = (
    "kafka://host:9092/otlp_spans, otlp://host:4318, http://host:4318, grpc://host:4317"
)


def make_exporter(address: str | SpanExporter | None, timeout: float) -> SpanExporter:
    """The exporter for an address; `timeout` in seconds. `ValueError` names a wrong part."""
    if address is None:
        address = os.environ.get("GRANTLINE_EXPORTER") or None
    if address is None:
        return _from_environment(timeout)
    if not isinstance(address, str):
        if not callable(getattr(address, "export", None)):
            raise ValueError(  # noqa: TRY004 - one kind of error for a wrong setting
                f"exporter: {type(address).__name__} has no export(); use {_EXAMPLES} "
                "or a SpanExporter"
            )
        return address
    url = urlsplit(address)
    if "@" in url.netloc:
        raise ValueError(
            "exporter: no credentials in the address; pass "
            "KafkaSpanExporter(bootstrap, topic, config={...}) or set OTEL_EXPORTER_OTLP_HEADERS"
        )
    if not url.netloc:
        raise ValueError(f"exporter {address!r}: use {_EXAMPLES}")
    return _by_scheme(url, address, timeout)


def _by_scheme(url: SplitResult, address: str, timeout: float) -> SpanExporter:
    if url.scheme == "kafka":
        topic = url.path.strip("/") or DEFAULT_TOPIC
        return KafkaSpanExporter(url.netloc, topic, timeout=timeout)
    if url.scheme in ("http", "https"):
        return _http(address if url.path.strip("/") else address.rstrip("/") + _HTTP_PATH, timeout)
    if url.scheme in ("grpc", "grpcs"):
        return _grpc(url, timeout)
    if url.scheme == "otlp":
        return _otlp(url, timeout)
    raise ValueError(f"exporter: no such scheme {url.scheme!r}; use {_EXAMPLES}")


def _otlp(url: SplitResult, timeout: float) -> SpanExporter:
    """gRPC where its extra is installed, else HTTP; the standard ports say which they are."""
    if url.port != _HTTP_PORT and (has_grpc() or url.port == _GRPC_PORT):
        return _grpc(url, timeout)
    return _http(f"http://{_host(url)}:{url.port or _HTTP_PORT}{_HTTP_PATH}", timeout)


def _host(url: SplitResult) -> str:
    host = url.hostname or ""
    return f"[{host}]" if ":" in host else host


def _http(endpoint: str, timeout: float) -> SpanExporter:
    return OTLPSpanExporter(endpoint=endpoint, timeout=timeout, compression=Compression.Gzip)


def has_grpc() -> bool:
    """Whether the `[grpc]` extra is installed."""
    try:
        return importlib.util.find_spec(_GRPC_MODULE) is not None
    except ModuleNotFoundError:
        return False


def _grpc(url: SplitResult, timeout: float) -> SpanExporter:
    if not has_grpc():
        raise ValueError(
            f"exporter: port {url.port or _GRPC_PORT} speaks gRPC, which needs "
            f"pip install 'grantline[grpc]'; or use http://{_host(url)}:{_HTTP_PORT}"
        )
    module = importlib.import_module(_GRPC_MODULE)
    exporter: SpanExporter = module.OTLPSpanExporter(
        endpoint=f"{_host(url)}:{url.port or _GRPC_PORT}",
        insecure=url.scheme != "grpcs",
        timeout=timeout,
    )
    return exporter


def _from_environment(timeout: float) -> SpanExporter:
    """What the standard OTEL_EXPORTER_OTLP_* variables ask for."""
    protocol = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or os.environ.get(
        "OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"
    )
    if protocol != "grpc":
        return OTLPSpanExporter(timeout=timeout)
    if not has_grpc():
        raise ValueError(
            "OTEL_EXPORTER_OTLP_PROTOCOL=grpc needs pip install 'grantline[grpc]'; "
            "or set it to http/protobuf"
        )
    exporter: SpanExporter = importlib.import_module(_GRPC_MODULE).OTLPSpanExporter()
    return exporter
