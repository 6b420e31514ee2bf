"""Log records of OTLP JSON."""

from __future__ import annotations

import msgspec

from grantline.model.hop import Hop
from grantline.wire import otlp_json
from grantline.wire.otlp_json_messages import Body, LogRecord, ResourceLogs
from grantline.wire.otlp_json_values import id_of, nanoseconds_of, number
from grantline.wire.otlp_logs import LogParts, hop_of_log
from grantline.wire.otlp_reading import gather
from grantline.wire.otlp_spans import Emitter, Groups, Identity, Unusable, identity_of

_resource_logs = msgspec.json.Decoder(ResourceLogs).decode
_read_body = msgspec.json.Decoder(Body | None).decode
_record = msgspec.json.Decoder(LogRecord).decode

emitter = otlp_json.emitter


def groups_of(resource_logs: bytes) -> Groups:
    """The resource and the records of one ResourceLogs. Raises `msgspec.DecodeError`."""
    found = _resource_logs(resource_logs)
    resource = bytes(found.resource)
    scopes = (*(found.scope_logs or ()), *(found.instrumentation_library_logs or ()))
    return [(resource, [bytes(record) for record in scope.log_records or ()]) for scope in scopes]


def hop(record: bytes, emitter: Emitter, received: int) -> Hop | None:
    """The hop a log record is, None where it tells of no delegation. Raises `Unusable`."""
    read = _parse(record)
    attributes = [*_body(read.body), *(bytes(raw) for raw in read.attributes or ())]
    slots = gather(attributes, otlp_json.read_attribute)
    parts = LogParts(
        id_of(read.trace_id, 32),
        id_of(read.span_id, 16),
        nanoseconds_of(read.time_unix_nano),
        nanoseconds_of(read.observed_time_unix_nano),
        number(read.dropped_attributes_count) > 0,
    )
    return hop_of_log(slots, parts, emitter, received)


def _body(body: msgspec.Raw) -> list[bytes]:
    """The pairs that the body of a record is a list of, none where it is something else."""
    try:
        read = _read_body(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return []
    pairs = read.kvlist_value if read is not None else None
    return [bytes(raw) for raw in pairs.values or ()] if pairs is not None else []


def identity(record: bytes) -> Identity:
    """The ids of a log record, as far as they can be read."""
    try:
        read = _parse(record)
    except Unusable:
        return Identity()
    return identity_of(id_of(read.trace_id, 32), id_of(read.span_id, 16))


def _parse(record: bytes) -> LogRecord:
    try:
        return _record(record)
    except UnicodeDecodeError:
        raise Unusable("bad_encoding", "the log record is not UTF-8") from None
    except (msgspec.DecodeError, RecursionError):
        raise Unusable("bad_span", "the log record is not as OTLP JSON has it") from None
