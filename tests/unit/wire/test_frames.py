"""Frames come back as they went; what is no frame is named."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from grantline.model.hop import Hop
from grantline.model.sighting import WAITING, Sighting
from grantline.wire.frames import (
    BadFrame,
    decode_hops,
    decode_sightings,
    encode_hops,
    encode_sightings,
)
from tests.otlp import FAKE_JWT

HOP = Hop("01" * 8, "02" * 16, "use", 1, granted_scopes=("a",), audiences=(), flags=("late",))
SIGHTING = Sighting(f"tok:sha256:{'0f' * 32}", WAITING, "01" * 8, 1, actors=("a b",), hop=HOP)


def test_hops_come_back_as_they_went() -> None:
    hops = [HOP, msgspec.structs.replace(HOP, depth=0, failed=True, purpose="\U0001f511")]
    assert decode_hops(encode_hops(hops)) == hops
    assert decode_hops(encode_hops([])) == []


def test_sightings_come_back_as_they_went() -> None:
    assert decode_sightings(encode_sightings([SIGHTING])) == [SIGHTING]


def test_an_absent_field_stays_apart_from_an_empty_one() -> None:
    [hop] = decode_hops(encode_hops([HOP]))
    assert (hop.audiences, hop.parent_scopes) == ((), None)


def test_a_field_of_a_later_release_is_ignored_and_a_missing_one_has_its_default() -> None:
    version, [fields] = msgspec.msgpack.decode(encode_hops([HOP]))
    longer = msgspec.msgpack.encode((version, [[*fields, "new"]]))
    assert decode_hops(longer) == [HOP]
    shorter = msgspec.msgpack.encode((version, [fields[:4]]))
    assert decode_hops(shorter) == [Hop("01" * 8, "02" * 16, "use", 1)]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"{}",
        encode_hops([HOP])[:-1],
        encode_hops([HOP]) + b"\x00",
        encode_sightings([SIGHTING]),
        msgspec.msgpack.encode((1, [["too short"]])),
        b"\x91" * 5000,
        b"\x92\x01\x91\x94\xa1\xff\xa1a\xa1b\x01",
    ],
    ids=repr,
)
def test_what_is_no_frame_is_named(data: bytes) -> None:
    with pytest.raises(BadFrame, match="not a frame"):
        decode_hops(data)


@pytest.mark.parametrize(
    "changed",
    [
        {"span_id": "01" * 7},
        {"span_id": "0G" * 8},
        {"span_id": "AB" * 8},
        {"span_id": "01" * 8 + "\n"},
        {"token_fingerprint": FAKE_JWT},
        {"token_parent_fingerprint": "sha256:" + "0F" * 32},
    ],
    ids=repr,
)
def test_a_hop_that_ingest_would_not_write_is_no_frame(changed: dict[str, str]) -> None:
    """Neither alone nor as the hop that waits in a sighting; and its values are not told."""
    hop = msgspec.structs.replace(HOP, **changed)
    waiting = encode_sightings([msgspec.structs.replace(SIGHTING, hop=hop)])
    for decode, data in ((decode_hops, encode_hops([HOP, hop])), (decode_sightings, waiting)):
        with pytest.raises(BadFrame, match=r"not a frame: the .* of a hop is") as refused:
            decode(data)
        assert not any(value in str(refused.value) for value in changed.values())


@pytest.mark.parametrize(
    "changed",
    [{"span_id": "x"}, {"key": "tok:x"}, {"key": f"tok:{FAKE_JWT}"}, {"act": 99}, {"act": -1}],
)
def test_a_sighting_that_ingest_would_not_write_is_no_frame(changed: dict[str, Any]) -> None:
    with pytest.raises(BadFrame, match=r"not a frame: the .* of a sighting"):
        decode_sightings(encode_sightings([msgspec.structs.replace(SIGHTING, **changed)]))


def test_a_frame_of_another_version_says_which() -> None:
    with pytest.raises(BadFrame, match="frame version 2; this release reads version 1"):
        decode_hops(msgspec.msgpack.encode((2, [HOP])))
