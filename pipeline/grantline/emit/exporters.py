"""Which exporter an address means. Secrets in an address are refused: addresses get logged.

Exporters are loaded when they are asked for; an agent that sends OTLP needs no Kafka client.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from typing import Final
from urllib.parse import SplitResult, urlsplit

from opentelemetry.sdk.trace.export import SpanExporter

from grantline.emit.tally import Tally

_HTTP_PATH: Final = "/v1/traces"
_GRPC_PORT: Final = 4317
_HTTP_PORT: Final = 4318
_HTTP_MODULE: Final = "opentelemetry.exporter.otlp.proto.http"
_GRPC_MODULE: Final = "opentelemetry.exporter.otlp.proto.grpc.trace_exporter"
_EXAMPLES: Final = (
    "kafka://host:9092/otlp_spans, otlp://host:4318, http://host:4318, grpc://host:4317"
)


def make_exporter(
    address: str | SpanExporter | None,
    timeout: float,
    kafka: Mapping[str, str] | None = None,
    tally: Tally | None = None,
) -> SpanExporter:
    """The exporter for an address; `timeout` in seconds, `kafka` security settings of librdkafka.

    `ValueError` names a wrong part; a part that nobody would read is a mistake told to `tally`.
    """
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
    if "@" in url.netloc or (not url.netloc and "@" in address):
        raise ValueError(
            "exporter: no credentials in the address; set GRANTLINE_KAFKA or "
            "OTEL_EXPORTER_OTLP_HEADERS, or pass configure(kafka={...})"
        )
    if not url.netloc:
        raise ValueError(f"exporter {address.partition('?')[0]!r}: use {_EXAMPLES}")
    return _by_scheme(url, timeout, kafka, tally or Tally())


def _by_scheme(
    url: SplitResult, timeout: float, kafka: Mapping[str, str] | None, tally: Tally
) -> SpanExporter:
    if url.scheme == "kafka":
        from grantline.emit import kafka_address  # noqa: PLC0415

        return kafka_address.exporter(url, timeout, kafka, tally)
    if url.scheme in ("http", "https"):
        path = url.path if url.path.strip("/") else _HTTP_PATH
        return _http(url._replace(path=path).geturl(), timeout)
    if url.scheme not in ("grpc", "grpcs", "otlp"):
        raise ValueError(f"exporter: no such scheme {url.scheme!r}; use {_EXAMPLES}")
    if url.path.strip("/") or url.query:
        tally.mistake(
            f"exporter {url.scheme}",
            f"exporter: path and query of {url.scheme}:// are not read; "
            f"use http://{_host(url)}:{_HTTP_PORT}/path?query, or leave them out",
        )
    return _grpc(url, timeout) if url.scheme != "otlp" else _otlp(url, timeout)


def _otlp(url: SplitResult, timeout: float) -> SpanExporter:
    """gRPC where its extra is installed, else HTTP; the standard ports say which they are."""
    if url.port != _HTTP_PORT and (has_grpc() or url.port == _GRPC_PORT):
        return _grpc(url, timeout)
    return _http(f"http://{_host(url)}:{url.port or _HTTP_PORT}{_HTTP_PATH}", timeout)


def _host(url: SplitResult) -> str:
    host = url.hostname or ""
    return f"[{host}]" if ":" in host else host


def _http(endpoint: str | None, timeout: float) -> SpanExporter:
    http = importlib.import_module(_HTTP_MODULE)
    traces = importlib.import_module(f"{_HTTP_MODULE}.trace_exporter")
    # Without an endpoint the standard variables decide, compression too.
    given = {} if endpoint is None else {"endpoint": endpoint, "compression": http.Compression.Gzip}
    exporter: SpanExporter = traces.OTLPSpanExporter(timeout=timeout, **given)
    return exporter


def has_grpc() -> bool:
    """Whether the `[grpc]` extra is installed."""
    from importlib.util import find_spec  # noqa: PLC0415

    try:
        return find_spec(_GRPC_MODULE) is not None
    except ModuleNotFoundError:
        return False


def _grpc(url: SplitResult, timeout: float) -> SpanExporter:
    if not has_grpc():
        raise ValueError(
            f"exporter: port {url.port or _GRPC_PORT} speaks gRPC, which needs "
            f"pip install 'grantline-emit[grpc]'; or use http://{_host(url)}:{_HTTP_PORT}"
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
        return _http(None, timeout)
    if not has_grpc():
        raise ValueError(
            "OTEL_EXPORTER_OTLP_PROTOCOL=grpc needs pip install 'grantline-emit[grpc]'; "
            "or set it to http/protobuf"
        )
    exporter: SpanExporter = importlib.import_module(_GRPC_MODULE).OTLPSpanExporter()
    return exporter
