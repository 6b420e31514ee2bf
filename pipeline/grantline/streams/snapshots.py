"""Snapshots: the state of one keyed partition in a file, so that a restart replays little.

The log of the partition stays the truth: a snapshot only says where folding may begin. It is read
where it was made by this release, under this policy, from this very topic (one that was deleted
and made anew has another id), and lies at or below what is committed, and otherwise passed over;
then the log is folded from its beginning. A file is whole or not there: written beside, synced and
renamed, and it carries a digest. Workers that share the directory find one another's.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from grantline.model.policy import Policy
from grantline.streams.folds import Snapshot

log = logging.getLogger(__name__)

_DIGEST: Final = 32
_PARTIAL: Final = ".partial"
_decoder = msgspec.msgpack.Decoder(tuple[str, str, Snapshot])
_heads = msgspec.msgpack.Decoder(tuple[str, str, msgspec.Raw])
_policies = msgspec.json.Decoder(Policy)


class Snapshots:
    """The snapshots of one application, in one directory."""

    def __init__(
        self,
        directory: Path,
        stamp: str,
        topic_ids: Mapping[str, str] | None = None,
        policy: Policy | None = None,
    ) -> None:
        """`stamp` tells apart what must not be mixed: release, policy, rules, partition count.
        `policy` is kept beside, so that whoever comes with another one knows this. `topic_ids`: of each topic, by name; where the broker gives none, nothing tells a topic
        from one of its name that was deleted.
        """
        self._directory = directory
        self._stamp = stamp
        self._topic_ids = topic_ids or {}
        self._policy = policy

    def read(self, topic: str, partition: int) -> Snapshot | None:
        """The snapshot of a partition; None where there is none that may be used."""
        path = self._path(topic, partition)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as why:
            log.warning("%s: %s; the log is folded instead", path, why.strerror)
            return None
        body = memoryview(data)[_DIGEST:]
        if hashlib.sha256(body).digest() != data[:_DIGEST]:
            log.warning("%s is damaged; the log is folded instead", path)
            return None
        try:
            stamp, topic_id, snapshot = _decoder.decode(body)
        except msgspec.DecodeError:
            stamp, topic_id, snapshot = "", "", None
        if stamp != self._stamp:
            log.info("%s is of another release or policy; the log is folded instead", path)
            return None
        if topic_id != self._topic_ids.get(topic, ""):
            log.warning(
                "%s is of a topic %s that was deleted since; the log is folded instead", path, topic
            )
            return None
        return snapshot

    def judged_by(self, topic: str, partition: int) -> tuple[str, Policy] | None:
        """Stamp and policy of a partition's snapshot, where it is of another stamp; None where that
        is not known.
        """
        try:
            data = self._path(topic, partition).read_bytes()
            body = memoryview(data)[_DIGEST:]
            if hashlib.sha256(body).digest() != data[:_DIGEST]:
                return None
            stamp, topic_id, _ = _heads.decode(body)
            if stamp == self._stamp or topic_id != self._topic_ids.get(topic, ""):
                return None
            return stamp, _policies.decode(self._policy_path(stamp).read_bytes())
        except (OSError, msgspec.DecodeError, ValueError):
            return None

    def write(self, topic: str, partition: int, snapshot: Snapshot) -> int:
        """Puts a snapshot in the place of the one before; its size in bytes. Raises `OSError`."""
        body = msgspec.msgpack.encode((self._stamp, self._topic_ids.get(topic, ""), snapshot))
        path = self._path(topic, partition)
        path.parent.mkdir(parents=True, exist_ok=True)
        if self._policy is not None and not self._policy_path(self._stamp).exists():
            _replace(self._policy_path(self._stamp), msgspec.json.encode(self._policy))
        # Whoever writes holds the partition: these are of workers that were killed or lost it.
        for left in path.parent.glob(f"{path.stem}.*{_PARTIAL}"):
            left.unlink(missing_ok=True)
        _replace(path, hashlib.sha256(body).digest(), body)
        return _DIGEST + len(body)

    def _policy_path(self, stamp: str) -> Path:
        return self._directory / f"{hashlib.sha256(stamp.encode()).hexdigest()[:32]}.policy.json"

    def _path(self, topic: str, partition: int) -> Path:
        return self._directory / f"{topic}-{partition}.snapshot"


def _replace(path: Path, *parts: bytes) -> None:
    # Containers that share the directory share their process ids, too: the name is a random one.
    # State holds who acted for whom: like every file made so, it is for its owner only.
    handle, beside = tempfile.mkstemp(_PARTIAL, f"{path.stem}.", path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
