"""Messages of `delegation.rejected`: JSON, one rejection each (`schemas/json/rejected.v1.schema.json`).

They hold where the input came from and what was wrong with it, never the input itself. The only
encoder and the only decoder of that topic: what one writes the other reads.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from grantline.model.rejected import Reason, Rejected
from grantline.ports import RejectedRow

CONTENT_TYPE: Final = "application/json"


_Text = Annotated[str, msgspec.Meta(min_length=1)]
_Number = Annotated[int, msgspec.Meta(ge=0)]


class _Message(msgspec.Struct, kw_only=True, frozen=True):
    """The fields of `RejectedRow` as the schema has them; what else a message holds is ignored."""

    reason: Reason
    detail: _Text
    source_topic: _Text
    source_partition: _Number
    source_offset: _Number
    span_index: int
    trace_id: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")] | None = None
    span_id: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{16}$")] | None = None
    service: Annotated[str, msgspec.Meta(max_length=1024)] | None = None


_message = msgspec.json.Decoder(_Message).decode


class BadRejection(ValueError):
    """A record that is not a message of `delegation.rejected`."""


def row(index: int, rejected: Rejected, topic: str, partition: int, offset: int) -> RejectedRow:
    """One rejection with where it came from."""
    return RejectedRow(
        rejected.reason,
        rejected.detail,
        topic,
        partition,
        offset,
        index,
        rejected.trace_id,
        rejected.span_id,
        rejected.service,
    )


def encode(rejected: RejectedRow) -> bytes:
    """The message's value."""
    return msgspec.json.encode(rejected._asdict())


def key(rejected: RejectedRow) -> str:
    """The message's key, `<topic>/<partition>/<offset>` of the input."""
    return f"{rejected.source_topic}/{rejected.source_partition}/{rejected.source_offset}"


def headers(rejected: RejectedRow) -> list[tuple[str, str | bytes | None]]:
    """The message's Kafka headers: enough to route it, or to find its input, without a parser."""
    return [
        ("source_topic", rejected.source_topic),
        ("source_partition", str(rejected.source_partition)),
        ("source_offset", str(rejected.source_offset)),
        ("reason", rejected.reason),
        ("content-type", CONTENT_TYPE),
    ]


def _plain(why: Exception) -> str:
    """What was wrong. A reason that is none of ours is the one value that msgspec would quote."""
    text = str(why)
    return "unknown reason" if text.startswith("Invalid enum value") else text


def decode(data: bytes) -> RejectedRow:
    """The rejection in a message's value. Raises `BadRejection`, naming what is wrong."""
    try:
        message = _message(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as why:
        raise BadRejection(f"not a message of delegation.rejected: {_plain(why)}") from None
    return RejectedRow(**msgspec.structs.asdict(message))
