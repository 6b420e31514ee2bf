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
_NAMES: Final = (".json", ".jsonl", ".ndjson", ".log", ".txt", ".gz")

Numbered = tuple[int, Taken]
"""The number of a line (a document a line) or 1 (anything else), and what it held."""


def below(paths: Iterable[Path]) -> list[Path]:
    """The files themselves, and those anywhere below the folders among `paths`, in the order of their
    names: how an S3 bucket of CloudTrail looks once it was copied.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = (one for one in path.rglob("*") if one.suffix in _NAMES and one.is_file())
            found += sorted(inside)
        else:
            found.append(path)
    return found


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
    if not _whole(first):
        yield 1, read(source, first + stream.read(MAX_BYTES + 1 - len(first)), origin)
        return
    for number, line in enumerate(chain([first], stream), 1):
        if line.strip():
            yield number, read(source, line, origin)


def _whole(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    except RecursionError:
        return True
    return True
