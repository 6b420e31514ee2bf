"""Replay: files of spans through the same pure engine, without Kafka.

The findings are those of the stream once every grace has passed. Nothing is provisional here:
all facts are in before the rules are asked, so the order of files and lines does not matter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from grantline.engine import Engine
from grantline.model.finding import Finding
from grantline.model.hop import Hop
from grantline.model.policy import Policy
from grantline.ports import Batch, LineageStore, RejectedRow
from grantline.wire.files import read_file
from grantline.wire.otlp import Decoded

BATCH_ROWS = 20_000


class Replayed(NamedTuple):
    """What came out."""

    findings: list[Finding]
    """Final, the earliest first."""
    hops: int
    passed_over: int
    """Spans that are not delegation spans."""
    rejected: Counter[str]
    """reason -> spans or records."""


def replay(
    files: Iterable[Path],
    policy: Policy,
    store: LineageStore | None = None,
    progress: Callable[[Path, int], None] = lambda _path, _hops: None,
) -> Replayed:
    """Run `files` through the engine. Raises `OSError` for a file that cannot be read."""
    engine = Engine(policy)
    counts = _Counts()
    for path in files:
        for batch in _batches(path, counts):
            taken = engine.add(batch.hops)
            if store is not None:
                store.write(batch._replace(hops=taken))
            progress(path, counts.hops)
    last = {finding.id: finding for finding in engine.finish()}
    findings = sorted(last.values(), key=lambda finding: (finding.first_seen, finding.id))
    if store is not None:
        store.write(Batch(findings=findings))
    return Replayed(findings, counts.hops, counts.passed_over, counts.rejected)


class _Counts:
    def __init__(self) -> None:
        self.hops = 0
        self.passed_over = 0
        self.rejected: Counter[str] = Counter()

    def add(self, decoded: Decoded) -> None:
        self.hops += len(decoded.hops)
        self.passed_over += decoded.passed_over
        self.rejected.update(rejected.reason for _, rejected in decoded.rejected)


def _batches(path: Path, counts: _Counts) -> Iterator[Batch]:
    hops: list[Hop] = []
    rejected: list[RejectedRow] = []
    for number, decoded in read_file(path):
        counts.add(decoded)
        hops.extend(decoded.hops)
        rejected.extend(
            RejectedRow(
                why.reason, why.detail, f"file:{path.name}", 0, number, index,
                why.trace_id, why.span_id, why.service,
            )
            for index, why in decoded.rejected
        )  # fmt: skip
        if len(hops) >= BATCH_ROWS:
            yield Batch(hops=hops, rejected=rejected)
            hops, rejected = [], []
    yield Batch(hops=hops, rejected=rejected)
