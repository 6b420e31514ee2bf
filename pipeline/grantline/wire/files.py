"""Files of OTLP traces -> hops, for replay without Kafka. The one place in `wire` that opens files.

Told apart by what is in them, never by their names, gzip or not:
one JSON request (pretty-printed or not), JSON lines with one request each, one protobuf request,
and protobuf requests each after its length, as the Collector's file exporter (four bytes,
big-endian) and protobuf's `writeDelimitedTo` (a varint) write them.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import IO, Final

import msgspec

from grantline.model.rejected import Reason, Rejected
from grantline.wire.detection import delimited
from grantline.wire.otlp import WHOLE_RECORD, Decoded, Limits, decode
from grantline.wire.otlp_protobuf import readable

FILE: Final = Limits(size=1 << 30, spans=10_000_000)
"""One request in a file: a whole export, not a Kafka record. Also the size of a file that is not
JSON lines, after decompression."""

_GZIP = b"\x1f\x8b"
_BLANK = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"
_JSON = "application/json"
_PROTOBUF = "application/x-protobuf"

Numbered = tuple[int, Decoded]
"""The number of a line (JSON lines) or request (anything else), from 1 on, and what it held."""


def read_file(path: Path, limits: Limits = FILE) -> Iterator[Numbered]:
    """What each request of the file at `path` held.

    A request that cannot be read is a rejection under its number; the others still count.
    JSON lines are read one at a time, so that such a file may be of any length.

    Raises:
        OSError: the file cannot be opened or read.
    """
    with path.open("rb") as raw:
        packed = raw.read(2) == _GZIP
        raw.seek(0)
        with gzip.open(raw) if packed else raw as stream:
            number = 0
            try:
                for number, decoded in _requests(stream, limits):  # type: ignore[arg-type]
                    yield number, decoded
            except (EOFError, zlib.error, gzip.BadGzipFile):
                yield _refused(number + 1, "truncated", "the gzip file is broken, or cut off here")


def _requests(stream: IO[bytes], limits: Limits) -> Iterator[Numbered]:
    first = stream.readline(limits.size + 1)
    head = first.removeprefix(_BOM).lstrip(_BLANK)
    if head[:1] == b"{" and _is_json(head):
        yield from _lines(chain([first], _rest(stream, limits)), limits)
        return
    data = first + stream.read(limits.size + 1 - len(first))
    if len(data) > limits.size:
        yield _refused(1, "too_large", f"more than {limits.size} bytes that are not JSON lines")
    elif data.removeprefix(_BOM).lstrip(_BLANK)[:1] == b"{" and not _is_protobuf(data):
        # A request over many lines, or lines of which the first one is bad.
        if _is_json(data.removeprefix(_BOM)) or not any(map(_is_request, data.splitlines())):
            yield 1, decode(data, _JSON, limits=limits)
        else:
            yield from _lines(iter(data.splitlines()), limits)
    elif head[:1] == b"[" and _is_json(data.removeprefix(_BOM)):
        yield 1, decode(data, _JSON, limits=limits)
    else:
        yield from _protobuf(data, limits)


def _rest(stream: IO[bytes], limits: Limits) -> Iterator[bytes]:
    while line := stream.readline(limits.size + 1):
        yield line


def _lines(lines: Iterator[bytes], limits: Limits) -> Iterator[Numbered]:
    for number, line in enumerate(lines, 1):
        if line.strip(_BLANK):
            yield number, decode(line, _JSON, limits=limits)


def _protobuf(data: bytes, limits: Limits) -> Iterator[Numbered]:
    requests = None if _is_protobuf(data) else delimited(data)
    if requests is None:
        yield 1, decode(data, limits=limits)
        return
    for number, request in enumerate(requests, 1):
        yield number, decode(request, _PROTOBUF, limits=limits)


def _is_json(data: bytes) -> bool:
    try:
        msgspec.json.decode(data, type=msgspec.Raw)
    except msgspec.DecodeError:
        return False
    except RecursionError:
        return True
    return True


def _is_request(line: bytes) -> bool:
    return line.lstrip(_BLANK)[:1] == b"{" and b"esource" in line and _is_json(line)


def _is_protobuf(data: bytes) -> bool:
    return data[:1] == b"\n" and readable(data)


def _refused(number: int, reason: Reason, detail: str) -> Numbered:
    return number, Decoded([], [(WHOLE_RECORD, Rejected(reason, detail))], 0)
