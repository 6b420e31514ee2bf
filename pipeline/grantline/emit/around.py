"""Functions with something before and after each call, sync or async; their results pass untouched."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


def name_of(function: Any) -> str:
    """What a function, a partial or a callable object is called."""
    return getattr(function, "__name__", type(function).__name__)


def around(
    function: Callable[P, R],
    begin: Callable[[], T],
    over: Callable[[T, BaseException | None], None],
) -> Callable[P, R]:
    """What `begin` gave is handed to `over`, with the exception if the call raised one."""
    if inspect.iscoroutinefunction(function):

        @wraps(function)
        async def asynchronous(*args: P.args, **kwargs: P.kwargs) -> Any:
            held = begin()
            try:
                result = await function(*args, **kwargs)
            except BaseException as error:
                over(held, error)
                raise
            over(held, None)
            return result

        return asynchronous  # type: ignore[return-value]

    @wraps(function)
    def synchronous(*args: P.args, **kwargs: P.kwargs) -> R:
        held = begin()
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            over(held, error)
            raise
        over(held, None)
        return result

    return synchronous


def within(
    function: Callable[P, R], block: Callable[[], AbstractContextManager[None]]
) -> Callable[P, R]:
    """Each call runs within a block of its own."""
    if inspect.iscoroutinefunction(function):

        @wraps(function)
        async def asynchronous(*args: P.args, **kwargs: P.kwargs) -> Any:
            with block():
                return await function(*args, **kwargs)

        return asynchronous  # type: ignore[return-value]

    @wraps(function)
    def synchronous(*args: P.args, **kwargs: P.kwargs) -> R:
        with block():
            return function(*args, **kwargs)

    return synchronous
