"""Whether exactly what was planted came out at the far end: said once, settled, and stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from grantline.demo.scenario import Planted
from grantline.model.finding import Finding

Stored = tuple[str, int, str]
"""Id, revision and status of a finding in the lineage database."""


def faults(
    planted: Collection[Planted], said: Sequence[Finding], stored: Collection[Stored]
) -> list[str]:
    """What is wrong, a sentence each; empty where all is as it should be.

    `said` is every message of the findings topic, those of one finding in their order.
    """
    last = {finding.id: finding for finding in said}
    found = Counter(_as_planted(f) for f in last.values() if f.status == "open")
    wanted = Counter(planted)
    return [
        *(f"planted but not found: {_named(*each)}" for each in (wanted - found).items()),
        *(f"found but not planted: {_named(*each)}" for each in (found - wanted).items()),
        *(fault for finding in last.values() for fault in _of_messages(finding, said)),
        *_of_store(last.values(), stored),
    ]


def _as_planted(finding: Finding) -> Planted:
    token = next(iter(finding.token_fingerprints), "")
    return Planted(finding.rule, finding.reference, token, finding.count)


def _named(planted: Planted, times: int) -> str:
    token = planted.fingerprint[-4:] or "none"
    return (
        f"{planted.reference} ({planted.rule}), token …{token}, violating spans: {planted.spans}"
        f"{f', {times} times' if times > 1 else ''}"
    )


def _of_messages(last: Finding, said: Sequence[Finding]) -> Iterator[str]:
    """Nobody may be told of something twice, nor of what was taken back."""
    name = f"{last.reference} {last.id}"
    messages = [finding for finding in said if finding.id == last.id]
    revisions = [finding.revision for finding in messages]
    if revisions != sorted(set(revisions)):
        yield f"{name}: a state was said twice, or an older one after a newer (revisions {revisions})"
    if any(finding.status == "retracted" for finding in messages[:-1]):
        yield f"{name}: spoken of after it was retracted"
    if last.status == "open" and last.provisional:
        yield f"{name}: still provisional"
    if last.status == "retracted" and any(
        f.status == "open" and not f.provisional for f in messages
    ):
        yield f"{name}: told for sure, then taken back"


def _of_store(last: Collection[Finding], stored: Collection[Stored]) -> Iterator[str]:
    said = Counter[Stored]((finding.id, finding.revision, finding.status) for finding in last)
    rows = Counter[Stored](stored)
    for identity, revision, status in said - rows:
        yield f"{identity}: not in the database as it was said ({status}, revision {revision})"
    for identity, revision, status in rows - said:
        yield f"{identity}: in the database otherwise than said ({status}, revision {revision})"
