"""Frames: many hops or sightings in one Kafka record, so that per-record cost is paid once.

A frame is MessagePack: `[version, [item, ...]]`, each item an array in the field order of its
struct. New fields may only be appended with a default; anything else is a new version.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from grantline.model.hop import Hop
from grantline.model.sighting import Sighting

VERSION = 1
CONTENT_TYPE = "application/vnd.grantline.frame+msgpack"

_T = TypeVar("_T")

_encoder = msgspec.msgpack.Encoder()
_hops = msgspec.msgpack.Decoder(tuple[int, list[Hop]])
_sightings = msgspec.msgpack.Decoder(tuple[int, list[Sighting]])


class BadFrame(ValueError):
    """A record that is not a frame of a version we know."""


def encode_hops(hops: Sequence[Hop]) -> bytes:
    return _encoder.encode((VERSION, hops))


def encode_sightings(sightings: Sequence[Sighting]) -> bytes:
    return _encoder.encode((VERSION, sightings))


def decode_hops(data: bytes) -> list[Hop]:
    """The hops of one frame. Raises `BadFrame`, naming what is wrong."""
    return _decode(_hops, data)


def decode_sightings(data: bytes) -> list[Sighting]:
    """The sightings of one frame. Raises `BadFrame`, naming what is wrong."""
    return _decode(_sightings, data)


def _decode(decoder: msgspec.msgpack.Decoder[tuple[int, list[_T]]], data: bytes) -> list[_T]:
    try:
        version, items = decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as why:
        raise BadFrame(f"not a frame: {why}") from why
    if version != VERSION:
        raise BadFrame(f"frame version {version}; this release reads version {VERSION}")
    return items
