"""A guarded call, as two flows: one for answers that come whole, one for those that come in pieces.

A flow says what is to be done, in order; a driver (``drivers``) does it, at once or awaited. So functions,
async functions, generators and async generators cannot drift apart. Which arguments are read is
``decorator``'s business, how text is read from a value that of ``values``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from itertools import takewhile
from typing import Any, Protocol

from safety.errors import Blocked
from safety.gate import Cut, Outgoing, Released
from safety.guard import PROTECT, Guard, new_id
from safety.policy.model import StreamMode
from safety.protection.drivers import (
    ASYNC,
    END,
    SYNC,
    Closed,
    Emit,
    Flow,
    FlowOf,
    Verbs,
    async_generator,
    coroutine,
    generator,
    plain,
)
from safety.protection.values import Readable, answer_of, answer_text, prompt_and_documents
from safety.types import Action, Delta, Exchange, Finding, Hit, Origin, Stage, Verdict
from safety.wire.plain import ANSWER
from safety.wire.values import CannotRewrite, Text

CLIENT_CLOSED = "client_closed"


class Default(Enum):
    """What an argument that was left out stands for."""

    INFER = "inferred from the signature"
    RAISE = "raise Blocked"


class Arguments(Protocol):
    """Which of a call's arguments are read."""

    def read(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        """The prompt (``None`` if the function has none) and the documents by parameter."""

    def write(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], prompt: Any, documents: Mapping[str, Any]
    ) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """The arguments with these in place of what was read."""


@dataclass(frozen=True, slots=True)
class Guarded:
    """One guarded function; the fields are as ``protect`` explains them."""

    guard: Guard
    fn: Callable[..., Any]
    arguments: Arguments
    labels: Mapping[str, str]
    answer: Callable[[Any], str] | None = None
    fallback: Any = Default.RAISE
    on_verdict: Callable[[Verdict], object] | None = None

    def called(self, verbs: Verbs, args: Any, kwargs: Any) -> Flow:
        """A call that returns its answer whole; returns what the caller gets."""
        request, verdict, args, kwargs = yield from self._input(verbs, args, kwargs)
        if verdict.blocked:
            return (yield from self._refused(verdict))
        try:
            value = yield partial(self.fn, *args, **kwargs)
            if inspect.isgenerator(value):
                return generator(self.fn, lambda *_: self._relay(SYNC, value, request))()
            if inspect.isasyncgen(value):
                return async_generator(self.fn, lambda *_: self._relay(ASYNC, value, request))()
            readable = answer_of(value, request, self.answer)
        except Closed:
            raise
        except BaseException as error:  # no answer that could be judged: on record, and on to the caller
            yield from self._unanswered(verbs, request, error)
            raise
        verdict, value = yield from self._settle(verbs, readable, value)
        return (yield from self._refused(verdict)) if verdict.blocked else value

    def streamed(self, verbs: Verbs, args: Any, kwargs: Any) -> Flow:
        """A call that yields its answer in pieces."""
        request, verdict, args, kwargs = yield from self._input(verbs, args, kwargs)
        if verdict.blocked:
            yield Emit((yield from self._refused(verdict)))
        else:
            yield from self._relay(verbs, self.fn(*args, **kwargs), request)

    def _input(self, verbs: Verbs, args: Any, kwargs: Any) -> Flow:
        """Returns the exchange at stage input, its verdict, and the arguments to pass on."""
        prompt, documents = self.arguments.read(args, kwargs)
        base = Exchange(new_id(), Stage.INPUT, (), labels=self.labels)
        readable = prompt_and_documents(prompt, documents, base, self.guard.policy.documents)
        verdict, changed = yield from self._settle(verbs, readable, None)
        if changed is not None:
            args, kwargs = self.arguments.write(args, kwargs, *changed)
        return readable.exchange, verdict, args, kwargs

    def _settle(self, verbs: Verbs, readable: Readable, value: Any) -> Flow:
        """Judge and record; returns the verdict and ``value`` as it may go on."""
        (verdict,) = yield partial(verbs.judge, self.guard, (readable.exchange,))
        if verdict.edits and not verdict.blocked:
            try:
                value = readable.rewrite(verdict.edits)
            except CannotRewrite as error:
                verdict = self._barred(verdict, error)
        verdict = yield partial(verbs.record, self.guard, verdict)
        yield from self._tell(verdict)
        return verdict, value

    def _unanswered(self, verbs: Verbs, request: Exchange, error: BaseException) -> Flow:
        """Puts on record that there is no answer."""
        exchange = replace(
            request,
            stage=Stage.OUTPUT,
            segments=(),
            context=request.segments,
            labels={**request.labels, "end": _raised(error)},
        )
        yield partial(verbs.record, self.guard, self.guard.decide(exchange, ()))

    def _refused(self, verdict: Verdict, cause: BaseException | None = None) -> Flow:
        """Returns what the caller gets instead, or raises."""
        if self.fallback is Default.RAISE:
            raise Blocked(verdict) from cause
        if callable(self.fallback):
            return (yield partial(self.fallback, verdict))
        return self.fallback

    def _tell(self, verdict: Verdict) -> Flow:
        if self.on_verdict is not None:
            yield partial(self.on_verdict, verdict)

    # Answers in pieces.

    def _relay(self, verbs: Verbs, inner: Any, request: Exchange) -> Flow:
        """The pieces of ``inner`` as the gate releases them, and one event however it ends."""
        stream = verbs.stream(self.guard, request)
        failure: Exception | None = None
        thrown: list[BaseException] = []
        try:
            yield from self._pump(verbs, inner, stream, thrown)
        except Exception as error:  # the function's own: raised again once what came before it is out
            failure = error
        except BaseException:  # the caller closed the generator, or its task was cancelled
            yield from self._end(verbs, inner, stream, CLIENT_CLOSED)
            raise
        ended = "" if failure is None else _raised(failure)
        rest = yield from self._end(verbs, inner, stream, ended)
        pieces, verdict = self._last(rest, stream.verdict, failure)
        if failure in thrown:
            raise failure  # the caller's own, given back: who throws does not wait for pieces
        for piece in pieces:
            yield Emit(piece)
        if verdict.blocked and self._holds:
            yield Emit((yield from self._refused(verdict, failure)))
        elif failure is not None:
            raise failure

    def _pump(self, verbs: Verbs, inner: Any, stream: Any, thrown: list[BaseException]) -> Flow:
        """Takes pieces and hands out what is released. What the caller throws goes to the function, and into
        ``thrown``."""
        take = partial(verbs.take, inner)
        while not stream.over:
            value = yield take
            if value is END:
                return
            take = partial(verbs.take, inner)
            item = answer_text(value, self.answer)
            deltas = (Delta(ANSWER, Origin.ASSISTANT, item.text),) if item.text else ()
            for piece in _pieces((yield partial(stream.push, item, deltas))):
                try:
                    yield Emit(piece)
                except Closed:
                    raise
                except BaseException as error:
                    thrown.append(error)
                    take = partial(verbs.throw, inner, error)

    def _end(self, verbs: Verbs, inner: Any, stream: Any, end: str) -> Flow:
        """Closes the function, judges and records the whole; returns what may still go out."""
        try:
            yield partial(verbs.close, inner)
        finally:
            rest = yield partial(stream.finish, end)
            yield from self._tell(stream.verdict)
        return rest

    def _last(
        self, rest: Sequence[Any], verdict: Verdict, failure: Exception | None
    ) -> tuple[list[Any], Verdict]:
        """The pieces that still go out at the end, and the verdict."""
        if isinstance(failure, CannotRewrite):
            return [], self._barred(verdict, failure)
        before = list(takewhile(lambda item: not isinstance(item, Cut), rest))
        if verdict.blocked and self._holds and len(before) == len(rest):
            return [], verdict  # nothing in the text did it: its event could not be recorded
        try:
            return _pieces(before), verdict
        except CannotRewrite as error:
            return [], self._barred(verdict, error)

    def _barred(self, verdict: Verdict, error: CannotRewrite) -> Verdict:
        """The verdict where text should be taken out of a value and cannot: then the value does not pass."""
        finding = Finding(PROTECT, "protect.cannot_redact", evidence=str(error))
        fact = Hit(PROTECT, Action.BLOCK, finding, message=str(error))
        decided = self.guard.decide(verdict.exchange, verdict.outcomes, facts=(fact,))
        return replace(decided, seconds=verdict.seconds)

    @property
    def _holds(self) -> bool:
        return self.guard.policy.stream.mode is not StreamMode.OBSERVE


