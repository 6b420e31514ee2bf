"""Whatever is in a log, each record of it is a hop, a rejection or passed over; an envelope changes nothing;
and whatever is done to the bytes, nothing raises and nothing vanishes.

`python -m tests.properties.test_sources 1000000` makes so many records, of every source and of every form
of OTLP, and says what became of them.
"""

from __future__ import annotations

import gzip
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grantline.sources import SOURCES, Origin, Taken, read, read_file
from grantline.wire.credentials import carries_jwt
from grantline.wire.frames import decode_hops, encode_hops
from tests import logs
from tests.forms import made as made_span
from tests.properties import test_forms as forms

ISSUER = "https://as.example.com"
many = settings(max_examples=300, suppress_health_check=list(HealthCheck), deadline=None)
SEEDS = st.integers(0, (1 << 64) - 1)


def sound(taken: Taken) -> Taken:
    """What may go on: a frame holds it as it is, and no credential is in it."""
    for hop in taken.hops:
        [back] = decode_hops(encode_hops([hop]))
        assert back == hop
    assert not carries_jwt(repr(taken).encode("utf-8", "replace"))
    return taken


def accounted(name: str, made: logs.Made) -> Taken:
    """Each record of a log is one of the three, and is the same in company as alone."""
    source, origin = SOURCES[name], Origin(ISSUER)
    alone = [read(source, logs.text(one), origin) for one in made.records]
    for one in alone:
        assert (bool(one.hops), len(one.rejected), one.passed_over) in {
            (True, 0, 0), (False, 1, 0), (False, 0, 1)
        }  # fmt: skip
    taken = sound(read(source, made.data, origin))
    assert taken.hops == [hop for one in alone for hop in one.hops]
    assert len(taken.rejected) == sum(len(one.rejected) for one in alone)
    assert taken.passed_over == sum(one.passed_over for one in alone)
    return taken


def told(name: str, data: bytes) -> Taken:
    """Bytes of any kind: something is said of them."""
    taken = sound(read(SOURCES[name], data, Origin(ISSUER)))
    assert taken.hops or taken.rejected or taken.passed_over
    return taken


def filed(name: str, data: bytes, at: Path) -> None:
    """The same as a file, packed and cut off."""
    at.write_bytes(data)
    for _, taken in read_file(SOURCES[name], at, Origin(ISSUER)):
        sound(taken)


@many
@given(SEEDS)
def test_every_record_of_every_log_is_accounted_for_in_any_envelope(seed: int) -> None:
    made = logs.made(Random(seed))
    accounted(made.source, made)


@many
@given(SEEDS)
def test_nothing_raises_and_nothing_vanishes_however_a_log_is_bent(seed: int) -> None:
    random = Random(seed)
    made = logs.made(random)
    told(made.source, logs.bent(random, made.data))
    told(made.source, logs.bent(random, gzip.compress(made.data, 1)))
    told("keycloak", logs.bent(random, logs.server_log(random)))


@many
@given(SEEDS)
def test_a_log_of_one_kind_that_is_read_as_another_is_told(seed: int) -> None:
    random = Random(seed)
    told(random.choice(sorted(SOURCES)), logs.made(random).data)


def test_files_are_read_whatever_was_cut_off() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(200):
            random = Random(seed)
            made = logs.made(random)
            filed(made.source, logs.packed(random, made.data), Path(folder) / "log")


def test_what_is_made_up_is_worth_it() -> None:
    """Of every source some records become hops, some are rejected and some passed over."""
    seen: dict[str, Counter[str]] = {name: Counter() for name in SOURCES}
    for seed in range(1_500):
        made = logs.made(Random(seed))
        taken = accounted(made.source, made)
        seen[made.source].update(
            hops=len(taken.hops), rejected=len(taken.rejected), passed_over=taken.passed_over
        )
    assert all(min(found.values()) > 10 for found in seen.values()), seen
    [lines] = [told("keycloak", logs.server_log(Random(7)))]
    assert lines.hops


def _once(random: Random, at: Path) -> Counter[str]:
    """One log and one record of OTLP, sound and bent: what became of their records."""
    made = logs.made(random)
    taken = accounted(made.source, made)
    bent = told(made.source, logs.bent(random, made.data))
    filed(made.source, logs.packed(random, made.data), at)
    lines = told("keycloak", logs.bent(random, logs.server_log(random)))
    record = made_span(random)
    spans = forms.accounted(record)
    forms.told(forms.bent(random))
    found: list[Any] = [taken, bent, lines, spans]
    return Counter(
        records=2 * len(made.records) + 1 + record.items,
        hops=sum(len(one.hops) for one in found),
        rejected=sum(len(one.rejected) for one in found),
        passed_over=sum(one.passed_over for one in found),
    )


def main(records: int, say: Callable[[str], None] = print) -> None:
    """Until so many records were made; a seed that is told is one to make a test of."""
    seed, began, total = time.time_ns(), time.monotonic(), Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        while total["records"] < records:
            try:
                total += _once(Random(seed), Path(folder) / "log")
            except BaseException:
                print(f"seed {seed}", file=sys.stderr)
                raise
            seed += 1
    figures = ", ".join(f"{total[name]:,} {name.replace('_', ' ')}" for name in total)
    say(f"{figures}: nothing raised, all accounted for ({time.monotonic() - began:.0f} s)")


if __name__ == "__main__":
    main(int(sys.argv[1]))
