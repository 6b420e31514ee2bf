"""Facts recorded around the agent's own code: exchanges, tools, agents, approvals.

The agent's results and exceptions pass through untouched, sync or async.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar, Unpack, overload

from opentelemetry.context import get_current

from grantline.emit import exchanged, mistakes
from grantline.emit.acts import Acts
from grantline.emit.approval import Approval
from grantline.emit.around import around, name_of, within
from grantline.emit.attributes import Kind
from grantline.emit.claims import Json
from grantline.emit.context import attached, with_agent
from grantline.emit.exchanged import Exchanged
from grantline.emit.guard import guarded
from grantline.emit.held import Held
from grantline.emit.issuing import Issuing
from grantline.emit.recorder import Fact, Token

if TYPE_CHECKING:
    from grantline.emit.facts import Facts

P = ParamSpec("P")
R = TypeVar("R")
_NOT_HELD: Held | None = None
_FAILED: Final = frozenset({"outcome", "decision_outcome", "error_type"})
"""What an agent states itself of an exchange that failed."""


class Wrapping(Issuing, Acts):
    """Decorators and wrappers."""

    @overload
    def exchange(
        self,
        call: Callable[[], Awaitable[R]],
        *,
        subject_token: Token | None = None,
        actor_token: Token | None = None,
        **facts: Unpack[Facts],
    ) -> Awaitable[R]: ...

    @overload
    def exchange(
        self,
        call: Callable[[], R],
        *,
        subject_token: Token | None = None,
        actor_token: Token | None = None,
        **facts: Unpack[Facts],
    ) -> R: ...

    def exchange(
        self,
        call: Callable[[], Any],
        *,
        subject_token: Token | None = None,
        actor_token: Token | None = None,
        **facts: Unpack[Facts],
    ) -> Any:
        """Call a token exchange and record the `delegate` it was, also if it failed.

        `call` returns the new token, the token response (a mapping, or an object with
        `access_token`), an HTTP response, or an awaitable of one of these. Its result is
        returned, its exception raised, as if it had been called directly.
        """
        self._check_function("exchange", call)
        record = partial(
            self._exchanged, facts, subject_token=subject_token, actor_token=actor_token
        )
        try:
            result = call()
        except BaseException as error:
            record(exchanged.failed, error)
            raise
        if inspect.isawaitable(result):
            return self._awaited(result, record)
        record(exchanged.read, result)
        return result

    async def _awaited(self, result: Awaitable[R], record: Callable[[Any, Any], bool]) -> R:
        try:
            answer = await result
        except BaseException as error:
            record(exchanged.failed, error)
            raise
        if self.settings.fail_closed:
            import asyncio  # noqa: PLC0415 - a third of the SDK's import, which few need

            await asyncio.to_thread(record, exchanged.read, answer)  # it waits for the broker
        else:
            record(exchanged.read, answer)
        return answer

    @guarded(False, must_record=True)
    def _exchanged(
        self,
        facts: Facts,
        read: Callable[[Any], Exchanged],
        result: Any,
        *,
        subject_token: Token | None,
        actor_token: Token | None,
    ) -> bool:
        found = read(result)
        if found.answer.token is None and not found.fields and not facts.keys() & _FAILED:
            mistakes.no_answer(self.tally, result)
        said: Any = {**found.fields, **facts}
        self._delegated(
            found.answer.token,
            subject_token=subject_token,
            actor_token=actor_token,
            refresh_token=found.answer.refresh_token,
            answer=found.answer,
            facts=said,
        )
        return True

    @overload
    def tool(self, function: Callable[P, R], /) -> Callable[P, R]: ...
    @overload
    def tool(
        self,
        function: str | None = None,
        /,
        *,
        token: Token | Callable[[], Token | None] | None = None,
        kind: Kind = "client",
        **facts: Unpack[Facts],
    ) -> Callable[[Callable[P, R]], Callable[P, R]]: ...

    def tool(
        self,
        function: Any = None,
        /,
        *,
        token: Token | Callable[[], Token | None] | None = None,
        kind: Kind = "client",
        **facts: Unpack[Facts],
    ) -> Any:
        """Decorator: each call of the function is a `use` of the current delegation.

        `@dl.tool`, `@dl.tool("name", required_scopes=[...], risk="high")`; `token` may be a
        function that returns the token to be used. The use is told when the call ends, with the
        type of its error if it failed; a call of more than some seconds is told before it ends.
        """

        def wrap(wrapped: Callable[P, R], name: str) -> Callable[P, R]:
            self._check_function("tool", wrapped)
            begin = partial(self._begun, name, token, kind, facts)
            return around(wrapped, begin, self._over)

        if callable(function):
            return wrap(function, name_of(function))
        if function is not None and not isinstance(function, str):
            mistakes.wrong_type(self.tally, "tool: a name", "text, or nothing", function)
        return lambda wrapped: wrap(wrapped, function or name_of(wrapped))

    def _check_function(self, where: str, function: object) -> None:
        if not callable(function):
            wanted = "the function itself, and not what it returned"
            mistakes.wrong_type(self.tally, f"{where}: a function", wanted, function)

    @guarded(_NOT_HELD)
    def _begun(
        self,
        name: str,
        token: Token | Callable[[], Token | None] | None,
        kind: Kind,
        facts: Facts,
    ) -> Held | None:
        held: list[Held | None] = []

        def hold(fact: Fact) -> None:
            held.append(self._recorder.hold(fact))

        given = token() if callable(token) else token
        self._use(hold, name, token=given, kind=kind, facts=facts)
        return held[0]

    @guarded(None)
    def _over(self, held: Held | None, error: BaseException | None) -> None:
        self._recorder.let_go(held, None if error is None else exchanged.error_type(error))

    def bind(self, function: Callable[P, R]) -> Callable[P, R]:
        """The function, to be called elsewhere under what is current here: delegation and trace.

        For threads and executors that copy no context: `pool.submit(dl.bind(function), ...)`,
        `loop.run_in_executor(pool, dl.bind(function))`, `Thread(target=dl.bind(function))`.
        """
        self._check_function("bind", function)
        here = get_current()
        return within(function, lambda: attached(lambda: here))

    def agent(self, name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Decorator: inside the function, `name` is the actor where no token names one."""
        if not isinstance(name, str):
            mistakes.wrong_type(self.tally, "agent: a name", "text", name)

        def wrap(function: Callable[P, R]) -> Callable[P, R]:
            self._check_function("agent", function)
            return within(function, lambda: attached(partial(with_agent, name)))

        return wrap

    def approval(
        self, what: str | None = None, /, *, action: Json | None = None, **facts: Unpack[Facts]
    ) -> Approval:
        """A pending approval: `with dl.approval("pay", action={...}) as ap: ap.approved()`.

        Left without a decision it is recorded as `expired`.
        """
        return Approval(self, what, action, facts)
