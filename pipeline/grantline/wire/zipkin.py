"""Zipkin's two encodings, known so that they can be refused by name: tags are texts there, so that what was
a number, a yes or a list in a span could only be guessed.

https://github.com/openzipkin/zipkin-api/blob/master/zipkin.proto
"""

from __future__ import annotations

from typing import Final

from google.protobuf.message import DecodeError

from grantline.wire.protobuf_messages import BYTES, MANY, ONE, messages

_CURE: Final = "send OTLP (of the Kafka exporter: encoding otlp_proto)"
JSON: Final = f"Zipkin's JSON; {_CURE}"
PROTOBUF: Final = f"Zipkin's protobuf; {_CURE}"

_list = messages(
    "grantline.zipkin",
    {
        "List": {"spans": (1, "Span", MANY)},
        "Span": {"trace_id": (1, BYTES, ONE), "id": (3, BYTES, ONE), "tags": (11, BYTES, MANY)},
    },
)["List"].FromString


def is_list(record: bytes) -> bool:
    """Whether a record that is no OTLP is a list of Zipkin's spans."""
    try:
        spans = _list(record).spans
    except DecodeError:
        return False
    return bool(spans) and all(len(one.trace_id) in (8, 16) and len(one.id) == 8 for one in spans)
