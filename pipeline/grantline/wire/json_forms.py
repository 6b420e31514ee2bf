"""What a record of JSON is: an OTLP request, or one of the forms in which other programs hand out the
same spans. One record may hold several documents.

Read are requests and single ResourceSpans, ScopeSpans and spans (also of OTLP before 0.15), arrays of
them (rotel), Tempo's answers (`batches`, `trace`), Jaeger's (`data`), and OTLP logs. OTLP metrics and
Zipkin are refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Final

import msgspec

from grantline.wire import jaeger_json, otlp_json, otlp_json_logs, zipkin
from grantline.wire.otlp_json_messages import NOTHING, mended
from grantline.wire.otlp_json_text import prune, spell
from grantline.wire.otlp_spans import MARK, Form, Found, Groups, Unusable

_BLANK: Final = b" \t\r\n"
_DEEPEST: Final = 6
"""Arrays and wrappers around a form."""
_MOST: Final = 65_536
"""Documents of one record."""
_MOST_REFUSED: Final = 16
"""Documents of one record that are refused each by itself."""
_TRAILING: Final = re.compile(r"trailing characters \(byte (\d+)\)")
_BETWEEN: Final = re.compile(rb"[\s,\x1e]*+")
"""What may stand between two documents: RFC 7464 has a record separator there."""
_METRICS: Final = "OTLP metrics, which tell of no delegation; send spans or logs"
_UNKNOWN: Final = "JSON without resourceSpans; send OTLP traces"
_UNPLACED: Final = (
    "JSON that holds delegation.operation.name, and no span where OTLP has one; send OTLP traces"
)

_array = msgspec.json.Decoder(list[msgspec.Raw]).decode
_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_syntax = msgspec.json.Decoder(msgspec.Raw).decode


def read(data: bytes) -> Found:
    """The spans of a record, form by form. Raises `Unusable` where nothing of it can be read."""
    text = mended(data)
    found = Found([], [])
    try:
        _document(text, found)
    except otlp_json.Broken:
        documents = _lines(text) or _in_a_row(text)
        if len(documents) < 2:
            raise
        if len(documents) > _MOST:
            raise Unusable("too_large", f"more than {_MOST} documents in one record") from None
        _each(documents, found)
    return found


def _each(documents: list[bytes], found: Found) -> None:
    refused = 0
    for number, document in enumerate(documents, 1):
        try:
            _document(document, found)
        except Unusable as why:
            refused += 1
            if refused < _MOST_REFUSED:
                detail = f"document {number} of {len(documents)}: {why.detail}"
                found.refused.append(Unusable(why.reason, detail))
    if refused >= _MOST_REFUSED:
        more = refused - _MOST_REFUSED + 1
        found.refused.append(Unusable("not_otlp", f"{more} more documents cannot be read, either"))


def _document(text: bytes, found: Found) -> None:
    """Reads one document. Raises `Unusable`."""
    try:
        _parse(text, found)
    except otlp_json.Broken:
        spelt = spell(text)
        if spelt == text:
            raise
        _parse(spelt, found)


def _parse(text: bytes, found: Found) -> None:
    if text.lstrip(_BLANK)[:1] == b"{":
        groups = otlp_json.split(text)
        if groups is not None and (any(spans for _, spans in groups) or MARK not in text):
            found.parts.append((otlp_json, groups))
            return
    before, parts, refused = found.spans, len(found.parts), len(found.refused)
    try:
        try:
            _form(text, found, 0)
        except RecursionError:
            _form(prune(text), found, 0)
    except RecursionError:
        raise Unusable("too_deep", "the JSON is nested too deeply") from None
    except msgspec.ValidationError as why:
        raise Unusable(
            "not_otlp", f"JSON, but not as OTLP, Tempo or Jaeger have it: {why}"
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as why:
        raise otlp_json.broken(text, why) from None
    if found.spans == before and len(found.refused) == refused:
        if MARK in text:
            raise Unusable("not_otlp", _UNPLACED)
        if len(found.parts) == parts:
            raise Unusable("not_otlp", _UNKNOWN)


def _form(text: bytes, found: Found, depth: int) -> None:
    head = text.lstrip(_BLANK)[:1]
    if depth > _DEEPEST:
        raise Unusable("too_deep", "an array in an array; send OTLP traces")
    if head == b"[":
        for item in _array(text):
            _form(bytes(item), found, depth + 1)
        return
    if head != b"{":
        raise Unusable("not_otlp", _UNKNOWN)
    body = {name: bytes(raw) for name, raw in _object(text).items() if bytes(raw) != NOTHING}
    forms = list(_named(body, text))
    for form, groups in forms:
        found.parts.append((form, groups))
    wrapped = [body[name] for name in _WRAPPERS if name in body and body[name][:1] in b"[{"]
    for inner in wrapped:
        _form(inner, found, depth + 1)
    if any(name in body for name in ("resourceMetrics", "scopeMetrics")):
        found.refused.append(Unusable("not_otlp", _METRICS))
    elif not forms and not wrapped:
        raise Unusable("not_otlp", zipkin.JSON if body.keys() >= _ZIPKINS else _UNKNOWN)


def _named(body: Mapping[str, bytes], text: bytes) -> Iterator[tuple[Form, Groups]]:
    """What the names in an object say that it holds."""
    for name, form, groups_of in _LISTS:
        for item in _array(body[name]) if name in body else ():
            yield form, groups_of(bytes(item))
        # Named and empty: nothing, and known to be.
        if name in body:
            yield form, []
    if body.keys() & {"scopeSpans", "instrumentationLibrarySpans"}:
        yield otlp_json, otlp_json.groups_of(text)
    if body.keys() & {"scopeLogs", "instrumentationLibraryLogs"}:
        yield otlp_json_logs, otlp_json_logs.groups_of(text)
    if "logRecords" in body:
        yield otlp_json_logs, [(b"null", [bytes(raw) for raw in _array(body["logRecords"])])]
    if "spans" in body:
        spans = [bytes(raw) for raw in _array(body["spans"])]
        if "processes" in body or any(b'"traceID"' in span for span in spans[:1]):
            yield jaeger_json, jaeger_json.groups_of(text)
        else:
            yield otlp_json, [(b"null", spans)]
    yield from _single(body, text)


def _single(body: Mapping[str, bytes], text: bytes) -> Iterator[tuple[Form, Groups]]:
    """A span or a log record by itself."""
    if body.keys() & _OF_LOGS and "attributes" in body:
        yield otlp_json_logs, [(b"null", [text])]
    elif body.keys() >= {"traceID", "spanID"} or (
        body.keys() >= {"traceId", "spanId"} and body.keys() & _OF_JAEGER
    ):
        yield jaeger_json, jaeger_json.alone(text)
    elif body.keys() >= {"traceId", "spanId"}:
        yield otlp_json, [(b"null", [text])]


_LISTS: Final[tuple[tuple[str, Form, Callable[[bytes], Groups]], ...]] = (
    ("resourceSpans", otlp_json, otlp_json.groups_of),
    ("batches", otlp_json, otlp_json.groups_of),
    ("resourceLogs", otlp_json_logs, otlp_json_logs.groups_of),
)
_WRAPPERS: Final = ("trace", "traces", "result", "data")
_OF_LOGS: Final = {"timeUnixNano", "observedTimeUnixNano", "severityNumber", "severityText"}
_OF_JAEGER: Final = {"operationName", "startTime", "tags", "process"}
_ZIPKINS: Final = {"traceId", "id"}


def _lines(text: bytes) -> list[bytes]:
    """The lines of JSON lines, also where some of them are broken; none where it is no such text."""
    stripped = (line.rstrip(_BLANK + b",") for line in text.splitlines())
    lines = list(islice((line for line in stripped if line.strip(_BLANK)), _MOST + 1))
    if not all(line.lstrip(_BLANK)[:1] in (b"{", b"[") for line in lines):
        return []
    return lines if any(map(_is_json, lines)) else []


def _is_json(line: bytes) -> bool:
    try:
        _syntax(line)
    except msgspec.DecodeError:
        return False
    except RecursionError:
        return True
    return True


def _in_a_row(text: bytes) -> list[bytes]:
    """Documents one behind the other; the last one may be broken."""
    found: list[bytes] = []
    at, view = 0, memoryview(text)
    while (between := _BETWEEN.match(text, at)) and (at := between.end()) < len(text):
        end = len(text)
        try:
            _syntax(view[at:])
        except (msgspec.DecodeError, RecursionError) as why:
            if match := _TRAILING.search(str(why)):
                end = at + int(match[1]) - 1  # it counts from 1
        if end == at:
            break
        found.append(text[at:end])
        at = end
        if len(found) > _MOST:
            break
    return found
