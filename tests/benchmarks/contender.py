"""What every contender gives: seconds that count only because its output was what it must be."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from tests.benchmarks.broker import Said
from tests.benchmarks.expected import Expected
from tests.benchmarks.load import Load
from tests.benchmarks.usage import Used


class Measured(NamedTuple):
    """One contender, once."""

    seconds: float
    """From the first record produced to the last of its output readable."""
    used: dict[str, Used]
    """By process."""
    finding_messages: int = 0
    """With those that were amended or taken back."""


Measure = Callable[[str, Load, Expected, str], Measured]
"""Bootstrap servers, load, what must come of it and a name that no run had before. Raises
`Different` where the output is not what it must be."""


class Contender(NamedTuple):
    """Something that does the work, or as much of it as it says."""

    name: str
    about: str
    measure: Measure


def last_at(said: Iterable[Said], expected: Expected, begin: float) -> float:
    """When the last finding could be read, but for those held back for a witness, on purpose."""
    held_back = expected.held_back
    return max((one.at for one in said if one.finding.id not in held_back), default=begin)
