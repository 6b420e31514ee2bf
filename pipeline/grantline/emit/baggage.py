"""Four facts in a W3C `baggage` header, and in no other part of it (convention 1.7).

On the wire a member is `key=value;property;...`; a value is percent-encoded UTF-8 and a plus is a
plus (W3C Baggage 3.3.1). Baggage is unauthenticated: what is read is bounded and validated, what
does not fit counts as absent, and no part of it is ever logged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, unquote

from grantline.emit.canonical import ID_PATTERN
from grantline.emit.clean import Notes, scrub
from grantline.emit.delegation import Delegation

HEADER: Final = "baggage"
ID: Final = "delegation.id"
ROOT: Final = "delegation.root.id"
DEPTH: Final = "delegation.depth"
TASK: Final = "delegation.task.id"
KEYS: Final = (ID, ROOT, DEPTH, TASK)
"""The members, named as the attributes they become."""
MAX_HEADER: Final = 8192
"""Characters of a header that are read, and that are written (W3C Baggage 3.3.2)."""
_MAX_TASK: Final = 256
_MAX_DEPTH: Final = 10_000
_OWS: Final = " \t"


class _Silent:
    def note(self, what: str, detail: str) -> None:
        """Reading hostile baggage is nobody's mistake here."""


SILENT: Final = _Silent()


def read(text: str) -> dict[str, str]:
    """Our members of a header's value, decoded; of two with one key the later, as every SDK has it."""
    found = {}
    for member in _list(text):
        name, equals, value = member.partition("=")
        key = unquote(name).strip()
        if equals and key in KEYS:
            found[key] = unquote(value.partition(";")[0].strip(_OWS))
    return found


def merged(text: str, told: Mapping[str, str], notes: Notes = SILENT) -> str:
    """A header's value with these members of ours, and everybody else's as they were.

    Others come first: where all together would be too long, it is ours that stay out.
    """
    others = [member for member in text.split(",") if member.strip() and not _is_ours(member)]
    # Every byte that is not unreserved is encoded, the plus too: peers that take the header for
    # a form (Python's and Java's stock propagators do) read the same text.
    ours = [f"{key}={quote(value, safe='')}" for key, value in told.items()]
    whole = ",".join([*others, *ours])
    if ours and len(whole) > MAX_HEADER:
        notes.note("truncated", "no room for the delegation in a baggage header that is full")
        return ",".join(others)
    return whole


def members(delegation: Delegation, notes: Notes = SILENT) -> dict[str, str]:
    """What may travel of a delegation: ids, and nothing that looks like a token."""
    found = {
        ID: _fit_id(delegation.id, notes),
        ROOT: _fit_id(delegation.root_id, notes),
        DEPTH: None if delegation.depth is None else str(delegation.depth),
        TASK: _fit_task(delegation.task_id, notes),
    }
    return {key: value for key, value in found.items() if value is not None}


def told_by(members: Mapping[str, object], notes: Notes = SILENT) -> Delegation | None:
    """The delegation that members tell of; malformed ones count as absent."""
    if not members:
        return None
    depth = members.get(DEPTH)
    digits = str(depth) if depth is not None else ""
    small = digits.isascii() and digits.isdigit() and len(digits) <= len(str(_MAX_DEPTH))
    told = Delegation(
        id=_fit_id(members.get(ID), notes),
        root_id=_fit_id(members.get(ROOT), notes),
        depth=int(digits) if small and int(digits) <= _MAX_DEPTH else None,
        task_id=_fit_task(members.get(TASK), notes),
    )
    return told if told.id or told.task_id else None


def texts_of(carrier: Any) -> dict[str, str]:
    """The text in a carrier by lower-case name: HTTP headers, gRPC metadata, MCP `_meta`, Kafka
    headers; a mapping or pairs, text or bytes, one value or several (joined, RFC 9110 5.3).
    """
    found: dict[str, str] = {}
    for name, value in _pairs(carrier):
        name_of, texts = _text(name), _texts(value)
        if name_of is not None and texts:
            key = name_of.lower()
            found[key] = ",".join([found[key], *texts] if key in found else texts)
    return found


def _pairs(carrier: Any) -> list[tuple[Any, Any]]:
    if isinstance(carrier, Mapping):
        return list(carrier.items())
    if isinstance(carrier, (list, tuple)):
        return [
            (pair[0], pair[1]) for pair in carrier if isinstance(pair, tuple) and len(pair) == 2
        ]
    return []


def _texts(value: Any) -> list[str]:
    values = value if isinstance(value, (list, tuple)) else (value,)
    return [text for text in map(_text, values) if text is not None]


def _text(value: Any) -> str | None:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value if isinstance(value, str) else None


def _list(text: str) -> list[str]:
    """The members of a header, up to its limit; what the limit cuts in two is none."""
    if len(text) > MAX_HEADER:
        text = text[:MAX_HEADER].rpartition(",")[0]
    return text.split(",")


def _is_ours(member: str) -> bool:
    """Also where it is malformed: what we would not read, another might."""
    return unquote(member.partition("=")[0].partition(";")[0]).strip() in KEYS


def _fit_id(value: object, notes: Notes) -> str | None:
    if not isinstance(value, str) or not ID_PATTERN.fullmatch(value):
        return None
    return value if scrub(value, notes) == value else None


def _fit_task(value: object, notes: Notes) -> str | None:
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_TASK or not value.isprintable():
        return None
    return value if scrub(value, notes) == value else None
