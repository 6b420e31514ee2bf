"""Files of logs -> hops, for replay without Kafka: gzip or not, whole or a document a line. The one
place in `sources` that opens files.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import IO, Final, cast

from grantline.model.rejected import Rejected
from grantline.sources.documents import MAX_BYTES
from grantline.sources.reading import read
from grantline.sources.source import Origin, Source, Taken

_GZIP: Final = b"\x1f\x8b"
_NAMES: Final = frozenset({"json", "jsonl", "ndjson", "log", "txt", "gz"})
"""One of them is somewhere in the name of a log that has an extension: `app.log.1`, `trail.json.gz.2`."""

Numbered = tuple[int, Taken]
"""The number of a line (a document a line) or 1 (anything else), and what it held."""


def below(paths: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """The files themselves, and the logs anywhere below the folders among `paths`, in the order of their
    names: how an S3 bucket of CloudTrail looks once it was copied. And what is left out there: hidden
    files, and those with an extension that is none of a log's. Whoever names one has it read.
    """
    found: list[Path] = []
    others: list[Path] = []
    for path in paths:
        if path.is_dir():
            for one in sorted(path.rglob("*")):
                if one.is_file():
                    (found if _is_log(one.name) else others).append(one)
        else:
            found.append(path)
    return found, others


def _is_log(name: str) -> bool:
    first, *parts = name.lower().split(".")
    return bool(first) and (not parts or not _NAMES.isdisjoint(parts))


def read_file(source: Source, path: Path, origin: Origin) -> Iterator[Numbered]:
    """What the file at `path` held. A document a line is read one at a time, so that such a file may
    be of any length.

    Raises:
        OSError: the file cannot be opened or read.
    """
    with path.open("rb") as raw:
        packed = raw.read(2) == _GZIP
        raw.seek(0)
        number = 0
        with gzip.open(raw) if packed else raw as stream:
            try:
                for number, taken in _documents(source, cast(IO[bytes], stream), origin):
                    yield number, taken
            except (EOFError, zlib.error, gzip.BadGzipFile):
                why = Rejected("truncated", "the gzip file is broken, or cut off here")
                yield number + 1, Taken([], [(-1, why)], 0)


def _documents(source: Source, stream: IO[bytes], origin: Origin) -> Iterator[Numbered]:
    first = stream.readline(MAX_BYTES + 1)
    if not first:
        return  # a log of which nothing was written yet
    if not _whole(source, first):
        yield 1, read(source, first + stream.read(MAX_BYTES + 1 - len(first)), origin)
        return
    for number, line in enumerate(chain([first], stream), 1):
        if line.strip():
            yield number, read(source, line, origin)


def _whole(source: Source, line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return is_line(source, line)
    except RecursionError:
        return True
    return True


def is_line(source: Source, line: bytes) -> bool:
    """Whether this is a line of the log, and no JSON."""
    if source.line is None:
        return False
    try:
        return source.line(line.decode("utf-8-sig").strip()) is not None
    except UnicodeDecodeError:
        return False
