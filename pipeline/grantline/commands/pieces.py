"""What of a log goes to Kafka: one record a message, as it stood where that can be, and the place behind it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import IO, Any, Final, NamedTuple

from grantline.sources import Source
from grantline.sources.documents import Cut, documents

MAX_RECORD: Final = 900_000
"""Bytes of one record: a broker takes a megabyte, unless it is told otherwise."""
HEAD: Final = 256
"""Bytes at a file's beginning that it is known by."""


class Place(NamedTuple):
    """How far a file was read."""

    offset: int
    head: str
    """SHA-256 of its first bytes, as many as were read, at most 256."""
    size: int = -1
    """Of a file that is not read by lines: how large it was when it was looked at."""


class Piece(NamedTuple):
    """Records, and the place of the file behind them."""

    values: list[bytes]
    too_large: int
    file: str
    place: Place


def split(source: Source, data: bytes) -> tuple[list[bytes], int]:
    """The records of some bytes, each a message of its own, however they were packed; and how many are
    too large for one. One that stands alone goes as it is, and so does what cannot be read: the
    worker rejects it by name.
    """
    data = data.strip()
    try:
        found = list(documents(data, source.line))
    except (Cut, UnicodeDecodeError, RecursionError):
        return as_it_is(data)
    if len(found) == 1 and _alone(source, found[0]):
        return as_it_is(data)
    return records(source, found)


def as_it_is(data: bytes) -> tuple[list[bytes], int]:
    """One message, where it is small enough for one."""
    if not data:
        return [], 0
    return ([data], 0) if len(data) <= MAX_RECORD else ([], 1)


def records(source: Source, found: Iterable[Any]) -> tuple[list[bytes], int]:
    """The records in some documents, and how many are too large."""
    values = [
        json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
        for document in found
        for record in _inside(source, document)
    ]
    fit = [value for value in values if len(value) <= MAX_RECORD]
    return fit, len(values) - len(fit)


def _inside(source: Source, document: Any) -> list[Any]:
    try:
        found = source.unwrap(document)
    except RecursionError:  # in what is packed inside
        return [document]
    # What is none of this log's is sent all the same: the worker rejects it by its name.
    return [document] if found is None else list(found)


def _alone(source: Source, document: Any) -> bool:
    inside = _inside(source, document)
    return len(inside) == 1 and inside[0] is document


def head(file: IO[bytes], offset: int) -> str:
    """What a file is known by."""
    file.seek(0)
    return hashlib.sha256(file.read(min(offset, HEAD))).hexdigest()
