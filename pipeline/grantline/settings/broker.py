"""What is said when no broker answers: one sentence for every process, with the cure."""

from __future__ import annotations

import re

_NOISE = re.compile(r"/bootstrap\b| \(after \d+ms in state \w+\)")


def silence(bootstrap: str, trouble: str) -> str:
    """`trouble` is what the Kafka client last complained of; it holds no secret."""
    return (
        f"no broker answers at {bootstrap} ({_NOISE.sub('', trouble) or 'no answer in time'}): is "
        "it running, and are GRANTLINE_BOOTSTRAP and, for TLS and passwords, GRANTLINE_KAFKA right?"
    )
