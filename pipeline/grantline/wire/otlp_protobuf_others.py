"""Items of OTLP protobuf that stand where spans do and are none: log records, which are read, and
metrics, which are refused by name.

ResourceSpans, ResourceLogs and ResourceMetrics are framed alike (proto/logs/v1/logs.proto,
proto/metrics/v1/metrics.proto): which one a record has, only the items tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from google.protobuf.message import DecodeError

from grantline.model.hop import Hop
from grantline.wire.otlp_logs import LogParts, hop_of_log
from grantline.wire.otlp_reading import Reader, gather
from grantline.wire.otlp_spans import MARK, Emitter, Identity, Unusable, identity_of
from grantline.wire.protobuf_messages import BYTES, FIXED64, MANY, ONE, UINT32, messages

_POINTS: Final = ("gauge", "sum", "histogram", "exponential_histogram", "summary")
_classes = messages(
    "grantline.otlp.others",
    {
        "LogRecord": {
            "time_unix_nano": (1, FIXED64, ONE),
            "body": (5, "Body", ONE),
            "attributes": (6, BYTES, MANY),
            "dropped_attributes_count": (7, UINT32, ONE),
            "trace_id": (9, BYTES, ONE),
            "span_id": (10, BYTES, ONE),
            "observed_time_unix_nano": (11, FIXED64, ONE),
        },
        "Body": {"kvlist": (6, "Pairs", ONE)},
        "Pairs": {"values": (1, BYTES, MANY)},
        "Key": {"key": (1, BYTES, ONE)},
        "Metric": {
            "gauge": (5, "Points", ONE),
            "sum": (7, "Points", ONE),
            "histogram": (9, "Points", ONE),
            "exponential_histogram": (10, "Points", ONE),
            "summary": (11, "Points", ONE),
        },
        "Points": {"data_points": (1, "Point", MANY)},
        # Histograms have their attributes in field 9, exponential ones in 1, all others in 7.
        "Point": {
            "of_number": (7, BYTES, MANY),
            "of_histogram": (9, BYTES, MANY),
            "of_exponential": (1, BYTES, MANY),
        },
    },
)
_log_record = _classes["LogRecord"].FromString
_metric = _classes["Metric"].FromString
_key = _classes["Key"].FromString


def hop(item: bytes, emitter: Emitter, received: int, attributes: Reader) -> Hop | None:
    """The hop that a log record is; None for what is neither a log record with the mark nor a
    metric with it. `attributes` reads one attribute. Raises `Unusable`.
    """
    read = _marked_log(item)
    if read is not None:
        parts = LogParts(
            read.trace_id.hex(),
            read.span_id.hex(),
            read.time_unix_nano,
            read.observed_time_unix_nano,
            read.dropped_attributes_count > 0,
        )
        return hop_of_log(gather(_told(read), attributes), parts, emitter, received)
    if _is_marked_metric(item):
        raise Unusable("not_otlp", "OTLP metrics, which tell of no delegation; send spans or logs")
    return None


def identity(item: bytes) -> Identity:
    """The ids of a log record; none where it is none."""
    read = _marked_log(item)
    return Identity() if read is None else identity_of(read.trace_id.hex(), read.span_id.hex())


def _marked_log(item: bytes) -> Any:
    try:
        read = _log_record(item)
    except DecodeError:
        return None
    return read if any(map(_is_mark, _told(read))) else None


def _told(read: Any) -> Sequence[bytes]:
    """The attributes of a log record, and before them the body where it is a list of such."""
    return (*read.body.kvlist.values, *read.attributes)


def _is_marked_metric(item: bytes) -> bool:
    try:
        read = _metric(item)
    except DecodeError:
        return False
    return any(
        _is_mark(attribute)
        for kind in _POINTS
        for point in getattr(read, kind).data_points
        for attribute in (*point.of_number, *point.of_histogram, *point.of_exponential)
    )


def _is_mark(attribute: bytes) -> bool:
    try:
        return MARK in attribute and bool(_key(attribute).key == MARK)
    except DecodeError:
        return False
