"""Snapshots: what is stored, when, and what is not believed."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections import Counter
from pathlib import Path

import pytest

from grantline.lineage.tiers import Dump
from grantline.streams.custody import TP, Custody
from grantline.streams.folds import Snapshot
from grantline.streams.keeper import Keeper
from grantline.streams.metrics import Metrics
from grantline.streams.snapshots import Snapshots
from tests.deliveries import Counting

HOPS = ("hops", 0)
TAKEN = Snapshot(
    7, 1_000, ["fnd_1"], Dump([(b"0123456789abcdef", b"\x00\xff")], [("dlg_1", 9_000)])
)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """By another worker of the same release and policy, from the same directory."""
    size = Snapshots(tmp_path, "same").write(*HOPS, TAKEN)
    (path,) = tmp_path.iterdir()
    assert path.stat().st_size == size
    assert path.stat().st_mode & 0o777 == 0o600
    read = Snapshots(tmp_path, "same").read(*HOPS)
    assert read is not None
    assert (read.next_offset, read.time_ms, read.said) == (7, 1_000, ["fnd_1"])
    assert list(read.state.packed) == list(TAKEN.state.packed)
    assert list(read.state.timers) == [("dlg_1", 9_000)]
    assert Snapshots(tmp_path, "same").read("hops", 1) is None


def test_a_snapshot_of_another_release_or_policy_is_passed_over(tmp_path: Path) -> None:
    Snapshots(tmp_path, "before").write(*HOPS, TAKEN)
    assert Snapshots(tmp_path, "after").read(*HOPS) is None


def test_a_snapshot_of_a_topic_that_was_made_anew_is_passed_over(tmp_path: Path) -> None:
    """Same name, same offsets, another log. A broker that gives no ids leaves them alike."""
    Snapshots(tmp_path, "same", {"hops": "first"}).write(*HOPS, TAKEN)
    assert Snapshots(tmp_path, "same", {"hops": "first"}).read(*HOPS) is not None
    assert Snapshots(tmp_path, "same", {"hops": "second"}).read(*HOPS) is None
    assert Snapshots(tmp_path, "same").read(*HOPS) is None
    Snapshots(tmp_path, "same").write(*HOPS, TAKEN)
    assert Snapshots(tmp_path, "same").read(*HOPS) is not None


@pytest.mark.parametrize("at", [0, 40, -1])
def test_a_damaged_snapshot_is_passed_over(tmp_path: Path, at: int) -> None:
    """One flipped bit anywhere; and one that is cut off."""
    kept = Snapshots(tmp_path, "same")
    kept.write(*HOPS, TAKEN)
    (path,) = tmp_path.iterdir()
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    assert kept.read(*HOPS) is None
    path.write_bytes(data[:20])
    assert kept.read(*HOPS) is None


def test_a_disk_that_is_full_leaves_the_snapshot_before_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Snapshots(tmp_path, "same")
    kept.write(*HOPS, TAKEN)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        kept.write(*HOPS, TAKEN._replace(next_offset=9))
    assert [path.name for path in tmp_path.iterdir()] == ["hops-0.snapshot"]
    read = kept.read(*HOPS)
    assert read is not None
    assert read.next_offset == 7


def test_what_a_killed_worker_left_half_written_goes_with_the_next_snapshot(tmp_path: Path) -> None:
    for name in ("hops-0.abc.partial", "hops-1.abc.partial"):
        (tmp_path / name).write_bytes(b"half")
    Snapshots(tmp_path, "same").write(*HOPS, TAKEN)
    assert {path.name for path in tmp_path.iterdir()} == {"hops-0.snapshot", "hops-1.abc.partial"}


class Worker:
    """A custody with one fold, and what is committed of it."""

    def __init__(self, directory: Path) -> None:
        self.committed: Counter[TP] = Counter()
        self.kept = Snapshots(directory, "same")
        self.custody = Custody({"hops": lambda _: Counting().fold()})
        self.custody.assign({HOPS}, {})
        self.custody.adopt(HOPS, self.custody.make(HOPS), 0)
        self.keeper = Keeper(
            self.custody, self.kept, Metrics(), self.committed.__getitem__, seconds=1.0
        )

    def fold(self, records: int) -> None:
        fold = self.custody.folds[HOPS]
        for offset in range(fold.next_offset, fold.next_offset + records):
            fold.take(offset, 0, [f"item{offset}"])

    def tick(self) -> None:
        asyncio.run(self.keeper.tick(1.0))

    def leave(self) -> None:
        asyncio.run(self.keeper.leave())

    @property
    def stored(self) -> int | None:
        snapshot = self.kept.read(*HOPS)
        return None if snapshot is None else snapshot.next_offset


def test_a_snapshot_is_stored_only_when_it_is_committed(tmp_path: Path) -> None:
    """Not before, and as it was when it was taken."""
    worker = Worker(tmp_path)
    worker.fold(30)
    worker.tick()
    worker.committed[HOPS] = 29
    worker.tick()
    assert worker.stored is None
    worker.fold(5)
    worker.committed[HOPS] = 30
    worker.tick()
    assert worker.stored == 30


def test_a_worker_that_ends_in_order_leaves_all_that_is_committed(tmp_path: Path) -> None:
    worker = Worker(tmp_path)
    worker.fold(3)
    worker.committed[HOPS] = 2
    worker.leave()
    assert worker.stored is None
    worker.committed[HOPS] = 3
    worker.leave()
    assert worker.stored == 3


def test_a_directory_that_cannot_be_written_costs_the_snapshot_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    worker = Worker(tmp_path / "file")
    worker.fold(30)
    worker.committed[HOPS] = 30
    worker.tick()
    assert worker.stored is None


def test_what_is_stored_already_is_not_stored_again(tmp_path: Path) -> None:
    """Neither by the clock nor at the end; one record more is enough to store it anew."""
    worker = Worker(tmp_path)
    worker.fold(1)
    worker.committed[HOPS] = 1
    worker.tick()
    assert worker.stored == 1
    (path,) = tmp_path.iterdir()
    path.unlink()
    worker.tick()
    assert worker.stored is None
    worker.fold(1)
    worker.committed[HOPS] = 2
    worker.tick()
    assert worker.stored == 2
    path.unlink()
    worker.leave()
    assert worker.stored is None


def test_every_partition_has_its_turn(tmp_path: Path) -> None:
    """However far apart their offsets are, and however busy one of them is."""
    tps = [("hops", number) for number in range(4)]
    custody = Custody({"hops": lambda _: Counting().fold()})
    custody.assign(tps, {})
    for number, tp in enumerate(tps):
        custody.adopt(tp, custody.make(tp), 1_000 * number)
    kept = Snapshots(tmp_path, "same")
    keeper = Keeper(custody, kept, Metrics(), lambda _: 1 << 40, seconds=4.0)
    for _ in range(8):
        for fold in custody.folds.values():
            fold.take(fold.next_offset, 0, ["more"])
        asyncio.run(keeper.tick(1.0))
    offsets = [snapshot.next_offset for tp in tps if (snapshot := kept.read(*tp)) is not None]
    assert [offset % 1_000 for offset in offsets] == [5, 6, 7, 8]


def test_a_worker_that_ends_while_a_snapshot_is_stored_stores_the_last_one_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not beside it: the older one would replace the newer, or take its file away."""
    worker = Worker(tmp_path)
    true, begun, go_on = worker.kept.write, threading.Event(), threading.Event()

    def slow(topic: str, partition: int, snapshot: Snapshot) -> int:
        begun.set()
        assert go_on.wait(10)
        return true(topic, partition, snapshot)

    monkeypatch.setattr(worker.kept, "write", slow)

    async def end() -> None:
        tick = asyncio.create_task(worker.keeper.tick(1.0))
        await asyncio.to_thread(begun.wait, 10)
        worker.fold(1)
        worker.committed[HOPS] = 2
        leave = asyncio.create_task(worker.keeper.leave())
        await asyncio.sleep(0.05)
        go_on.set()
        await asyncio.gather(tick, leave)

    worker.fold(1)
    worker.committed[HOPS] = 1
    asyncio.run(end())
    assert worker.stored == 2
