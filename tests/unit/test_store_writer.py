"""The writer's batches, without a broker and without a database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import pytest

from grantline.ports import LineageStore, RejectedRow
from grantline.store.intake import Record
from grantline.store.log_reader import LogReader, WriterSettings, _client
from grantline.store.writer import Writer
from grantline.wire.frames import encode_hops

FRAME = encode_hops(())


class Logs:
    """Logs that never end."""

    def read(self, _seconds: float) -> list[Record]:
        return [Record("delegation.hops", 0, 0, FRAME)]

    def lost(self) -> Sequence[RejectedRow]:
        return ()


def test_a_batch_ends_by_its_bytes_however_few_rows_they_make() -> None:
    settings = WriterSettings(bootstrap="", batch_bytes=10 * len(FRAME), batch_seconds=5.0)
    writer = Writer(cast(LineageStore, None), settings)
    intake = writer._fill(cast(LogReader, Logs()))
    assert intake.size == 10 * len(FRAME)
    assert intake.rows == 0


@pytest.mark.parametrize("took,age", [(0.01, 0.2), (0.1, 0.3), (5.0, 0.4)])
def test_where_storing_takes_long_batches_grow_older_within_bounds(took: float, age: float) -> None:
    writer = Writer(cast(LineageStore, None), WriterSettings(bootstrap=""))
    writer._pace(took)
    assert writer._age == pytest.approx(age)
    writer._pace(0.0)
    assert writer._age == pytest.approx(0.2)


@pytest.mark.parametrize("name", ["queued.max.messages.kbytes", "fetch.max.bytes"])
def test_what_is_read_ahead_is_bounded(name: str) -> None:
    assert _client(WriterSettings(bootstrap=""), None)[name] <= 64 << 20
