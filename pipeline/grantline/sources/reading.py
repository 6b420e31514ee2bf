"""Bytes of a log -> hops, rejections, and how many records told of no delegation. Never raises."""

from __future__ import annotations

from collections.abc import Mapping

from grantline.model.hop import Hop
from grantline.model.rejected import Rejected
from grantline.sources.documents import MAX_BYTES, Cut, documents
from grantline.sources.source import Origin, Source, Taken, Unreadable

_WHOLE = -1


def read(source: Source, data: bytes, origin: Origin) -> Taken:
    """What `data` holds, each record accounted for; one bad record costs no other."""
    hops: list[Hop] = []
    rejected: list[tuple[int, Rejected]] = []
    passed_over = number = 0
    if len(data) > MAX_BYTES:
        return Taken([], [(_WHOLE, Rejected("too_large", f"more than {MAX_BYTES} bytes"))], 0)
    try:
        for document in documents(data):
            records = source.unwrap(document)
            if records is None:
                rejected.append((number, _foreign(source)))
                number += 1
                continue
            for record in records:
                found = _one(source, record, origin)
                if isinstance(found, Rejected):
                    rejected.append((number, found))
                elif found:
                    hops += found
                else:
                    passed_over += 1
                number += 1
    except Cut as why:
        rejected.append((number, Rejected("truncated", str(why))))
    except UnicodeDecodeError as why:
        detail = f"the log is not UTF-8 at byte {why.start}"
        rejected.append((_WHOLE, Rejected("bad_encoding", detail)))
    except RecursionError:
        rejected.append((number, Rejected("too_deep", "nested too deeply to be read")))
    return Taken(hops, rejected, passed_over)


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
