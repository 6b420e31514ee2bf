"""What a load looks like, counted on its spans: how deep, how wide, how often a token is used.

Counted and reported, not promised by the generator: whoever reads a figure can see what it was
measured on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import fmean, median
from typing import Any, NamedTuple

from tests.benchmarks.chains import Made


class Spread(NamedTuple):
    """How a number varies."""

    least: float
    median: float
    mean: float
    most: float


class Shape(NamedTuple):
    """The load in numbers."""

    chains: int
    depth: Spread
    """Of a chain: hops from its grant to its deepest delegate."""
    fan_out: Spread
    """Delegates of one holder, where it has any."""
    uses: Spread
    """Calls with one token, where it is used at all."""
    idle: float
    """Share of tokens that are never used, only exchanged."""
    attributes: Spread
    """A span."""
    operations: dict[str, float]
    """Share of all spans."""
    violations: float
    """Planted spans, as a share of all."""


def of(chains: Sequence[Made]) -> Shape:
    """The shape of all `chains` together."""
    spans = [span.attributes for made in chains for span in made.spans]
    operations = Counter(_operation(span) for span in spans)
    issued = {span["delegation.token.fingerprint"] for span in _of(spans, "grant", "delegate")}
    used = Counter(span["delegation.token.fingerprint"] for span in _of(spans, "use"))
    planted = sum(len(made.planted) + len(made.absent) for made in chains)
    return Shape(
        chains=len(chains),
        depth=_spread([_depth(made) for made in chains]),
        fan_out=_spread(
            Counter(span["delegation.parent.id"] for span in _of(spans, "delegate")).values()
        ),
        uses=_spread(used.values()),
        idle=len(issued - used.keys()) / len(issued),
        attributes=_spread([len(span) for span in spans]),
        operations={name: count / len(spans) for name, count in operations.most_common()},
        violations=planted / len(spans),
    )


def _depth(made: Made) -> int:
    return max(int(span.attributes.get("delegation.depth", 0)) for span in made.spans)


def _of(spans: Iterable[dict[str, Any]], *operations: str) -> list[dict[str, Any]]:
    return [span for span in spans if _operation(span) in operations]


def _operation(span: dict[str, Any]) -> str:
    name: str = span["delegation.operation.name"]
    return name


def _spread(numbers: Iterable[float]) -> Spread:
    values = sorted(numbers)
    return Spread(values[0], median(values), fmean(values), values[-1])
