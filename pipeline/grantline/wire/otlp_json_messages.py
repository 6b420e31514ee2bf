"""The messages of OTLP JSON, as far as they are looked at, and the names in them.

What is null is not there; what is not declared is not looked at. Spans, resources, attributes and
values are declared raw, so that what is wrong in one costs no other.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from grantline.wire.otlp_json_text import unescape

_BOM = b"\xef\xbb\xbf"
NOTHING: Final = b"null"
_EARLY: Final = 16_384
"""Bytes of a record that are searched for snake_case names."""


class Camel(msgspec.Struct, rename="camel", gc=False):
    """A part of a request."""


class ScopeSpans(Camel):
    spans: list[msgspec.Raw] | None = None


class ResourceSpans(Camel):
    resource: msgspec.Raw = msgspec.Raw(b"{}")
    scope_spans: list[ScopeSpans] | None = None
    instrumentation_library_spans: list[ScopeSpans] | None = None
    """As OTLP before 0.15 had it."""


class Request(Camel):
    resource_spans: list[ResourceSpans] | msgspec.UnsetType | None = msgspec.UNSET
    resource_logs: msgspec.Raw = msgspec.Raw(NOTHING)
    resource_metrics: msgspec.Raw = msgspec.Raw(NOTHING)


class ScopeLogs(Camel):
    log_records: list[msgspec.Raw] | None = None


class ResourceLogs(Camel):
    resource: msgspec.Raw = msgspec.Raw(b"{}")
    scope_logs: list[ScopeLogs] | None = None
    instrumentation_library_logs: list[ScopeLogs] | None = None


class Pairs(Camel):
    values: list[msgspec.Raw] | None = None


class Body(Camel):
    kvlist_value: Pairs | None = None


class LogRecord(Camel):
    body: msgspec.Raw = msgspec.Raw(NOTHING)
    trace_id: Any = None
    span_id: Any = None
    time_unix_nano: Any = None
    observed_time_unix_nano: Any = None
    attributes: list[msgspec.Raw] | None = None
    dropped_attributes_count: Any = None


class Resource(Camel):
    attributes: list[msgspec.Raw] | None = None


class Span(Camel):
    trace_id: Any = None
    span_id: Any = None
    parent_span_id: Any = None
    kind: Any = None
    start_time_unix_nano: Any = None
    end_time_unix_nano: Any = None
    attributes: list[msgspec.Raw] | None = None
    dropped_attributes_count: Any = None
    status: Any = None


class KeyValue(Camel):
    key: str = ""
    value: msgspec.Raw = msgspec.Raw(b"null")


class ArrayValue(Camel):
    values: list[AnyValue | None] | None = None


class AnyValue(Camel):
    string_value: Any = None
    bool_value: Any = None
    int_value: Any = None
    double_value: Any = None
    array_value: ArrayValue | None = None
    kvlist_value: Any = None
    bytes_value: Any = None


_SNAKE: Final = {
    field.name.encode(): field.encode_name.encode()
    for struct in (
        Request,
        ResourceSpans,
        ResourceLogs,
        ScopeSpans,
        ScopeLogs,
        Span,
        LogRecord,
        AnyValue,
    )
    for field in msgspec.structs.fields(struct)
    if "_" in field.name
}
_SNAKE_KEY: Final = re.compile(rb'"(' + b"|".join(_SNAKE) + rb')"(?=\s*:)')


def mended(data: bytes) -> bytes:
    """A record without its byte order mark and needless escapes, with the names that we read in
    camelCase. A writer that has snake_case has it early.
    """
    text = unescape(data.removeprefix(_BOM))
    if _SNAKE_KEY.search(text, 0, _EARLY):
        return _SNAKE_KEY.sub(lambda match: b'"%b"' % _SNAKE[match[1]], text)
    return text
