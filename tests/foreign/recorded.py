"""Recordings: the records that clients left on Kafka, so that the suite reads them without the clients."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from grantline.model.policy import Policy
from grantline.ports import LineageStore
from grantline.replay import Replayed, replay
from grantline.wire.otlp import Decoded, decode
from tests.foreign.lanes import ENCODINGS, OWN, Lane
from tests.foreign.story import Story

FOLDER: Final = Path(__file__).parent / "recorded"
# Each client once by each of its protocols, in turns by the two encodings; and what else is written.
_PROTO, _JSON = ENCODINGS
_KEPT: Final = {("http/protobuf", _PROTO), ("http/json", _PROTO), ("grpc", _JSON)}


@dataclass(frozen=True)
class Recording:
    """What one lane left on its topic."""

    lane: Lane
    story: Story
    records: tuple[bytes, ...]


def is_kept(lane: Lane) -> bool:
    """Whether recordings are kept of a lane; some say nothing that others do not."""
    if lane.via == "rotel":
        return lane.client == "python"
    return lane != OWN and (
        lane.encoding not in ENCODINGS or (lane.protocol, lane.encoding) in _KEPT
    )


def write(lane: Lane, story: Story, records: list[bytes]) -> None:
    said = {
        "client": lane.client, "protocol": lane.protocol, "via": lane.via,
        "encoding": lane.encoding, "tag": story.tag, "at": story.at,
        "records": [base64.b64encode(record).decode() for record in records],
    }  # fmt: skip
    FOLDER.mkdir(exist_ok=True)
    # No time in it: the same records make the same file.
    packed = gzip.compress(json.dumps(said).encode(), mtime=0)
    (FOLDER / f"{lane.name}.json.gz").write_bytes(packed)


def read(path: Path) -> Recording:
    said = json.loads(gzip.decompress(path.read_bytes()))
    lane = Lane(said["client"], said["protocol"], said["via"], said["encoding"])
    records = tuple(base64.b64decode(record) for record in said["records"])
    return Recording(lane, Story(said["tag"], said["at"]), records)


def paths() -> list[Path]:
    return sorted(FOLDER.glob("*.json.gz"))


def fold(name: str, records: Sequence[bytes], policy: Policy, store: LineageStore) -> Replayed:
    """Records as a worker reads them, into the store; their topic is `file:NAME` there."""

    def decoded(_: Path) -> Iterator[tuple[int, Decoded]]:
        return ((number, decode(record)) for number, record in enumerate(records))

    return replay([Path(name)], policy, store, read_from=decoded)
