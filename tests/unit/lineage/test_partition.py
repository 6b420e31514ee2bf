"""Partitions are those that Kafka's own Java producer would choose."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantline.lineage import partition
from grantline.lineage.partition import murmur2, partition_of


# org.apache.kafka.common.utils.UtilsTest.testMurmur2; there the numbers are signed.
@pytest.mark.parametrize(
    "data, signed",
    [
        (b"21", -973_932_308),
        (b"foobar", -790_332_482),
        (b"a-little-bit-long-string", -985_981_536),
        (b"a-little-bit-longer-string", -1_486_304_829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
        (b"abc", 479_470_107),
    ],
)
def test_murmur2_is_kafkas(data: bytes, signed: int) -> None:
    assert murmur2(data) == partition._murmur2(data) == signed & 0xFFFFFFFF


def test_a_partition_is_the_hash_without_its_sign() -> None:
    assert partition_of("21", 12) == (-973_932_308 & 0x7FFFFFFF) % 12
    assert partition_of("foobar", 5) == (-790_332_482 & 0x7FFFFFFF) % 5


def test_a_key_of_half_a_surrogate_pair_has_a_partition() -> None:
    assert 0 <= partition_of("tok:\ud800", 12) < 12


@given(st.binary(max_size=40))
def test_both_ways_hash_alike(data: bytes) -> None:
    assert murmur2(data) == partition._murmur2(data)


@given(st.text(st.characters(exclude_categories=()), max_size=12), st.integers(1, 10_000))
def test_both_ways_choose_alike(key: str, partitions: int) -> None:
    assert partition_of(key, partitions) == partition._partition_of(key, partitions)
