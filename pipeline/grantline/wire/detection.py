"""What a record is: OTLP protobuf or JSON. The bytes decide; a header counts where they do not."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from grantline.wire import otlp_protobuf
from grantline.wire.otlp_spans import MARK, Unusable

PROTOBUF: Final = "protobuf"
JSON: Final = "JSON"
_CONTENT_TYPES: Final = {
    "application/x-protobuf": PROTOBUF,
    "application/protobuf": PROTOBUF,
    "application/json": JSON,
    "application/x-ndjson": JSON,
}
_JSON_START: Final = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]*+[{\[]")
_PACKED: Final = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xff\x06\x00\x00sNaPpY", b"\x04\x22\x4d\x18")
"""How gzip, Zstandard, Snappy and LZ4 begin."""
_MAX_MESSAGE_PATH: Final = 64


def content_type_of(headers: Iterable[tuple[str, bytes | None]] | None) -> str | None:
    """The content type among Kafka headers, whatever its case; None where there is none."""
    for name, value in headers or ():
        if name.lower() == "content-type" and value is not None:
            return value.decode("latin-1")
    return None


def detect(data: bytes, content_type: str | None) -> tuple[str, bytes]:
    """What a record is, and its bytes without framing. Raises `Unusable`."""
    payload = _unframed(data) if data[:1] == b"\0" else data
    # A line feed in front of JSON is the tag of OTLP protobuf's only field.
    looks_json = _JSON_START.match(payload) is not None
    if payload[:1] == b"\n" and not (looks_json and not otlp_protobuf.readable(payload)):
        return PROTOBUF, payload
    if looks_json:
        return JSON, payload
    if MARK in data and (requests := delimited(data)):
        return PROTOBUF, b"".join(requests)  # one behind the other they are one, says protobuf
    if _named(content_type) == PROTOBUF or MARK in payload:
        return PROTOBUF, payload
    if not payload:
        raise Unusable("not_otlp", "the record is empty")
    if payload.startswith(_PACKED):
        raise Unusable(
            "not_otlp", "compressed once more inside the record; leave that to Kafka's compression"
        )
    raise Unusable(
        "not_otlp",
        f"the first byte is 0x{payload[0]:02x}; send OTLP protobuf (0x0a) or OTLP JSON ({{)",
    )


def _named(content_type: str | None) -> str | None:
    """What the header says that a record is, where it says one of what we read."""
    return _CONTENT_TYPES.get((content_type or "").partition(";")[0].strip().lower())


def contradiction(data: bytes, content_type: str | None) -> str:
    """Where a record cannot be read and its header says otherwise than its bytes: that it does."""
    named = _named(content_type)
    if named is None:
        return ""
    looks_json = _JSON_START.match(data) is not None
    if looks_json == (named == JSON):
        return ""
    return f"; the content-type header says {named}, and the bytes are not"


def _unframed(data: bytes) -> bytes:
    """A record without a Confluent schema registry's frame, or gRPC's.

    That is a zero byte, a schema id of four bytes and, for protobuf, the path of the message
    type within its schema. A length of four bytes begins with a zero, too.
    """
    payload = data[5:]
    if _JSON_START.match(payload):
        return payload
    # gRPC has the message's length there: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
    if payload[:1] == b"\n" and int.from_bytes(data[1:5]) == len(payload):
        return payload
    if data[4:5] == b"\n" and (requests := delimited(data)):
        return b"".join(requests)
    # https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/
    # index.html#wire-format: zigzag varints, first their count; a lone 0 stands for [0].
    number, at = otlp_protobuf.varint(payload, 0)
    for _ in range(min((number or 0) >> 1, _MAX_MESSAGE_PATH)):
        number, at = otlp_protobuf.varint(payload, at)
    if number is None:
        raise Unusable("truncated", "the record ends inside Confluent framing")
    return payload[at:]


def delimited(data: bytes) -> list[bytes] | None:
    """The requests in bytes that have a length before each; None where these have not."""
    for length_at in (_four_bytes, otlp_protobuf.varint):
        requests: list[bytes] = []
        at = 0
        while at < len(data):
            length, at = length_at(data, at)
            if length is None or at + length > len(data) or data[at : at + 1] not in (b"", b"\n"):
                break
            requests.append(data[at : at + length])
            at += length
        else:
            return requests or None
    return None


def _four_bytes(data: bytes, at: int) -> tuple[int | None, int]:
    end = at + 4
    return (int.from_bytes(data[at:end]), end) if end <= len(data) else (None, end)
