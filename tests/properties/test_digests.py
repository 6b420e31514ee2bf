"""A map by digest is a dictionary, whatever is put in and taken out, and however it grew."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from grantline.lineage.digests import DIGEST, Digests, digest

# Few names, so that many are put in again; and names that lie in one bucket, or across two entries.
NAMES = st.one_of(
    st.integers(0, 400).map(lambda number: digest(str(number))),
    st.integers(0, 40).map(lambda number: bytes(4) + number.to_bytes(DIGEST - 4)),
    st.sampled_from([bytes(DIGEST), b"\1" + bytes(DIGEST - 1), b"\0\1" * (DIGEST // 2)]),
)
STEPS = st.lists(st.tuples(st.sampled_from(["set", "pop", "get"]), NAMES, st.binary(max_size=8)))


@given(st.integers(0, 2_000), STEPS)
def test_a_map_by_digest_is_a_dictionary(held: int, steps: list[tuple[str, bytes, bytes]]) -> None:
    table, model = Digests(), dict[bytes, bytes]()
    for number in range(held):
        table[digest(str(number))] = model[digest(str(number))] = b"%d" % number
    for what, name, value in steps:
        if what == "set":
            table[name] = model[name] = value
        elif what == "pop":
            assert table.pop(name) == model.pop(name, None)
        else:
            assert table.get(name) == model.get(name)
    assert len(table) == len(model)
    assert dict(table.items()) == model


def test_it_grows_by_one_bucket_at_a_time_and_takes_places_that_became_free() -> None:
    table = Digests()
    buckets = [len(table._buckets)]
    for number in range(5_000):
        table[digest(str(number))] = b""
        buckets.append(len(table._buckets))
    assert max(after - before for before, after in pairwise(buckets)) == 1
    assert max(map(len, table._buckets)) < 10 * sum(map(len, table._buckets)) / buckets[-1]
    for number in range(2_500):
        table.pop(digest(str(number)))
    for number in range(5_000, 7_500):
        table[digest(str(number))] = b""
    assert (len(table), len(table._values)) == (5_000, 5_000)
