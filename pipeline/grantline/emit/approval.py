"""A decision that somebody still has to take on one pending action (human in the loop)."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack

from grantline.emit.acts import Acts
from grantline.emit.claims import Json

if TYPE_CHECKING:
    from grantline.emit.facts import Facts


class Approval:
    """One decision on one action, recorded once; usable with `with` and `async with`."""

    def __init__(self, acts: Acts, what: str | None, action: Json | None, facts: Facts) -> None:
        self._acts, self._what, self._action, self._facts = acts, what, action, facts
        self.id: str | None = None
        """To repeat as `approval_id` of the `use`; `None` until decided."""

    def approved(self, **facts: Unpack[Facts]) -> str:
        return self._decide("approved", facts)

    def denied(self, **facts: Unpack[Facts]) -> str:
        return self._decide("denied", facts)

    def _decide(self, outcome: str, facts: Facts) -> str:
        if self.id is None:
            said: Any = {**self._facts, **facts, "outcome": outcome}
            self.id = self._acts.approve(self._what, action=self._action, **said)
        return self.id

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._decide("expired", {})

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._decide("expired", {})