def _pieces(released: Sequence[Outgoing[Text]]) -> list[Any]:
    """The values to hand out; one whose text was taken out altogether is dropped."""
    return [
        item.item.put(item.item.text if item.texts is None else item.texts[0])
        for item in released
        if isinstance(item, Released) and item.texts != ("",)
    ]


def _raised(error: BaseException) -> str:
    return f"raised {type(error).__name__}"


@dataclass(frozen=True, slots=True)
class Shape:
    """A kind of function: how it is recognised, and how a guarded one of the kind is made."""

    recognised: Callable[[Any], bool]
    awaits: bool
    _wrap: Callable[[Callable[..., Any], FlowOf], Callable[..., Any]]
    _flow: Callable[[Guarded, Verbs, Any, Any], Flow]

    def wrap(self, guarded: Guarded) -> Callable[..., Any]:
        """The function, guarded: same name, same signature, same kind."""
        return self._wrap(guarded.fn, partial(self._flow, guarded, ASYNC if self.awaits else SYNC))


_SHAPES = (
    Shape(inspect.isasyncgenfunction, True, async_generator, Guarded.streamed),
    Shape(inspect.iscoroutinefunction, True, coroutine, Guarded.called),
    Shape(inspect.isgeneratorfunction, False, generator, Guarded.streamed),
    Shape(callable, False, plain, Guarded.called),
)


def shape_of(fn: Callable[..., Any]) -> Shape:
    """The kind of ``fn``; a callable object is of the kind of its ``__call__``."""
    code = fn if inspect.isroutine(fn) or isinstance(fn, partial) else type(fn).__call__
    return next(shape for shape in _SHAPES if shape.recognised(code))
