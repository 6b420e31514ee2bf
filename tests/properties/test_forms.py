"""Whatever form spans come in, each of them is a hop, a rejection or passed over; and whatever is done to
the bytes, nothing raises, and nothing that holds the mark is lost in silence.

`python -m tests.properties.test_forms 60` goes on for so many seconds.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grantline.wire.otlp import Decoded, decode
from grantline.wire.otlp_attributes import FLAGS
from grantline.wire.otlp_spans import MARK
from tests.forms import FORMS, Made, made
from tests.properties.test_wire import sound

pytestmark = pytest.mark.usefixtures("decoder")
many = settings(max_examples=300, suppress_health_check=list(HealthCheck), deadline=None)
SEEDS = st.integers(0, (1 << 64) - 1)


def accounted(record: Made) -> Decoded:
    decoded = decode(record.data)
    sound(decoded)
    assert len(decoded.hops) + len(decoded.rejected) + decoded.passed_over == record.items
    for hop in decoded.hops:
        assert set(hop.flags) <= FLAGS
    return decoded


def told(data: bytes) -> Decoded:
    decoded = decode(data)
    sound(decoded)
    indexes = [index for index, _ in decoded.rejected]
    assert len(indexes) == len(set(indexes))
    if MARK in data:
        assert decoded.hops or decoded.rejected or decoded.passed_over
    return decoded


def bent(random: Random) -> bytes:
    """A record in some form, with one to four things wrong."""
    data = bytearray(made(random).data)
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(data) + 1)
        end = min(len(data), at + random.choice((0, 1, 1, 2, 9, 60)))
        cut = bytes(data[at:end])
        data[at:end] = random.choice(
            (
                b"",
                cut + cut,
                cut[::-1],
                random.randbytes(len(cut)),
                b"[",
                b"{",
                b"\0",
                b"\n",
                b"null",
            )
        )
    return bytes(data)


@many
@given(SEEDS)
def test_every_span_of_every_form_is_accounted_for(seed: int) -> None:
    accounted(made(Random(seed)))


@many
@given(SEEDS)
def test_nothing_with_the_mark_is_lost_however_it_is_bent(seed: int) -> None:
    told(bent(Random(seed)))


def test_each_form_gives_hops() -> None:
    """What is made up is worth it: of every form some are read, and some are odd."""
    hops: Counter[str] = Counter()
    flagged: Counter[str] = Counter()
    for seed in range(1_500):
        record = made(Random(seed))
        decoded = accounted(record)
        hops[record.form] += len(decoded.hops)
        flagged[record.form] += sum(bool(hop.flags) for hop in decoded.hops)
    assert set(FORMS) == {form for form, count in hops.items() if count}
    assert set(FORMS) == {form for form, count in flagged.items() if count}


def main(seconds: float) -> None:
    """Makes and bends records until the time is up; a seed that is told is one to make a test of."""
    end = time.monotonic() + seconds
    seed = time.time_ns()
    tried = spans = 0
    while time.monotonic() < end:
        try:
            record = made(Random(seed))
            accounted(record)
            told(bent(Random(seed)))
        except BaseException:
            print(f"seed {seed}", file=sys.stderr)
            raise
        seed += 1
        tried += 2
        spans += record.items
    print(f"{tried} records, {spans} spans and log records in sound forms: all accounted for")


if __name__ == "__main__":
    main(float(sys.argv[1]))
