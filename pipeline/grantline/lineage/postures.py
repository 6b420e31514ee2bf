"""Folding what is said once: of all hops under a key the earliest is kept."""

from __future__ import annotations

from msgspec.structs import replace

from grantline.lineage.histories import TokenDelta, arrives
from grantline.model.hop import Hop
from grantline.model.once import Once, Posture
from grantline.model.sighting import Sighting


def fold(posture: Posture, sighting: Sighting, now_ms: int, delta: TokenDelta) -> None:
    """Add one sighting of a posture. `now_ms` is ingest time."""
    arrives(posture, sighting, now_ms)
    if sighting.hop is None:
        return
    # The broker may take the same span twice, at two times.
    hop, once = replace(sighting.hop, received=0, flags=()), posture.once
    if once is None:
        once = posture.once = Once(hop, now_ms)
    elif _earlier(hop, once.hop):
        once.hop = hop
    else:
        return
    delta.others[once] = posture


def _earlier(hop: Hop, known: Hop) -> bool:
    if (hop.time, hop.span_id) != (known.time, known.span_id):
        return (hop.time, hop.span_id) < (known.time, known.span_id)
    return hop != known and repr(hop) < repr(known)
