"""Follows a folder of logs, or one file: what is new in them, and where that was.

A file that holds a document a line is read as it grows; any other (one document, an array, gzip) once its
end is there, or once a minute has brought none. Every piece comes with its place, for its reader to keep
once it was delivered.

A file is known by its inode and its first bytes. One that was renamed is read to its end under any name,
one that was deleted through the handle that is held of it, and one that was copied and cut (`copytruncate`)
from its copy, where that lies beside it; where it does not, this is said.
"""

from __future__ import annotations

import gzip
import json
import logging
import os
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from grantline.commands.pieces import MAX_RECORD, Piece, Place, as_it_is, head, records, split
from grantline.sources import Source, below, is_line
from grantline.sources.documents import MAX_BYTES, Cut, documents

_AT_ONCE: Final = 1_000
"""Lines of a piece."""
_LOOKED_AT: Final = 5
"""Lines in which a whole document is looked for, where the first is torn."""
_GZIP: Final = b"\x1f\x8b"
_HELD: Final = 256
"""Handles of files that are read by lines: the last that grew."""
_LATE_SECONDS: Final = 60.0
"""How long the end of a document, or of a file that is gone, is waited for."""

_log = logging.getLogger(__name__)


class Tail:
    """What is new below `path`, but not below `apart`, where our own notes are: each would make a new
    one. `source` says what the records in a document are; `late` is in seconds.
    """

    def __init__(
        self,
        source: Source,
        path: Path,
        places: dict[str, Place],
        apart: Path | None = None,
        late: float = _LATE_SECONDS,
    ) -> None:
        self._apart = apart and apart.resolve()
        self._source = source
        self._path = path
        self._late = late
        self._seen = dict(places)
        self._held: dict[str, IO[bytes]] = {}
        """Of files that are read by lines, the one that grew last at the end."""
        self._gone: dict[str, float] = {}
        """Held, and under no name any more -> when something came last."""
        self._troubled: set[str] = set()
        self.there: set[str] = set()
        """The files of the last time, by the names that pieces give them."""

    def pieces(self) -> Iterator[Piece]:
        """What came since the last time. A file that cannot be read is said, once, and left."""
        self.there = set()
        looked, others = below([self._path])
        for path in others:
            self._trouble(path, "left out, for its name is no log's: name the file to have it sent")
        yield from self._of(looked)
        if not self._seen.keys() <= self.there:
            yield from self._of(self._renamed(set(looked)))
        for name in self._held.keys() - self.there:
            yield from self._rest_of(name)
        self._seen = {name: at for name, at in self._seen.items() if name in self.there}

    def close(self) -> None:
        """Lets go of all handles."""
        while self._held:
            self._held.popitem()[1].close()

    def _of(self, paths: list[Path]) -> Iterator[Piece]:
        for path in paths:
            if self._apart is not None and path.resolve().is_relative_to(self._apart):
                continue
            try:
                yield from self._new_in(path)
            except OSError as why:
                self._trouble(path, str(why.strerror))

    def _renamed(self, looked: set[Path]) -> list[Path]:
        """Files that were read before, and now have names that are none of a log's, or of another."""
        inside = self._path.rglob("*") if self._path.is_dir() else self._path.parent.iterdir()
        return [one for one in inside if one not in looked and _name(one) in self._seen]

    def _new_in(self, path: Path) -> Iterator[Piece]:
        file = path.open("rb")
        name = _name_of(os.fstat(file.fileno()))
        try:
            self.there.add(name)
            self._gone.pop(name, None)
            for piece in self._read(file, path, name):
                self._seen[name] = piece.place
                yield piece
        finally:
            if self._held.get(name) is not file:
                file.close()

    def _read(self, file: IO[bytes], path: Path, name: str) -> Iterator[Piece]:
        status = os.fstat(file.fileno())
        place = self._seen.get(name, Place(0, ""))
        if place.offset > status.st_size or not _same(file, place):
            yield from self._from_copy(path, place)
            place = Place(0, "")
        file.seek(0)
        by_lines = file.read(2) != _GZIP and _by_lines(self._source, file)
        if by_lines and (name not in self._held or status.st_size != place.offset):
            self._hold(name, file)
        late = place.size >= 0 and place.offset == 0 and status.st_mtime < time.time() - self._late
        if status.st_size == place.offset or (status.st_size == place.size and not late):
            return
        self._troubled.discard(str(path))
        if by_lines:
            yield from self._lines(file, path, name, place)
        else:
            yield from self._whole(file, path, name, status.st_size, late)

    def _hold(self, name: str, file: IO[bytes]) -> None:
        if (before := self._held.pop(name, None)) is not None:
            before.close()
        self._held[name] = file
        while len(self._held) > _HELD:
            self._held.pop(next(iter(self._held))).close()

    def _from_copy(self, path: Path, place: Place) -> Iterator[Piece]:
        """What was not read of a file before it was cut: its copy begins as it did."""
        for copy in sorted(path.parent.iterdir()):
            if copy == path or not copy.name.startswith(path.name) or not copy.is_file():
                continue
            with copy.open("rb") as file:
                status = os.fstat(file.fileno())
                if status.st_size < place.offset or not _same(file, place):
                    continue
                name = _name_of(status)
            self._seen.setdefault(name, place)
            yield from self._new_in(copy)
            return
        _log.warning(
            "%s was cut after %d bytes of it had been read: what was written between, if anything was, is "
            "lost here; let it be rotated by renaming, or keep its copy beside it",
            *(path, place.offset),
        )

    def _rest_of(self, name: str) -> Iterator[Piece]:
        """Of a file that was deleted: whoever writes it may still do so for a while."""
        file, place = self._held[name], self._seen[name]
        self.there.add(name)
        since = self._gone.setdefault(name, time.monotonic())
        for piece in self._lines(file, self._path, name, place):
            self._gone[name] = time.monotonic()
            self._seen[name] = place = piece.place
            yield piece
        if time.monotonic() - since < self._late or self._gone[name] != since:
            return
        file.seek(place.offset)
        values, too_large = as_it_is(file.read(MAX_RECORD + 1).strip())
        if values or too_large:
            yield Piece(values, too_large, name, Place(file.tell(), place.head))
        del self._gone[name]
        self._held.pop(name).close()
        self.there.discard(name)

    def _lines(self, file: IO[bytes], path: Path, name: str, place: Place) -> Iterator[Piece]:
        offset, ended = place.offset, False
        while not ended:
            file.seek(offset)
            values: list[bytes] = []
            lost, before = 0, offset
            for _ in range(_AT_ONCE):
                line = file.readline(MAX_BYTES)
                if ended := not line.endswith(b"\n"):
                    if len(line) == MAX_BYTES:
                        self._trouble(path, f"a line is longer than {MAX_BYTES} bytes: cut it")
                    if not _is_document(line):
                        break  # written to its end the next time
                offset += len(line)
                fit, too_large = split(self._source, line)
                values += fit
                lost += too_large
                if ended:
                    break
            if offset > before:
                yield Piece(values, lost, name, Place(offset, head(file, offset)))

    def _whole(
        self, file: IO[bytes], path: Path, name: str, size: int, late: bool
    ) -> Iterator[Piece]:
        data, complete = _unpacked(file)
        found, rest = [], b""
        try:
            for document in documents(data, self._source.line):
                found.append(document)  # noqa: PERF402 - what stands before a cut is good
        except Cut as why:
            complete, rest = False, why.rest.encode("utf-8", "replace")
        except (UnicodeDecodeError, RecursionError):
            complete, rest = False, data
        if not complete and not late:
            self._trouble(path, f"no whole JSON: its end is waited for, {self._late:g} s")
            self._seen[name] = Place(0, "", size)
            return
        values, too_large = records(self._source, found)
        if rest or not complete:
            self._trouble(
                path, "cut off or damaged: what is whole is sent, and the rest to be rejected"
            )
            values.append(rest[:MAX_RECORD] or b"{")
        yield Piece(values, too_large, name, Place(size, head(file, size)))

    def _trouble(self, path: Path, why: str) -> None:
        if (said := f"{path}: {why}") not in self._troubled:
            self._troubled.add(said)
            _log.warning("%s", said)


