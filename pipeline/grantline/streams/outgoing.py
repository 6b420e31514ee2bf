"""One record on its way out."""

from __future__ import annotations

from typing import NamedTuple

MAX_RECORD_BYTES = 1_000_000
"""Kafka's own default limit of a record is 1,048,588 bytes with its overhead."""


class Outgoing(NamedTuple):
    """One record for one partition."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes
    headers: list[tuple[str, str | bytes | None]]
