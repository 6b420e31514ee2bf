"""What every contender gives: seconds that count only because its output was what it must be."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from tests.benchmarks.broker import Said
from tests.benchmarks.expected import Expected
from tests.benchmarks.load import Load
from tests.benchmarks.usage import Used
from tests.brokers import Broker


class Measured(NamedTuple):
    """One contender, once."""

    seconds: float
    """From the backlog being let go to the last of the output readable."""
    used: dict[str, Used]
    """By process."""
    finding_messages: int = 0
    """With those that were amended or taken back."""
    script_seconds: float = 0.0
    """Of these: for the one run of a batch job."""


Measure = Callable[[Broker, Load, Expected, str], Measured]
"""Works on the load from a backlog, under a name that no run had before. Raises `Different`
where the output is not what it must be, `Missing` where the contender cannot be had."""


class Missing(Exception):
    """The contender cannot be had here; says why."""


class Contender(NamedTuple):
    """Something that does the work, or as much of it as it says."""

    name: str
    about: str
    measure: Measure


def last_at(said: Iterable[Said], expected: Expected, begin: float) -> float:
    """When the last finding could be read, but for those held back for a witness, on purpose."""
    held_back = expected.held_back
    return max((one.at for one in said if one.finding.id not in held_back), default=begin)