def _unpacked(file: IO[bytes]) -> tuple[bytes, bool]:
    """What the file holds, as far as it can be unpacked, and whether that is all of it."""
    file.seek(0)
    packed = file.read(2) == _GZIP
    file.seek(0)
    if not packed:
        return file.read(MAX_BYTES), True
    found = bytearray()
    try:
        with gzip.GzipFile(fileobj=file) as stream:
            while len(found) < MAX_BYTES and (part := stream.read1(1 << 16)):
                found += part
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return bytes(found), False
    return bytes(found), True


def _by_lines(source: Source, file: IO[bytes]) -> bool:
    """Whether a line is a document of its own. The first may be torn, as a rotation leaves it, where it does
    not open what later lines close.
    """
    file.seek(0)
    first = line = file.readline(MAX_BYTES)
    if first.endswith(b"\n") and (_is_document(first) or is_line(source, first)):
        return True
    if first.strip()[-1:] in (b"[", b"{", b",", b":"):
        return False
    for _ in range(_LOOKED_AT):
        line = file.readline(MAX_BYTES)
        if not line.endswith(b"\n"):
            return False
        if line.startswith(b"{") and _is_document(line):
            return True
    return False


def _is_document(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict | str)
    except (ValueError, RecursionError):
        return False


def _same(file: IO[bytes], place: Place) -> bool:
    return not place.head or head(file, place.offset) == place.head


def _name(path: Path) -> str:
    try:
        return _name_of(path.stat())
    except OSError:
        return ""


def _name_of(status: os.stat_result) -> str:
    return f"{status.st_dev}:{status.st_ino}"
