"""The compiled decoder says what the pure one says, of any bytes; and of what stock protobuf
accepts both say what it holds.

`python -m tests.properties.test_decoders 60` goes on for so many seconds.
"""

from __future__ import annotations

import sys
import time
from random import Random

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from grantline.wire.otlp import RECORD, Limits, decode
from tests.decoders import PROTOBUF, built, either, read_by_stock, same
from tests.mutations import bent, real, written

pytestmark = built
many = settings(max_examples=300, suppress_health_check=list(HealthCheck), deadline=None)
SEEDS = st.integers(0, (1 << 64) - 1)


@many
@given(SEEDS)
def test_real_records_bent(seed: int) -> None:
    same(bent(Random(seed)))


@many
@given(SEEDS)
def test_records_that_no_stock_encoder_writes(seed: int) -> None:
    same(written(Random(seed)))


@many
@given(st.binary(max_size=300))
@example(b"")
def test_any_bytes(data: bytes) -> None:
    same(data)
    same(b"\n" + bytes([len(data) & 0x7F]) + data)


def test_real_records() -> None:
    for data in real():
        same(data)
    assert sum(len(decode(data, PROTOBUF).hops) for data in real()) > 400


def test_real_records_cut_off_anywhere() -> None:
    for data in (real()[-1], real()[20]):
        for end in range(len(data)):
            same(data[:end])


@many
@given(SEEDS, st.integers(0, 4))
def test_the_limit_of_spans(seed: int, limit: int) -> None:
    pure, compiled = either(written(Random(seed)), Limits(RECORD.size, limit))
    assert compiled == pure


def test_what_is_made_up_is_worth_it() -> None:
    """Most of it is read, a good part with hops, and some of it is refused by stock protobuf."""
    made = [written(Random(seed)) for seed in range(300)]
    assert 30 < sum(bool(decode(data, PROTOBUF).hops) for data in made) < 290
    assert 30 < sum(read_by_stock(data) is not None for data in made) < 290


def main(seconds: float) -> None:
    """Bends records until the time is up; a seed that is told is one to make a test of."""
    end = time.monotonic() + seconds
    seed = time.time_ns()
    tried = 0
    while time.monotonic() < end:
        for make in (bent, written):
            try:
                same(make(Random(seed)))
            except BaseException:
                print(f"seed {seed} of {make.__name__}", file=sys.stderr)
                raise
        seed += 1
        tried += 2
    print(f"{tried} records, and both decoders said the same of each")


if __name__ == "__main__":
    main(float(sys.argv[1]))
