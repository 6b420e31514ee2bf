"""Follows a folder of logs, or one file: what is new in them, and where that was.

A file that holds a document a line is read as it grows; any other (one document, an array, gzip) once its
end is there. Every piece comes with its place, for its reader to keep once it was delivered. A file is known by its inode and its first bytes: a renamed one is not read twice,
and a new one under an old name, or one that was cut, from its beginning.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import logging
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

from grantline.sources import Source, below
from grantline.sources.documents import MAX_BYTES, Cut, documents

MAX_RECORD: Final = 900_000
"""Bytes of one record: a broker takes a megabyte, unless it is told otherwise."""
_HEAD: Final = 256
_AT_ONCE: Final = 1_000
"""Lines of a piece."""
_GZIP: Final = b"\x1f\x8b"

_log = logging.getLogger(__name__)


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


class Tail:
    """What is new below `path`, but not below `apart`, where our own notes are: each would make a new
    one. `source` says what the records in a document are.
    """

    def __init__(
        self, source: Source, path: Path, places: dict[str, Place], apart: Path | None = None
    ) -> None:
        self._apart = apart and apart.resolve()
        self._source = source
        self._path = path
        self._seen = dict(places)
        self._troubled: set[str] = set()
        self.there: set[str] = set()
        """The files of the last time, by the names that pieces give them."""

    def pieces(self) -> Iterator[Piece]:
        """What came since the last time. A file that cannot be read is said, once, and left."""
        self.there = set()
        for path in below([self._path]):
            if self._apart is not None and path.resolve().is_relative_to(self._apart):
                continue
            try:
                yield from self._new_in(path)
            except OSError as why:
                self._trouble(path, str(why.strerror))

    def _new_in(self, path: Path) -> Iterator[Piece]:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            name = f"{status.st_dev}:{status.st_ino}"
            self.there.add(name)
            place = self._seen.get(name, Place(0, ""))
            if place.offset > status.st_size or not _same(file, place):
                place = Place(0, "")
            if status.st_size in (place.offset, place.size):
                return
            file.seek(0)
            if file.read(2) == _GZIP or not _by_lines(file):
                pieces = self._whole(file, path, name, status.st_size)
            else:
                pieces = self._lines(file, name, place)
            for piece in pieces:
                self._seen[name] = piece.place
                yield piece

    def _lines(self, file: IO[bytes], name: str, place: Place) -> Iterator[Piece]:
        offset, ended = place.offset, False
        while not ended:
            file.seek(offset)
            values: list[bytes] = []
            lost, before = 0, offset
            for _ in range(_AT_ONCE):
                line = file.readline(MAX_BYTES)
                if ended := not line.endswith(b"\n"):
                    break  # written to its end the next time
                offset += len(line)
                records, too_large = split(self._source, line)
                values += records
                lost += too_large
            if offset > before:
                yield Piece(values, lost, name, Place(offset, head(file, offset)))

    def _whole(self, file: IO[bytes], path: Path, name: str, size: int) -> Iterator[Piece]:
        file.seek(0)
        packed = file.read(2) == _GZIP
        file.seek(0)
        try:
            data = (gzip.GzipFile(fileobj=file) if packed else file).read(MAX_BYTES)
            found = list(documents(data))
        except (EOFError, zlib.error, gzip.BadGzipFile, Cut, UnicodeDecodeError, RecursionError):
            self._trouble(path, "no whole JSON is in it: it is read once its end is there")
            self._seen[name] = Place(0, "", size)
            return
        self._troubled.discard(str(path))
        values, too_large = _records(self._source, found)
        yield Piece(values, too_large, name, Place(size, head(file, size)))

    def _trouble(self, path: Path, why: str) -> None:
        if str(path) not in self._troubled:
            self._troubled.add(str(path))
            _log.warning("%s: %s", path, why)


def split(source: Source, data: bytes) -> tuple[list[bytes], int]:
    """The records of some bytes: as they are where they are small enough, else one by one; and how
    many are too large by themselves.
    """
    data = data.strip()
    if not data:
        return [], 0
    if len(data) <= MAX_RECORD:
        return [data], 0
    try:
        return _records(source, list(documents(data)))
    except (Cut, UnicodeDecodeError, RecursionError):
        return [], 1


def _records(source: Source, found: list[Any]) -> tuple[list[bytes], int]:
    values = [
        json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
        for document in found
        # What is none of this log's is sent all the same: the worker rejects it by its name.
        for record in (source.unwrap(document) or [document])
    ]
    fit = [value for value in values if len(value) <= MAX_RECORD]
    return fit, len(values) - len(fit)


def _by_lines(file: IO[bytes]) -> bool:
    """Whether the first line is a document of its own."""
    file.seek(0)
    line = file.readline(MAX_BYTES)
    if not line.endswith(b"\n"):
        return False
    try:
        return isinstance(json.loads(line), dict | str)
    except (ValueError, RecursionError):
        return False


def _same(file: IO[bytes], place: Place) -> bool:
    return not place.head or head(file, place.offset) == place.head


def head(file: IO[bytes], offset: int) -> str:
    """What a file is known by."""
    file.seek(0)
    return hashlib.sha256(file.read(min(offset, _HEAD))).hexdigest()
