"""The promise that no bookkeeping ever raises into the agent."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from grantline.emit.errors import Mistake, NotRecorded
from grantline.emit.settings import Settings
from grantline.emit.tally import Tally

P = ParamSpec("P")
T = TypeVar("T")


class Guarded(Protocol):
    """What has guarded methods."""

    @property
    def tally(self) -> Tally: ...
    @property
    def settings(self) -> Settings: ...


G = TypeVar("G", bound=Guarded)


def guarded(
    fallback: T, must_record: bool = False
) -> Callable[[Callable[Concatenate[G, P], T]], Callable[Concatenate[G, P], T]]:
    """Turn any failure into a count and `fallback`; into `NotRecorded` if asked for."""

    def wrap(method: Callable[Concatenate[G, P], T]) -> Callable[Concatenate[G, P], T]:
        @wraps(method)
        def safe(self: G, /, *args: P.args, **kwargs: P.kwargs) -> T:
            try:
                return method(self, *args, **kwargs)
            except (NotRecorded, Mistake):
                raise
            except Exception as error:  # noqa: BLE001 - the agent's work comes first
                if self.settings.strict:
                    raise Mistake(_what(method, error)) from None
                self.tally.error(_name(method), error)
                if must_record and self.settings.fail_closed:
                    raise NotRecorded(f"{_name(method)}: {type(error).__name__}") from None
                return fallback

        return safe

    return wrap


def _what(method: Any, error: Exception) -> str:
    """What went wrong. Only of a call that does not fit is the text shown: any other may quote a token."""
    trace = error.__traceback__
    fits = trace is None or trace.tb_next is not None
    said = f"cannot be done with what it was given ({type(error).__name__})" if fits else str(error)
    return f"{_name(method).lstrip('_')}: {said}"


def _name(method: Any) -> str:
    return getattr(method, "__name__", "call")
