"""Which partition a key belongs to: Kafka's murmur2, the same in every producer.

Source: org.apache.kafka.common.utils.Utils.murmur2 and DefaultPartitioner (`toPositive`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from struct import unpack_from

from grantline.compiled import compiled

_M = 0x5BD1E995
_MASK = 0xFFFFFFFF


def _murmur2(data: bytes) -> int:
    length = len(data)
    h = 0x9747B28C ^ length
    for k in unpack_from(f"<{length >> 2}I", data):
        k = (k * _M) & _MASK  # noqa: PLW2901 (as the original has it)
        h = ((h * _M) & _MASK) ^ (((k ^ (k >> 24)) * _M) & _MASK)
    rest = length & 3
    if rest:
        h ^= int.from_bytes(data[-rest:], "little")
        h = (h * _M) & _MASK
    h ^= h >> 13
    h = (h * _M) & _MASK
    return h ^ (h >> 15)


@lru_cache(maxsize=65_536)
def _partition_of(key: str, partitions: int) -> int:
    """Cached, because chains repeat their root."""
    return (_murmur2(key.encode("utf-8", "surrogatepass")) & 0x7FFFFFFF) % partitions


_compiled = compiled("grantline.lineage._murmur2")

murmur2: Callable[[bytes], int] = _murmur2 if _compiled is None else _compiled.murmur2
"""The unsigned 32-bit murmur2 hash of bytes, seed 0x9747b28c, as Kafka's Java client has it."""

partition_of: Callable[[str, int], int] = (
    _partition_of if _compiled is None else _compiled.partition_of
)
"""The partition of a key among so many."""
