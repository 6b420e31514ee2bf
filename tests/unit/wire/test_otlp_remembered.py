"""What a reader has read before it knows by its bytes: the same answer, in bounded memory."""

from __future__ import annotations

from typing import Any

import pytest

from grantline.wire import otlp_reading
from grantline.wire.otlp import decode
from grantline.wire.otlp_attributes import PROBLEM
from grantline.wire.otlp_reading import Reader
from grantline.wire.otlp_spans import Unusable
from tests.otlp import FAKE_JWT, USE, both, span

pytestmark = pytest.mark.usefixtures("decoder")


class Read:
    """Reads an attribute as its own length, and counts what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []

    def __call__(self, raw: bytes) -> tuple[int, Any]:
        self.asked.append(raw)
        if raw.startswith(b"bad"):
            raise Unusable("bad_attribute", "is bad", PROBLEM)
        return len(raw), raw.decode()


@pytest.fixture
def read() -> Read:
    return Read()


def test_what_was_read_before_is_not_read_again(read: Read) -> None:
    reader = Reader(read)
    assert [reader[b"abc"], reader[b"abc"], reader[b"d"]] == [(3, "abc"), (3, "abc"), (1, "d")]
    assert read.asked == [b"abc", b"d"]


def test_a_problem_is_an_answer_and_not_remembered(read: Read) -> None:
    reader = Reader(read)
    for _ in range(2):
        slot, value = reader[b"bad"]
        assert (slot, value.detail, value.__traceback__) == (PROBLEM, "is bad", None)
    assert read.asked == [b"bad", b"bad"]


def test_what_is_long_is_read_each_time(read: Read) -> None:
    reader = Reader(read)
    long = b"x" * 1_025
    assert reader[long] == reader[long] == (1_025, long.decode())
    assert read.asked == [long, long]


def test_what_is_asked_for_again_stays_and_the_rest_is_forgotten(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(otlp_reading, "_ROOM", 10 * 260)
    reader = Reader(read)
    for number in range(1_000):
        assert reader[b"hot."] == (4, "hot.")
        assert reader[b"%04d" % number] == (4, f"{number:04}")
        assert len(reader) <= 10
    assert read.asked.count(b"hot.") == 1
    assert reader[b"0000"] == (4, "0000")
    assert read.asked.count(b"0000") == 2


def test_the_same_resource_in_two_encodings_is_two_emitters() -> None:
    for _ in range(2):
        for data in both([span()], resource={"service.name": "booker"}):
            assert [hop.service for hop in decode(data).hops] == ["booker"]


def test_a_resource_with_a_credential_is_refused_each_time() -> None:
    for data in both([span()], resource={"service.name": FAKE_JWT}):
        reasons = [decode(data).rejected[0][1].reason for _ in range(3)]
        assert reasons == ["raw_token"] * 3


def test_what_is_odd_is_flagged_each_time() -> None:
    for data in both([span({**USE, "delegation.depth": "deep"})], resource={"service.name": 7}):
        flags = [decode(data).hops[0].flags for _ in range(3)]
        assert flags == [("depth_invalid", "service_normalised")] * 3
