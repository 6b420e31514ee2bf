"""From a span of Jaeger (jaeger-idl, model.proto) to a hop: what its two encodings share.

A Collector's exporter writes OTLP attributes as tags, lists among them as JSON text, kind and status as
the tags `span.kind`, `error` and `otel.status_code`; the resource is the span's process.
https://opentelemetry.io/docs/specs/otel/trace/sdk_exporters/jaeger/
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from grantline.model.hop import CLIENT, CONSUMER, INTERNAL, PRODUCER, SERVER, UNSPECIFIED, Hop
from grantline.wire.otlp_attributes import RESOURCE
from grantline.wire.otlp_reading import emitter_of, gather_plain
from grantline.wire.otlp_spans import Emitter, Parts, hop_of

Tags = Sequence[tuple[str, Any]]
"""Names and plain values, as converters take them."""

_KINDS: Final = {
    "internal": INTERNAL,
    "server": SERVER,
    "client": CLIENT,
    "producer": PRODUCER,
    "consumer": CONSUMER,
}
_TRUE: Final = (True, "true", "True")


class JaegerParts(NamedTuple):
    """A span but for its tags. Ids are in hex, an empty string for none; times in nanoseconds."""

    trace_id: str
    span_id: str
    parent_span_id: str
    start: int
    duration: int


def hop_of_tags(tags: Tags, parts: JaegerParts, emitter: Emitter, received: int) -> Hop | None:
    """The hop that `tags` add up to; None without an operation. Raises `Unusable`."""
    said = {name: value for name, value in tags if value.__class__ in (str, bool)}
    failed = said.get("error") in _TRUE or said.get("otel.status_code") == "ERROR"
    return hop_of(
        gather_plain(tags),
        Parts(
            parts.trace_id.rjust(32, "0") if parts.trace_id else "",
            parts.span_id.rjust(16, "0") if parts.span_id else "",
            parts.parent_span_id.rjust(16, "0") if parts.parent_span_id else "",
            parts.start,
            _KINDS.get(str(said.get("span.kind")), UNSPECIFIED),
            failed,
            False,
            parts.start + parts.duration,
        ),
        emitter,
        received,
    )


def emitter_of_process(service: Any, tags: Tags) -> Emitter:
    """What a process says of its spans."""
    return emitter_of(gather_plain([*tags, ("service.name", service)], RESOURCE))
