"""Replay: files of spans through the same pure engine, without Kafka.

The findings are those of the stream once every grace has passed. Nothing is provisional here:
all facts are in before the rules are asked, so the order of files and lines does not matter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from grantline.engine import Engine
from grantline.model.finding import Finding
from grantline.model.hop import Hop
from grantline.model.policy import Policy
from grantline.model.rejected import Rejected
from grantline.ports import Batch, LineageStore, RejectedRow
from grantline.wire.files import read_file

BATCH_ROWS = 20_000


class Held(Protocol):
    """What one part of a file held: OTLP, or a log of a source."""

    @property
    def hops(self) -> list[Hop]: ...
    @property
    def rejected(self) -> list[tuple[int, Rejected]]: ...
    @property
    def passed_over(self) -> int: ...


Read = Callable[[Path], Iterable[tuple[int, Held]]]
"""A file's parts, each with its number. Raises `OSError`."""


@dataclass
class FileRead:
    """What one file held."""

    path: Path
    hops: int = 0
    passed_over: int = 0
    """Spans that are not delegation spans; records that tell of no delegation."""
    flags: Counter[str] = field(default_factory=Counter)
    """quality flag -> hops that have it."""
    rejected: Counter[str] = field(default_factory=Counter)
    """reason -> spans or records."""
    first: dict[str, tuple[int, str]] = field(default_factory=dict)
    """reason -> number of the line or request where it was met first, and what it was."""

    def add(self, number: int, decoded: Held) -> None:
        self.hops += len(decoded.hops)
        self.passed_over += decoded.passed_over
        for hop in decoded.hops:
            self.flags.update(hop.flags)
        for _, why in decoded.rejected:
            self.rejected[why.reason] += 1
            self.first.setdefault(why.reason, (number, why.detail))


class Replayed(NamedTuple):
    """What came out."""

    findings: list[Finding]
    """Final, the earliest first."""
    files: list[FileRead]

    @property
    def hops(self) -> int:
        return sum(file.hops for file in self.files)

    @property
    def passed_over(self) -> int:
        return sum(file.passed_over for file in self.files)

    @property
    def rejected(self) -> int:
        return sum(file.rejected.total() for file in self.files)


def replay(
    files: Iterable[Path],
    policy: Policy,
    store: LineageStore | None = None,
    progress: Callable[[Path, int], None] = lambda _path, _hops: None,
    read_from: Read = read_file,
) -> Replayed:
    """Run `files` through the engine; `progress` is told of a file and its hops so far.
    `read_from` knows their format.

    Raises `OSError` for a file that cannot be read.
    """
    engine = Engine(policy)
    read: list[FileRead] = []
    for path in files:
        file = FileRead(path)
        read.append(file)
        try:
            for batch in _batches(file, read_from):
                taken = engine.add(batch.hops)
                if store is not None:
                    store.write(batch._replace(hops=taken))
                progress(path, file.hops)
        except OSError as why:
            raise OSError(why.errno, why.strerror, str(path)) from why
    last = {finding.id: finding for finding in engine.finish()}
    placed = engine.take_placed()
    findings = sorted(last.values(), key=lambda finding: (finding.first_seen, finding.id))
    if store is not None:
        store.write(Batch(hops=placed, findings=findings))
    return Replayed(findings, read)


def _batches(file: FileRead, read_from: Read) -> Iterator[Batch]:
    hops: list[Hop] = []
    rejected: list[RejectedRow] = []
    for number, decoded in read_from(file.path):
        file.add(number, decoded)
        hops.extend(decoded.hops)
        rejected.extend(
            RejectedRow(
                why.reason, why.detail, f"file:{file.path.name}", 0, number, index,
                why.trace_id, why.span_id, why.service,
            )
            for index, why in decoded.rejected
        )  # fmt: skip
        if len(hops) >= BATCH_ROWS:
            yield Batch(hops=hops, rejected=rejected)
            hops, rejected = [], []
    yield Batch(hops=hops, rejected=rejected)
