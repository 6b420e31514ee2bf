"""A log that was judged under another policy: both policies over the same facts, and what differs.

After a restart under another policy the log is folded from its beginning, as the present policy has
it. Beside it runs an engine under the one before: what stands there at the committed offset is what
was said. The first record beyond that offset is where the present policy takes over: all that differs
is said there, once, as the policy's doing. A crash before that is committed does all of it again, to
the same end; so the log itself names the place. Knows neither Kafka nor Faust.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Generic, Protocol, TypeVar

from grantline.model.finding import Finding
from grantline.streams.outcome import Outcome

_T_contra = TypeVar("_T_contra", contravariant=True)
_T = TypeVar("_T")


class Former(Protocol[_T_contra]):
    """What is asked of the engine under the policy before."""

    def add(self, items: Iterable[_T_contra], /) -> None: ...
    def advance(self, now_ms: int, /) -> None: ...
    def settle(self, revision: int, /) -> Outcome: ...


class PolicyChange(Generic[_T]):
    """One partition's way from one policy to the next."""

    def __init__(self, former: Former[_T]) -> None:
        self._former = former
        self._before: dict[str, Finding] = {}
        """What stands under the policy before, by id."""
        self._now: dict[str, Finding] = {}

    def fold(self, offset: int, now_ms: int, items: Sequence[_T]) -> None:
        """A record that was judged under the policy before."""
        self._former.advance(now_ms)
        _hear(self._before, self._former.settle(2 * offset).findings)
        self._former.add(items)
        _hear(self._before, self._former.settle(2 * offset + 1).findings)

    def hear(self, findings: Iterable[Finding]) -> None:
        """What the present policy says of the same facts."""
        _hear(self._now, findings)

    @property
    def said(self) -> list[str]:
        """Ids of what stood under the policy before."""
        return list(self._before)

    def differences(self, revision: int) -> list[Finding]:
        """What was said and stands no more, what is said otherwise, and what is new: as the
        policy's doing.
        """
        marked = {"revision": revision, "policy_change": True}
        new = [
            finding.model_copy(update=marked)
            for finding in self._now.values()
            if not _alike(finding, self._before.get(finding.id))
        ]
        gone = {"status": "retracted", "provisional": False, **marked}
        return new + [
            finding.model_copy(update=gone)
            for finding in self._before.values()
            if finding.id not in self._now
        ]


def _hear(standing: dict[str, Finding], findings: Iterable[Finding]) -> None:
    for finding in findings:
        if finding.status == "open":
            standing[finding.id] = finding
        else:
            standing.pop(finding.id, None)


def _alike(now: Finding, before: Finding | None) -> bool:
    """Whether both say the same, each under its policy."""
    if before is None:
        return False
    return now == before.model_copy(update={"revision": now.revision, "policy": now.policy})
