"""What is packed, by the digest of its key: a map of some 50 bytes an entry, not 110.

Linear hashing (Litwin, "Linear hashing: a new tool for file and table addressing", VLDB 1980): the
digests of a bucket lie one after the other in its bytes, where searching is C's business, and the
table grows by one bucket at a time, so that no entry pays for moving all the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from struct import Struct
from typing import Final

DIGEST: Final = 16
_ENTRY: Final = DIGEST + 4
"""A digest and the number of its value."""
_LOAD: Final = 32
"""Entries a bucket, on average: more make searching longer, fewer make the table larger."""
_FIRST: Final = 8
"""Buckets of an empty table; a power of two."""
_number = Struct("<I")


def digest(key: str) -> bytes:
    """128 bits of BLAKE2b (RFC 7693): whoever chooses keys finds no two that meet."""
    return blake2b(key.encode("utf-8", "surrogatepass"), digest_size=DIGEST).digest()


class Digests:
    """Bytes by digest."""

    def __init__(self) -> None:
        self._buckets = [bytearray() for _ in range(_FIRST)]
        self._mask = _FIRST - 1
        self._split = 0
        """The next bucket to be split in two; those before it are, and their twins are at the end."""
        self._values: list[bytes] = []
        self._free: list[int] = []
        """Numbers of values that are gone."""
        self._room = _FIRST * _LOAD
        """Entries more before the table grows."""

    def __len__(self) -> int:
        return len(self._values) - len(self._free)

    def __setitem__(self, name: bytes, value: bytes) -> None:
        bucket = self._buckets[self._place(name)]
        at = bucket.find(name)
        if at > 0 and at % _ENTRY:
            at = _next_entry(bucket, name, at)
        if at >= 0:
            self._values[_number_at(bucket, at)] = value
            return
        if self._free:
            number = self._free.pop()
            self._values[number] = value
        else:
            number = len(self._values)
            self._values.append(value)
        bucket += name + _number.pack(number)
        self._room -= 1
        if self._room < 0:
            self._grow()

    def get(self, name: bytes) -> bytes | None:
        bucket = self._buckets[self._place(name)]
        at = bucket.find(name)
        if at > 0 and at % _ENTRY:
            at = _next_entry(bucket, name, at)
        return None if at < 0 else self._values[_number_at(bucket, at)]

    def pop(self, name: bytes) -> bytes | None:
        """The value of `name`, which is gone from then on."""
        bucket = self._buckets[self._place(name)]
        at = bucket.find(name)
        if at > 0 and at % _ENTRY:
            at = _next_entry(bucket, name, at)
        if at < 0:
            return None
        number = _number_at(bucket, at)
        # The last one takes its place.
        bucket[at : at + _ENTRY] = bucket[-_ENTRY:]
        del bucket[-_ENTRY:]
        value, self._values[number] = self._values[number], b""
        self._free.append(number)
        self._room += 1
        return value

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """All of it, in no order."""
        for bucket in self._buckets:
            for at in range(0, len(bucket), _ENTRY):
                yield bytes(bucket[at : at + DIGEST]), self._values[_number_at(bucket, at)]

    def _place(self, name: bytes | bytearray) -> int:
        # Any four bytes of a digest are a hash.
        hashed = int.from_bytes(name[:4], "little")
        place = hashed & self._mask
        return place if place >= self._split else hashed & (2 * self._mask + 1)

    def _grow(self) -> None:
        """One bucket more: half of what is in the next one to be split."""
        whole = self._buckets[self._split]
        self._buckets[self._split] = bytearray()
        self._buckets.append(bytearray())
        self._room += _LOAD
        self._split += 1
        for at in range(0, len(whole), _ENTRY):
            entry = whole[at : at + _ENTRY]
            self._buckets[self._place(entry)] += entry
        if self._split > self._mask:
            self._mask, self._split = 2 * self._mask + 1, 0


def _next_entry(bucket: bytearray, name: bytes, at: int) -> int:
    """Where the entry of `name` begins, which also lies across two entries at `at`; -1 if nowhere."""
    while at > 0 and at % _ENTRY:
        at = bucket.find(name, at + 1)
    return at


def _number_at(bucket: bytearray, at: int) -> int:
    """The number of the value of the entry that begins at `at`."""
    return int.from_bytes(bucket[at + DIGEST : at + _ENTRY], "little")
