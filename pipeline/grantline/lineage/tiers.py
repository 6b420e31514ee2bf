"""Live state by key: what was touched lately as objects, the rest packed.

A chain that nobody speaks of for a while costs its packed bytes and an entry of a dictionary, and
is made an object again by the next hop that names it. Packing and unpacking give back an equal
state, so nothing here changes what is known. Pure, and without a clock: time is a parameter.

Objects are held in the order in which they were last touched, and packed when as many hops were taken
in since as may stay unpacked: a little with every sweep, so that no hop pays for all of them. Packed
state is found by a digest of its key (`lineage.digests`).
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from struct import Struct
from typing import Generic, NamedTuple, Protocol, TypeVar

from grantline.lineage.compression import Compression
from grantline.lineage.digests import Digests, digest
from grantline.lineage.ends import Ends

PACKED_BYTES = 60
"""What a packed key costs beside what it packs: its entry, its end, its share of a small blob."""
_BLOB_BYTES = 40
"""What bytes that are not shared cost beside themselves."""
OBJECT_BYTES = 1_600
"""What a hop of a chain, or a sighting of a token, costs while it is an object."""
LARGE = 1_000
"""Hops above which state stays an object for longer: once more for each so many. A hop that wakes a
chain pays for all of it, and so it pays the same however long the chain is."""
_GRAINS = 60
"""Parts of the patience, to one of which it is kept."""
_MINUTE_MS = 60_000
LAST_MS = 253_402_300_800_000
"""The year 10000: whatever ends later ends then."""
_HEAD = Struct(">qI")
"""`Head` as bytes: when it is over, minutes, and its hops."""
_SMALL = 64
"""Bytes up to which equal packed state is one object: the names of one chain lead to one root."""
_SHARED = 10_000


class Live(Protocol):
    """State that is kept: of a chain, of a token, of a name."""

    hops: int
    """What it weighs."""
    touched: int
    """Hops taken in when it was touched last."""
    idle: int
    """How often its time to be packed has come since, and was put off."""

    @property
    def key(self) -> str: ...
    @property
    def over_at(self) -> int:
        """When the last of its authority is dead and the last hop in: milliseconds."""
        ...


_V = TypeVar("_V", bound=Live)


class Head(NamedTuple):
    """What stands in front of packed state, so that it can be weighed without unpacking."""

    over_at: int
    """To the minute."""
    hops: int


class Packing(NamedTuple, Generic[_V]):
    """How state becomes bytes, and back."""

    pack: Callable[[_V], bytes]
    unpack: Callable[[str, bytes, Head], _V]
    """From the key, and what was packed."""


class Bounds(NamedTuple):
    """How much is kept."""

    hot: int = 20_000
    """Hops taken in for which an object stays one untouched."""
    patience_ms: int = 60_000
    """And for how long at most, in ingest time."""
    ceiling: int = 1 << 62
    """Bytes above which state is let go before its time, that which ends first to begin with."""


class Dump(NamedTuple):
    """All that is held, for a snapshot."""

    packed: Sequence[tuple[bytes, bytes]]
    timers: Sequence[tuple[str, int]] = ()
    """Keys of which something is to be asked again, and when: ingest time, milliseconds."""
    dictionary: bytes = b""
    """Of what is packed (`lineage.compression`)."""


class Tiers(Generic[_V]):
    """Live state of one partition, by key."""

    def __init__(
        self,
        packing: Packing[_V],
        bounds: Bounds,
        horizon_ms: int,
        woken: Callable[[_V], None],
        gone: Callable[[_V], None],
    ) -> None:
        """`horizon_ms`: how long state outlives its end; what comes later is late.

        `woken` is told of what was packed and is an object again, `gone` of an object that is no
        longer held: its state is packed, or over.
        """
        self._packing = packing
        self.bounds = bounds
        self._horizon_ms = horizon_ms
        self._woken = woken
        self._gone = gone
        self._objects: OrderedDict[str, _V] = OrderedDict()
        """What was touched last is last."""
        self._packed = Digests()
        self._compression = Compression()
        self._missed = ("", digest(""))
        """The last key that was asked for and is not held, and its digest."""
        self._shared: dict[bytes, bytes] = {}
        self._ends = Ends()
        self._taken = 0
        """Hops taken in, ever."""
        self._past: deque[tuple[int, int]] = deque()
        """(ingest time, `touched` of what was touched last by then), as far back as patience goes."""
        self._object_hops = 0
        self._packed_bytes = 0
        self.hops = 0
        """Hops held."""
        self.shed = 0
        """Keys let go before their time, for want of memory."""

    def __len__(self) -> int:
        return len(self._objects) + len(self._packed)

    @property
    def objects(self) -> int:
        """Keys whose state is an object."""
        return len(self._objects)

    @property
    def size_bytes(self) -> int:
        """What all of it costs, roughly."""
        return self._packed_bytes + OBJECT_BYTES * self._object_hops

    def get(self, key: str) -> _V | None:
        """The state of `key`, which is touched."""
        value = self._objects.get(key)
        if value is None:
            value = self._wake(key)
            if value is None:
                return None
            self._objects[key] = value
        elif value.touched != self._taken:
            self._objects.move_to_end(key)
        value.touched, value.idle = self._taken, 0
        return value

    def add(self, value: _V) -> None:
        """Keep new state."""
        value.touched = self._taken
        self._objects[value.key] = value

    def lay(self, key: str, over_at: int, packed: bytes) -> None:
        """Keep new state of one hop as it would be packed: no object is made for it."""
        self.hops += 1
        minute, missed = _minute(over_at), self._missed
        name = missed[1] if missed[0] == key else digest(key)
        self._keep(name, _HEAD.pack(minute, 1) + self._compression.compress(packed), minute)

    def sweep(self, taken: int, now_ms: int) -> None:
        """After `taken` hops more: pack some of what is untouched, let go of what is over.

        Only when all there is to say of it is said.
        """
        outwaited = self._outwaited(now_ms)
        self._taken += taken
        self._object_hops += taken
        self.hops += taken
        bounds = self.bounds
        hot = max(1, min(bounds.hot, bounds.ceiling // (4 * OBJECT_BYTES)))
        self._settle(max(self._taken - hot, outwaited), now_ms)
        self._let_go(now_ms)

    def _outwaited(self, now_ms: int) -> int:
        """`touched` of what was touched last when there is no patience for any more; or -1."""
        past, patience_ms = self._past, self.bounds.patience_ms
        if not past or now_ms - past[-1][0] >= patience_ms // _GRAINS:
            past.append((now_ms, self._taken))
        while len(past) > 1 and past[1][0] <= now_ms - patience_ms:
            past.popleft()
        time_ms, touched = past[0]
        return touched if time_ms <= now_ms - patience_ms else -1

    def dump(self, timers: Sequence[tuple[str, int]] = ()) -> Dump:
        """Everything, packed, and `timers`; nothing is changed."""
        packed = [(digest(key), self._bytes(value)) for key, value in self._objects.items()]
        return Dump([*self._packed.items(), *packed], timers, self._compression.dictionary)

    def load(self, dump: Dump) -> None:
        """What `dump` gave, where nothing is held yet."""
        self._compression = Compression(dump.dictionary)
        for name, blob in dump.packed:
            head = _head(blob)
            self.hops += head.hops
            self._keep(name, blob, head.over_at // _MINUTE_MS)

    def _wake(self, key: str) -> _V | None:
        name = digest(key)
        blob = self._packed.pop(name)
        if blob is None:
            self._missed = key, name
            return None
        self._packed_bytes -= _cost(blob)
        packed = self._compression.plain(blob[_HEAD.size :])
        value = self._packing.unpack(key, packed, _head(blob))
        self._object_hops += value.hops
        self._woken(value)
        return value

    def _settle(self, taken: int, now_ms: int) -> None:
        """Pack what was not touched since `taken` hops were taken in; let go of what is over."""
        objects = self._objects
        while objects:
            key, value = objects.popitem(last=False)
            if value.touched > taken:
                objects[key] = value
                objects.move_to_end(key, last=False)
                return
            if value.over_at + self._horizon_ms <= now_ms:
                self.hops -= value.hops
                self._leave(value)
            elif value.hops > LARGE * (value.idle + 1) or not self._pack(key, value):
                value.idle += 1
                # One more, so that it is not met again before anything else was taken in.
                value.touched = self._taken + 1
                objects[key] = value

    def _pack(self, key: str, value: _V) -> bool:
        """False where it cannot be: what no frame can hold may still come from a file."""
        try:
            packed = self._bytes(value)
        except (OverflowError, UnicodeEncodeError):
            return False
        self._keep(digest(key), packed, _minute(value.over_at))
        self._leave(value)
        return True

    def _leave(self, value: _V) -> None:
        self._object_hops -= value.hops
        self._gone(value)

    def _bytes(self, value: _V) -> bytes:
        packed = self._compression.compress(self._packing.pack(value))
        return _HEAD.pack(_minute(value.over_at), value.hops) + packed

    def _keep(self, name: bytes, blob: bytes, minute: int) -> None:
        if len(blob) <= _SMALL:
            if len(self._shared) >= _SHARED:
                self._shared.clear()
            blob = self._shared.setdefault(blob, blob)
        self._packed[name] = blob
        self._packed_bytes += _cost(blob)
        self._ends.set(minute, name)

    def _let_go(self, now_ms: int) -> None:
        for name in self._ends.due(now_ms - self._horizon_ms):
            blob = self._packed.get(name)
            # What was woken and packed again is listed again, under its new end.
            if blob is not None and _head(blob).over_at + self._horizon_ms <= now_ms:
                self._drop(name, blob)
        while self.size_bytes > self.bounds.ceiling and self._packed:
            for name in self._ends.earliest():
                blob = self._packed.get(name)
                if blob is not None:
                    self._drop(name, blob)
                    self.shed += 1

    def _drop(self, name: bytes, blob: bytes) -> None:
        self._packed.pop(name)
        self._packed_bytes -= _cost(blob)
        self.hops -= _head(blob).hops


def _minute(over_at: int) -> int:
    return -(-min(over_at, LAST_MS) // _MINUTE_MS)


def _head(blob: bytes) -> Head:
    minute, hops = _HEAD.unpack_from(blob)
    return Head(minute * _MINUTE_MS, hops)


def _cost(blob: bytes) -> int:
    return PACKED_BYTES + (_BLOB_BYTES + len(blob) if len(blob) > _SMALL else 0)
