"""What stays an object, what is packed, what is let go, and in which order."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from grantline.lineage.tiers import LARGE, OBJECT_BYTES, PACKED_BYTES, Bounds, Head, Packing, Tiers

MINUTE = 60_000
HORIZON = 10 * MINUTE


@dataclass(eq=False)
class Thing:
    key: str
    over_at: int = 0
    hops: int = 1
    touched: int = 0
    idle: int = 0


def pack(thing: Thing) -> bytes:
    return f"{thing.over_at} {thing.hops} {thing.key * 4}".encode("utf-8", "replace")


def unpack(key: str, data: bytes, _: Head) -> Thing:
    over_at, hops = map(int, data.split(b" ", 2)[:2])
    return Thing(key, over_at, hops)


class Kept(Tiers[Thing]):
    def __init__(self, bounds: Bounds) -> None:
        self.woken: list[str] = []
        self.left: list[str] = []
        super().__init__(
            Packing(pack, unpack),
            bounds,
            HORIZON,
            lambda thing: self.woken.append(thing.key),
            lambda thing: self.left.append(thing.key),
        )


def test_what_is_touched_stays_an_object_and_the_rest_is_packed() -> None:
    kept = Kept(Bounds(hot=10))
    for key in "ba":
        kept.add(Thing(key, over_at=MINUTE))
    for _ in range(20):
        kept.get("a")
        kept.sweep(2, 0)
    assert (kept.left, kept.objects, len(kept)) == (["b"], 1, 2)
    woken = kept.get("b")
    assert woken is not None
    assert (woken.key, woken.over_at, kept.woken) == ("b", MINUTE, ["b"])
    assert kept.get("b") is woken


def test_what_is_touched_often_enough_is_never_packed() -> None:
    """However long that goes on, and whatever else comes and goes: each time it woke would cost all its hops."""
    kept = Kept(Bounds(hot=100))
    active = [Thing(f"active {number}", hops=50) for number in range(10)]
    for thing in active:
        kept.add(thing)
    for number in range(2_000):
        kept.add(Thing(f"passing {number}"))
        kept.get(active[number % 10].key)
        kept.sweep(5, 0)
    assert not kept.woken
    assert not [key for key in kept.left if key.startswith("active")]
    assert kept.objects <= 10 + 100 // 5


def test_a_key_that_nobody_spoke_of_is_nothing() -> None:
    kept = Kept(Bounds(hot=1))
    kept.add(Thing("a"))
    kept.sweep(1, 0)
    assert kept.objects == 0
    assert kept.get("b") is None
    assert kept.woken == []


def test_time_alone_packs_and_lets_go() -> None:
    """Of what was not touched for as long as there is patience; over is what ended before the horizon."""
    kept = Kept(Bounds(patience_ms=MINUTE))
    kept.add(Thing("a", over_at=MINUTE))
    kept.sweep(1, MINUTE)
    assert kept.objects == 1
    kept.sweep(0, 2 * MINUTE)
    assert (len(kept), kept.objects, kept.hops) == (1, 0, 1)
    kept.sweep(0, HORIZON + MINUTE)
    assert len(kept) == 1
    kept.sweep(0, HORIZON + 3 * MINUTE)
    assert (len(kept), kept.hops, kept.size_bytes) == (0, 0, 0)
    assert kept.get("a") is None


def test_large_state_is_packed_the_later_the_larger_it_is() -> None:
    """Unpacking it costs as much as all its hops: so it is put off as many times."""
    kept = Kept(Bounds(hot=1))
    kept.add(Thing("small"))
    kept.add(Thing("large", hops=5 * LARGE))
    sweeps: dict[str, int] = {}
    for sweep in range(20):
        kept.sweep(1, 0)
        for key in kept.left:
            sweeps.setdefault(key, sweep)
    assert sweeps["small"] == 0
    assert 4 <= sweeps["large"] < 10


def test_large_state_that_is_touched_is_put_off_as_often_as_before() -> None:
    kept = Kept(Bounds(hot=1))
    large = Thing("large", hops=5 * LARGE)
    kept.add(large)
    for _ in range(20):
        kept.sweep(1, 0)
        kept.sweep(1, 0)
        assert kept.get("large") is large
    assert not kept.left


def test_time_alone_does_not_use_up_what_large_state_is_put_off_for() -> None:
    """Nor does a sweep meet it twice: it would go on for ever with what cannot be packed."""
    kept = Kept(Bounds(patience_ms=MINUTE))
    kept.add(Thing("large", hops=2 * LARGE))
    kept.sweep(1, 0)
    for minute in range(1, 5):
        kept.sweep(0, minute * MINUTE)
    assert (kept.objects, kept.left) == (1, [])


def test_above_the_ceiling_what_ends_first_goes_first_and_is_counted() -> None:
    kept = Kept(Bounds(hot=1, ceiling=3 * PACKED_BYTES))
    for minute in (5, 2, 4, 3, 1):
        kept.add(Thing(f"ends {minute}", over_at=minute * MINUTE))
    kept.sweep(5, 0)
    assert kept.size_bytes <= kept.bounds.ceiling
    assert (len(kept), kept.shed) == (3, 2)
    assert [kept.get(f"ends {minute}") is not None for minute in range(1, 6)] == [
        False, False, True, True, True
    ]  # fmt: skip


def test_the_ceiling_also_bounds_what_is_kept_as_objects() -> None:
    ceiling = 1_000 * OBJECT_BYTES
    kept = Kept(Bounds(hot=1 << 40, patience_ms=1 << 62, ceiling=ceiling))
    for number in range(5_000):
        kept.add(Thing(str(number), over_at=MINUTE))
        kept.sweep(1, 0)
    assert kept.size_bytes <= ceiling


def test_what_cannot_be_packed_stays_an_object() -> None:
    """Half of a surrogate pair, as JSON may hold it."""

    def fails(thing: Thing) -> bytes:
        return thing.key.encode()

    kept = Tiers(Packing(fails, unpack), Bounds(hot=1), HORIZON, lambda _: None, lambda _: None)
    thing = Thing("\ud800", over_at=1 << 80)
    kept.add(thing)
    for _ in range(5):
        kept.sweep(1, 0)
    assert kept.get("\ud800") is thing


def test_what_was_packed_twice_ends_once_and_at_its_last_end() -> None:
    kept = Kept(Bounds(hot=1, patience_ms=1 << 62))
    kept.add(Thing("a", over_at=MINUTE))
    kept.sweep(1, 0)
    again = kept.get("a")
    assert again is not None
    again.over_at = 8 * MINUTE
    kept.sweep(1, 0)
    kept.sweep(0, HORIZON + 5 * MINUTE)
    assert len(kept) == 1
    kept.sweep(0, HORIZON + 10 * MINUTE)
    assert len(kept) == 0


def test_a_dump_is_everything_and_changes_nothing() -> None:
    kept = Kept(Bounds(hot=1))
    kept.add(Thing("packed", over_at=MINUTE))
    kept.sweep(1, 0)
    kept.add(Thing("object", over_at=MINUTE))
    dump = kept.dump([("object", MINUTE)])
    assert (kept.objects, len(kept), dump.timers) == (1, 2, [("object", MINUTE)])
    other = Kept(Bounds())
    other.load(dump)
    assert (len(other), other.objects, other.woken) == (2, 0, [])
    assert all(other.get(key) is not None for key in ("packed", "object"))


def test_what_was_packed_with_a_dictionary_is_read_by_whoever_loads_it() -> None:
    """And with another dictionary, or with none, it is refused and not misread."""
    first = Kept(Bounds(hot=1))
    keys = [f"the key of a thing that is {number:04}" for number in range(1_000)]
    for key in keys:
        first.add(Thing(key))
        first.sweep(1, 0)
    dump = first.dump()
    assert dump.dictionary
    second = Kept(Bounds(hot=1))
    second.load(dump)
    assert [found.key for key in keys if (found := second.get(key))] == keys
    third = Kept(Bounds(hot=1))
    third.load(dump._replace(dictionary=b""))
    with pytest.raises(ValueError, match="a dictionary that is not here"):
        third.get(keys[-1])


def test_what_is_laid_is_found_under_its_own_key_whatever_was_asked_for_last() -> None:
    kept = Kept(Bounds())
    assert kept.get("a") is None
    kept.lay("b", MINUTE, pack(Thing("b", MINUTE)))
    assert kept.get("a") is None
    kept.lay("a", 2 * MINUTE, pack(Thing("a", 2 * MINUTE)))
    found = {key: thing.over_at for key in "ab" if (thing := kept.get(key))}
    assert found == {"a": 2 * MINUTE, "b": MINUTE}
