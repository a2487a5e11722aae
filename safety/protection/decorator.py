"""``@protect``: the guard around a Python function that asks a model.

The prompt and the documents are judged before the function is called, its answer before the caller gets it.
Only the parameters that are named or inferred are judged, and only the text of an answer: what a function
fetches by itself does not pass here. How a call goes is in ``guarded``, which values can be read in
``values``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from safety.guard import Guard
from safety.protection.guarded import Default, Guarded, shape_of
from safety.types import Verdict

F = TypeVar("F", bound=Callable[..., Any])

PROMPT_NAMES = (
    "prompt",
    "question",
    "query",
    "text",
    "message",
    "messages",
    "input",
    "inputs",
    "user_input",
    "user_message",
)
DOCUMENT_NAMES = (
    "documents",
    "document",
    "docs",
    "doc",
    "context",
    "contexts",
    "sources",
    "passages",
    "chunks",
    "nodes",
)


def protect(
    policy: str | Path | Guard,
    *,
    prompt: str | Default | None = Default.INFER,
    documents: str | Sequence[str] | Default = Default.INFER,
    answer: Callable[[Any], str] | None = None,
    fallback: Any = Default.RAISE,
    on_verdict: Callable[[Verdict], object] | None = None,
    labels: Mapping[str, str] | None = None,
) -> Callable[[F], F]:
    """A decorator that judges what goes into a function and what comes out of it.

    Works on functions, methods, async functions, generators and async generators; the pieces of the last two
    are released as the policy's ``stream`` says. Name, signature and type stay. A generator's return value is
    not handed on, and values sent into it are refused.

    Args:
        policy: a policy file, the name of a shipped policy, or a ``Guard`` (which may have a recorder).
            A policy that cannot be used is a ``PolicyError`` here, at start-up.
        prompt: the parameter that holds the prompt, a str or a list of OpenAI messages. By default the first
            there is of ``PROMPT_NAMES``; ``None`` for a function that has none.
        documents: the parameters that hold documents. By default all there are of ``DOCUMENT_NAMES``, in
            ``**kwargs`` too.
        answer: takes the text out of an answer (or a streamed piece) that is neither a str, nor an object
            with ``content`` or ``text``, nor an OpenAI chat completion, or that has text in another field too
            (tool calls, reasoning ...), which is a ``TypeError`` without it. Where text would have to be
            taken out of such an answer, it is blocked.
        fallback: what the caller gets instead of a blocked answer, or a callable that makes it of the verdict
            (it may be async for async functions). A generator yields it after what was released. By default
            ``Blocked`` is raised, with the verdict.
        on_verdict: called with the verdict of each stage.
        labels: who and where, for the record; ``route`` is the function's name unless given.

    ``TypeError`` at decoration when the parameters are not there, and at the call for values of other types.
    """
    guard = policy if isinstance(policy, Guard) else Guard.from_policy(policy)

    def decorate(fn: F) -> F:
        if isinstance(fn, (classmethod, staticmethod)):
            return type(fn)(decorate(fn.__func__))
        if not callable(fn) or isinstance(fn, type):
            raise TypeError(f"protect: {fn!r} is not a function: decorate a function or a method")
        shape = shape_of(fn)
        for name, hook in (("fallback", fallback), ("on_verdict", on_verdict)):
            if inspect.iscoroutinefunction(hook) and not shape.awaits:
                raise TypeError(f"protect: {name} is async and {name_of(fn)} is not: pass a plain function")
        route = {"route": name_of(fn), **(labels or {})}
        arguments = parameters(fn, prompt, documents)
        wrapped: Any = shape.wrap(Guarded(guard, fn, arguments, route, answer, fallback, on_verdict))
        guarded: F = wrapped
        return guarded

    return decorate


@dataclass(frozen=True, slots=True)
class Parameters:
    """Which parameters of a function hold the prompt and the documents. ``refused`` are names that
    ``**kwargs`` may not have: they would go unread."""

    signature: inspect.Signature
    prompt: str | None
    documents: tuple[str, ...]
    refused: frozenset[str] = frozenset()

    def read(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        """The prompt and the documents of a call. ``TypeError`` for a call that does not fit the signature,
        for one without a prompt, and for one with a second."""
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        extra = bound.arguments.get(_keywords(self.signature), {})
        unread = next((name for name in extra if name in self.refused), None)
        if unread is not None:
            raise TypeError(
                f"argument {unread!r} would go unjudged: the prompt is {self.prompt!r}, the documents are"
                f" {_listed(self.documents)}; name others with prompt= and documents="
            )
        given = {**extra, **bound.arguments}
        if self.prompt is not None and given.get(self.prompt) is None:
            raise TypeError(f"the prompt, argument {self.prompt!r}, is missing or None: pass a text")
        prompt = None if self.prompt is None else given[self.prompt]
        return prompt, {name: given[name] for name in self.documents if name in given}

    def write(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], prompt: Any, documents: Mapping[str, Any]
    ) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """The arguments of the same call with another prompt and other documents."""
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()  # without them an argument behind a gap could not be given by position
        given = {} if self.prompt is None else {self.prompt: prompt}
        for name, value in {**documents, **given}.items():
            if name in self.signature.parameters:
                bound.arguments[name] = value
            else:
                bound.arguments[_keywords(self.signature)][name] = value
        return bound.args, bound.kwargs


def parameters(
    fn: Callable[..., Any], prompt: str | Default | None, documents: str | Sequence[str] | Default
) -> Parameters:
    """Which parameters of ``fn`` are read. ``TypeError`` when that cannot be told."""
    signature = inspect.signature(fn)
    names = tuple(signature.parameters)
    others: tuple[str, ...] = ()
    if isinstance(prompt, Default):
        prompt, others = _inferred(fn, names), PROMPT_NAMES
    more: tuple[str, ...] = ()
    if isinstance(documents, Default):
        documents = tuple(name for name in names if name in DOCUMENT_NAMES and name != prompt)
        if _keywords(signature):
            more = tuple(name for name in DOCUMENT_NAMES if name not in (*names, prompt))
    documents = (documents,) if isinstance(documents, str) else tuple(documents)
    for name in (prompt, *documents):
        if name is not None and name not in names and not _keywords(signature):
            raise TypeError(f"protect: {name_of(fn)} has no parameter {name!r}: it has {_listed(names)}")
    if prompt is None and not documents:
        raise TypeError(
            f"protect: {name_of(fn)} has neither prompt nor documents: name one of {_listed(names)}"
        )
    # What the signature has can come by **kwargs once more, if it is given by position alone.
    twice = {name for name in (prompt, *documents) if name is not None and name in names}
    refused = twice.union(name for name in others if name not in documents)
    return Parameters(signature, prompt, documents + more, frozenset(refused))


def _inferred(fn: Callable[..., Any], names: Iterable[str]) -> str:
    found = next((name for name in PROMPT_NAMES if name in names), None)
    if found is None:
        raise TypeError(
            f"protect: which parameter of {name_of(fn)} is the prompt? It has {_listed(names)}: name one with"
            f" prompt=, call it one of {', '.join(PROMPT_NAMES)}, or pass prompt=None if there is none"
        )
    return found


def _keywords(signature: inspect.Signature) -> str:
    """The name of ``**kwargs``, or empty."""
    kind = inspect.Parameter.VAR_KEYWORD
    return next((p.name for p in signature.parameters.values() if p.kind is kind), "")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def name_of(fn: Callable[..., Any]) -> str:
    """``module.qualname``, as the label ``route`` carries it."""
    return f"{getattr(fn, '__module__', '')}.{getattr(fn, '__qualname__', type(fn).__qualname__)}"
