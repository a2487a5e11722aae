"""Driving flows: a flow says what is to be done next, a driver does it, at once or awaited.

A flow is a generator that yields steps (calls without arguments) and gets their results back, or the
exceptions they raised; what it returns is the result. ``Emit`` steps are pieces that a generator hands out.
So one flow serves functions, async functions, generators and async generators. What is done, and in which
order, is not decided here.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from safety.guard import Guard
from safety.types import Exchange

Step = Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Emit:
    """A piece for the caller. Any other step of a flow is carried out, and its result sent back."""

    piece: Any


Flow = Generator[Step | Emit, Any, Any]
END = object()


@dataclass(frozen=True, slots=True)
class Verbs:
    """The guard's and a generator's operations, done at once or awaited."""

    judge: Callable[..., Any]
    record: Callable[..., Any]
    stream: Callable[[Guard, Exchange], Any]
    take: Callable[[Any], Any]
    throw: Callable[[Any, BaseException], Any]
    close: Callable[[Any], Any]


class Closed(BaseException):
    """What a flow sees when its driver is closed. Not ``GeneratorExit``: that closes the generators a flow
    delegates to (PEP 380) before they could say what is still to be done."""


class _Run:
    """A flow on its way: set ``reply`` or ``error`` before asking for the ``next`` step."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self.reply: Any = None
        self.error: BaseException | None = None
        self.result: Any = None

    def next(self) -> Any:
        """The next step; ``None`` once the flow has returned its ``result``."""
        reply, error = self.reply, self.error
        self.reply = self.error = None
        if isinstance(error, GeneratorExit):
            error = Closed()
        try:
            return self._flow.send(reply) if error is None else self._flow.throw(error)
        except StopIteration as end:
            self.result = end.value
            return None
        except Closed:
            raise GeneratorExit from None


FlowOf = Callable[[Any, Any], Flow]  # of the arguments of a call

# Every driver hands what a step raised back to the flow, which knows what it means: hence BaseException.


def plain(fn: Callable[..., Any], flow_of: FlowOf) -> Callable[..., Any]:
    """A function that runs the flow of its call."""

    @functools.wraps(fn)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        run = _Run(flow_of(args, kwargs))
        while (step := run.next()) is not None:
            try:
                run.reply = step()
            except BaseException as error:
                run.error = error
        return run.result

    return guarded


def coroutine(fn: Callable[..., Any], flow_of: FlowOf) -> Callable[..., Any]:
    """An async function that runs the flow of its call."""

    @functools.wraps(fn)
    async def guarded(*args: Any, **kwargs: Any) -> Any:
        run = _Run(flow_of(args, kwargs))
        while (step := run.next()) is not None:
            try:
                run.reply = await _done(step())
            except BaseException as error:
                run.error = error
        return run.result

    return guarded


def generator(fn: Callable[..., Any], flow_of: FlowOf) -> Callable[..., Any]:
    """A generator function that runs the flow of its call and yields what it emits."""

    @functools.wraps(fn)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        run = _Run(flow_of(args, kwargs))
        while (step := run.next()) is not None:
            try:
                if isinstance(step, Emit):
                    _refuse((yield step.piece))
                else:
                    run.reply = step()
            except BaseException as error:
                run.error = error

    return guarded


def async_generator(fn: Callable[..., Any], flow_of: FlowOf) -> Callable[..., Any]:
    """An async generator function that runs the flow of its call and yields what it emits."""

    @functools.wraps(fn)
    async def guarded(*args: Any, **kwargs: Any) -> Any:
        run = _Run(flow_of(args, kwargs))
        while (step := run.next()) is not None:
            try:
                if isinstance(step, Emit):
                    _refuse((yield step.piece))
                else:
                    run.reply = await _done(step())
            except BaseException as error:
                run.error = error

    return guarded


async def _done(result: Any) -> Any:
    return await result if inspect.isawaitable(result) else result


def _refuse(sent: Any) -> None:
    if sent is not None:
        raise TypeError(
            "a guarded generator takes no values by send(): its pieces come later than they are made"
        )


def _throw(inner: Any, error: BaseException) -> Any:
    try:
        return inner.throw(error)
    except StopIteration:
        return END


async def _athrow(inner: Any, error: BaseException) -> Any:
    try:
        return await inner.athrow(error)
    except StopAsyncIteration:
        return END


SYNC = Verbs(
    Guard.judge,
    Guard.record,
    Guard.stream,
    lambda inner: next(inner, END),
    _throw,
    lambda inner: inner.close(),
)
ASYNC = Verbs(
    Guard.ajudge,
    Guard.arecord,
    Guard.astream,
    lambda inner: anext(inner, END),
    _athrow,
    lambda inner: inner.aclose(),
)
