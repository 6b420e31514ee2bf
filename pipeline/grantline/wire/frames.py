"""Frames: many hops or sightings in one Kafka record, so that per-record cost is paid once.

A frame is MessagePack: `[version, [item, ...]]`, each item an array in the field order of its
struct. New fields may only be appended with a default; anything else is a new version.

What findings will show of a hop is looked at here: only somebody else who writes to our topics
can send anything else than ingest does, and it must not get as far as the engine.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from grantline.model.hop import Hop
from grantline.model.names import FINGERPRINT, SPAN_ID
from grantline.model.sighting import ACTS, Sighting

VERSION = 1
CONTENT_TYPE = "application/vnd.grantline.frame+msgpack"

_T = TypeVar("_T")

_encoder = msgspec.msgpack.Encoder()
_span_id = re.compile(SPAN_ID).fullmatch
_fingerprint = re.compile(FINGERPRINT).fullmatch
_token_key = re.compile(f"tok:{FINGERPRINT}").fullmatch
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
    hops = _decode(_hops, data)
    for hop in hops:
        _check(hop)
    return hops


def decode_sightings(data: bytes) -> list[Sighting]:
    """The sightings of one frame. Raises `BadFrame`, naming what is wrong."""
    sightings = _decode(_sightings, data)
    for sighting in sightings:
        if not _span_id(sighting.span_id):
            raise BadFrame("not a frame: the span id of a sighting is not 16 hex digits")
        if sighting.act not in ACTS:
            raise BadFrame("not a frame: the act of a sighting is none that this release knows")
        if sighting.key.startswith("tok:") and not _token_key(sighting.key):
            raise BadFrame("not a frame: the key of a sighting holds no fingerprint")
        if sighting.hop is not None:
            _check(sighting.hop)
    return sightings


def _check(hop: Hop) -> None:
    if not _span_id(hop.span_id):
        raise BadFrame("not a frame: the span id of a hop is not 16 hex digits")
    own, parent = hop.token_fingerprint, hop.token_parent_fingerprint
    if not ((own is None or _fingerprint(own)) and (parent is None or _fingerprint(parent))):
        raise BadFrame("not a frame: the token of a hop is no fingerprint")


def _decode(decoder: msgspec.msgpack.Decoder[tuple[int, list[_T]]], data: bytes) -> list[_T]:
    try:
        version, items = decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as why:
        raise BadFrame(f"not a frame: {why}") from why
    if version != VERSION:
        raise BadFrame(f"frame version {version}; this release reads version {VERSION}")
    return items
