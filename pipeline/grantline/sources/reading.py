"""Bytes of a log -> hops, rejections, and how many records told of no delegation. Never raises."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Mapping
from typing import Any

from grantline.model.hop import Hop
from grantline.model.rejected import Rejected
from grantline.sources.documents import MAX_BYTES, Cut, NoJson, documents
from grantline.sources.source import Origin, Source, Taken, Unreadable

_WHOLE = -1
_GZIP = b"\x1f\x8b"
_MAX_TORN = 100
_MAX_UNPACKED = 64 << 20
"""Bytes of one record. Files are unpacked by whoever reads them, as they are read."""


def read(source: Source, data: bytes, origin: Origin) -> Taken:
    """What `data` holds, each record accounted for; one bad record costs no other."""
    whole = _plain(data)
    if isinstance(whole, Rejected):
        return Taken([], [(_WHOLE, whole)], 0)
    account = _Account(source, origin)
    try:
        for _ in range(_MAX_TORN):
            if not (whole := account.documents(whole)):
                break
        else:
            account.refuse(
                Rejected("truncated", f"torn at more than {_MAX_TORN} places: not read on")
            )
    except UnicodeDecodeError as why:
        detail = f"the log is not UTF-8 at byte {why.start}"
        account.rejected.append((_WHOLE, Rejected("bad_encoding", detail)))
    except RecursionError:
        account.refuse(Rejected("too_deep", "nested too deeply to be read"))
    return Taken(account.hops, account.rejected, account.passed_over)


def _plain(data: bytes) -> bytes | Rejected:
    """The same, unpacked where it was packed: S3 and CloudWatch hand logs on as gzip."""
    limit = MAX_BYTES
    if data[:2] == _GZIP:
        limit = _MAX_UNPACKED
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
                data = packed.read(limit + 1)
        except (EOFError, OSError, zlib.error):
            return Rejected("truncated", "the gzip is broken, or cut off")
    if len(data) > limit:
        return Rejected("too_large", f"more than {limit} bytes")
    return data if data.strip() else Rejected("not_otlp", "the record is empty")


class _Account:
    """What became of each record so far."""

    def __init__(self, source: Source, origin: Origin) -> None:
        self._source = source
        self._origin = origin
        self._number = 0
        self.hops: list[Hop] = []
        self.rejected: list[tuple[int, Rejected]] = []
        self.passed_over = 0

    def documents(self, data: bytes) -> bytes:
        """Each document, up to one that is torn, and what follows that: a torn one costs no other that
        begins on a line of its own.
        """
        try:
            for document in documents(data, self._source.line):
                self._document(document)
        except Cut as why:
            self.refuse(self._torn(why))
            at = why.rest.find("\n{")
            return b"" if at < 0 else why.rest[at:].encode()
        return b""

    def _torn(self, why: Cut) -> Rejected:
        if isinstance(why, NoJson):
            said = _foreign(self._source).detail
            return Rejected("not_otlp", f"{why}; {said}", service=self._source.name)
        return Rejected("truncated", str(why))

    def _document(self, document: Any) -> None:
        """The records in a document. One that is none of this log's counts for one, and so does an envelope
        with nothing in it.
        """
        records = self._source.unwrap(document)
        if records is None:
            self.refuse(_foreign(self._source))
            return
        before = self._number
        for record in records:
            self._record(record)
        if self._number == before:
            self.passed_over += 1

    def _record(self, record: object) -> None:
        found = _one(self._source, record, self._origin)
        if isinstance(found, Rejected):
            self.refuse(found)
            return
        self.hops += found
        self.passed_over += not found
        self._number += 1

    def refuse(self, why: Rejected) -> None:
        self.rejected.append((self._number, why))
        self._number += 1


def _one(source: Source, record: object, origin: Origin) -> list[Hop] | Rejected:
    if not isinstance(record, Mapping):
        return _foreign(source)
    try:
        return list(source.read(record, origin))
    except Unreadable as why:
        return Rejected(why.reason, why.detail, service=source.name)


def _foreign(source: Source) -> Rejected:
    return Rejected(
        "not_otlp", f"this is no record of {source.name}: {source.about}", service=source.name
    )
