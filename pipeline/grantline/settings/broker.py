"""What every client of a broker has in common: how long it relies on what it knows, and what is
said when no broker answers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

METADATA_MS: Final = 30_000
"""How old what is known of topics may be: partitions that are added are read within a minute."""
IDLE_MS: Final = 180_000
"""Connections that nobody uses are closed by us: clouds drop them after four minutes, in silence."""
PATIENCE: Final[Mapping[str, str | int | bool]] = {
    "topic.metadata.refresh.interval.ms": METADATA_MS,
    # librdkafka would have it three times the refresh interval, or 15 minutes.
    "metadata.max.age.ms": IDLE_MS,
    "connections.max.idle.ms": IDLE_MS,
    "socket.keepalive.enable": True,
}
"""The same for librdkafka's clients."""

_NOISE = re.compile(r"/bootstrap\b| \(after \d+ms in state \w+\)")


def silence(bootstrap: str, trouble: str) -> str:
    """`trouble` is what the Kafka client last complained of; it holds no secret."""
    return (
        f"no broker answers at {bootstrap} ({_NOISE.sub('', trouble) or 'no answer in time'}): is "
        "it running, and are GRANTLINE_BOOTSTRAP and, for TLS and passwords, GRANTLINE_KAFKA right?"
    )
