"""Which parameters are read, what a decorated function looks like, and what a block does to a call."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from guards import POLICY, guard_of, stages

import safety
from safety.errors import Blocked, PolicyError
from safety.events.memory import MemoryLog
from safety.protection.decorator import parameters, protect
from safety.protection.guarded import Default
from safety.types import Stage, Verdict


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog()


# --- which parameters -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fn", "prompt", "documents"),
    [
        (lambda question: "", "question", ()),
        (lambda docs, query, k=3: "", "query", ("docs",)),
        (lambda text, *, context, sources: "", "text", ("context", "sources")),
        (lambda messages, input: "", "messages", ()),  # noqa: A006
        (lambda self, prompt, /, documents=None: "", "prompt", ("documents",)),
    ],
)
def test_parameters_are_inferred(fn: Any, prompt: str, documents: tuple[str, ...]) -> None:
    found = parameters(fn, Default.INFER, Default.INFER)
    assert (found.prompt, found.documents) == (prompt, documents)


def test_what_cannot_be_inferred_is_an_error_that_names_the_parameters() -> None:
    with pytest.raises(TypeError, match=r"which parameter of .* is the prompt\? It has a, b: name one"):
        protect(guard_of())(lambda a, b: "")
    with pytest.raises(TypeError, match="has no parameter 'c': it has a, b"):
        protect(guard_of(), prompt="c")(lambda a, b: "")
    with pytest.raises(TypeError, match="has neither prompt nor documents: name one of a"):
        protect(guard_of(), prompt=None)(lambda a: "")


def test_only_functions_can_be_protected() -> None:
    with pytest.raises(TypeError, match="is not a function"):
        protect(guard_of())(dict)


def test_an_async_fallback_needs_an_async_function() -> None:
    async def later(verdict: Verdict) -> str:
        return ""

    with pytest.raises(TypeError, match=r"fallback is async and .* is not"):
        protect(guard_of(), fallback=later)(lambda prompt: "")


def test_a_broken_policy_stops_the_start(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("version: 1\nname: x\nrulez: []\n")
    with pytest.raises(PolicyError, match="rulez"):
        protect(broken)
    with pytest.raises(PolicyError):
        protect(tmp_path / "absent.yaml")


def test_a_policy_is_a_path_or_a_guard(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY.replace("MODE", "windowed"))
    for policy in (path, str(path), guard_of()):

        @safety.protect(policy)
        def ask(question: str) -> str:
            return f"about {question}"

        assert ask("rain") == "about rain"
        with pytest.raises(Blocked):
            ask("forbidden")


# --- what a decorated function looks like -----------------------------------------------------------------


def test_name_signature_and_kind_stay() -> None:
    async def a(question: str, k: int = 3) -> str:
        """Doc."""
        return ""

    async def b(question: str) -> AsyncIterator[str]:
        yield ""

    def c(question: str) -> Iterator[str]:
        yield ""

    def d(question: str) -> str:
        return ""

    tests = (inspect.iscoroutinefunction, inspect.isasyncgenfunction, inspect.isgeneratorfunction)
    for fn in (a, b, c, d):
        guarded = protect(guard_of())(fn)
        assert (guarded.__name__, guarded.__doc__) == (fn.__name__, fn.__doc__)
        assert inspect.signature(guarded) == inspect.signature(fn)
        assert [test(guarded) for test in tests] == [test(fn) for test in tests]


class Model:
    """Every way a function can stand in a class."""

    mark = "m"

    @protect(guard_of())
    def plain(self, question: str) -> str:
        return self.mark + question

    @classmethod
    @protect(guard_of())
    def inside(cls, question: str) -> str:
        return cls.mark + question

    @protect(guard_of())
    @classmethod
    def outside(cls, question: str) -> str:
        return cls.mark + question

    @protect(guard_of())
    @staticmethod
    def static(question: str) -> str:
        return "m" + question

    async def __call__(self, question: str) -> str:
        return self.mark + question


@pytest.mark.parametrize("ask", [Model().plain, Model.inside, Model.outside, Model.static, Model().static])
def test_methods(ask: Any) -> None:
    assert ask("hidden?") == "m[GONE]?"
    with pytest.raises(Blocked):
        ask(question="forbidden")


def test_callable_objects_and_partials() -> None:
    assert asyncio.run(protect(guard_of())(Model())("hidden")) == "m[GONE]"
    bound = functools.partial(lambda mark, question: mark + question, "m")
    assert protect(guard_of())(bound)("hidden") == "m[GONE]"


# --- what passes, and what does not -----------------------------------------------------------------------


def test_what_is_clean_goes_through_untouched(log: MemoryLog) -> None:
    seen: list[Any] = []

    @protect(guard_of(log))
    def ask(question: str, docs: list[str], *rest: int, **more: int) -> str:
        seen.append((question, docs, rest, more))
        return "fine"

    documents = ["one"]
    assert ask("why?", documents, 1, 2, k=3) == "fine"
    assert seen == [("why?", documents, (1, 2), {"k": 3})]
    assert seen[0][1] is documents
    assert stages(log) == [("input", "allow"), ("output", "allow")]
    first, second = log.events
    assert first.exchange == second.exchange
    assert first.labels["route"].endswith("ask")


@pytest.mark.parametrize("call", [{"question": "forbidden"}, {"docs": ["fine", "two words"]}])
def test_a_blocked_input_does_not_reach_the_function(call: dict[str, Any], log: MemoryLog) -> None:
    called: list[str] = []

    @protect(guard_of(log))
    def ask(question: str, docs: list[str]) -> str:
        called.append(question)
        return ""

    with pytest.raises(Blocked, match="not that") as caught:
        ask(**{"question": "why?", "docs": [], **call})
    assert caught.value.verdict.exchange.stage is Stage.INPUT
    assert called == []
    assert stages(log) == [("input", "block")]


def test_a_blocked_answer_does_not_reach_the_caller(log: MemoryLog) -> None:
    ask = protect(guard_of(log))(lambda question: "this is forbidden")
    with pytest.raises(Blocked) as caught:
        ask("why?")
    assert caught.value.verdict.exchange.stage is Stage.OUTPUT
    assert stages(log) == [("input", "allow"), ("output", "block")]


def test_input_is_redacted_wherever_it_stands() -> None:
    @protect(guard_of(), prompt="q", documents=("d", "extra"))
    def ask(q: str, /, d: tuple[str, ...] = ("hidden default",), **more: Any) -> str:
        return f"{q} {d} {more}"

    assert ask("a hidden b") == "a [GONE] b ('[GONE] default',) {}"
    assert ask("a", extra=["x", "hidden"], n=1) == "a ('[GONE] default',) {'extra': ['x', '[GONE]'], 'n': 1}"


@pytest.mark.parametrize("named", [{}, {"documents": "documents"}])
def test_documents_given_as_keywords_are_judged(named: dict[str, Any]) -> None:
    ask = protect(guard_of(), **named)(lambda question, **kwargs: f"{question} {kwargs}")
    assert ask("q", documents=["hidden"], k=3) == "q {'documents': ['[GONE]'], 'k': 3}"
    with pytest.raises(Blocked):
        ask("q", documents=["two words"])


def test_a_second_prompt_among_the_keywords_is_refused() -> None:
    def ask(question: str, **kwargs: Any) -> str:
        return f"{question} {kwargs}"

    with pytest.raises(TypeError, match="argument 'messages' would go unjudged: the prompt is 'question'"):
        protect(guard_of())(ask)("q", messages=["forbidden"])
    assert protect(guard_of(), prompt="question")(ask)("q", text="x") == "q {'text': 'x'}"


def test_a_name_given_by_position_and_as_a_keyword_is_refused() -> None:
    with pytest.raises(TypeError, match="argument 'docs' would go unjudged"):
        protect(guard_of())(lambda prompt, docs, /, **kwargs: "")("q", ["fine"], docs=["forbidden"])


def test_documents_given_as_star_args() -> None:
    ask = protect(guard_of())(lambda question, *documents: f"{question} {documents}")
    assert ask("q", "hidden", "b") == "q ('[GONE]', 'b')"


def test_answers_are_redacted() -> None:
    assert protect(guard_of())(lambda question: "a hidden b")("q") == "a [GONE] b"


def test_a_missing_prompt_is_an_error_and_not_unchecked() -> None:
    @protect(guard_of())
    def ask(question: str | None = None, docs: list[str] | None = None) -> str:
        return "fine"

    with pytest.raises(TypeError, match="'question', is missing or None"):
        ask()
    assert ask("why?", None) == "fine"
    with pytest.raises(TypeError, match="'question', is missing or None"):
        protect(guard_of(), prompt="question")(lambda **kwargs: "fine")(other="forbidden")


def test_a_call_that_does_not_fit_the_signature_fails_as_it_would() -> None:
    with pytest.raises(TypeError, match="missing a required argument: 'question'"):
        protect(guard_of())(lambda question: "")()


def test_a_function_without_a_prompt() -> None:
    condense = protect(guard_of(), prompt=None)(lambda documents: f"short: {documents}")
    assert condense("hidden") == "short: [GONE]"


def test_fallbacks() -> None:
    def answer(question: str) -> str | None:
        return "forbidden"

    async def aanswer(question: str) -> str | None:
        return "forbidden"

    async def later(verdict: Verdict) -> str:
        return f"later {verdict.exchange.stage}"

    guard = guard_of()
    assert protect(guard, fallback=None)(answer)("q") is None
    assert protect(guard, fallback=lambda v: f"no {v.exchange.stage}")(answer)("q") == "no output"
    assert protect(guard, fallback=lambda v: f"no {v.exchange.stage}")(answer)("forbidden") == "no input"
    assert asyncio.run(protect(guard, fallback=later)(aanswer)("q")) == "later output"
    assert asyncio.run(protect(guard, fallback="sorry")(aanswer)("q")) == "sorry"


def test_verdicts_of_both_stages_are_told() -> None:
    told: list[tuple[str, str]] = []

    async def note(verdict: Verdict) -> None:
        told.append((str(verdict.exchange.stage), str(verdict.action)))

    @protect(guard_of(), on_verdict=note)
    async def ask(question: str) -> str:
        return "a hidden thing"

    assert asyncio.run(ask("q")) == "a [GONE] thing"
    assert told == [("input", "allow"), ("output", "redact")]


def test_labels_go_on_record(log: MemoryLog) -> None:
    protect(guard_of(log), labels={"route": "rag", "tenant": "t1"})(lambda question: "")("q")
    assert [dict(event.labels) for event in log.events] == [{"route": "rag", "tenant": "t1"}] * 2


def test_what_the_function_raises_reaches_the_caller_and_the_record(log: MemoryLog) -> None:
    @protect(guard_of(log))
    def ask(question: str) -> str:
        raise KeyError(question)

    with pytest.raises(KeyError, match="why"):
        ask("why")
    assert stages(log) == [("input", "allow"), ("output", "allow")]
    assert log.events[1].labels["end"] == "raised KeyError"


def test_a_block_inside_is_not_taken_for_ones_own() -> None:
    inner = protect(guard_of())(lambda question: "forbidden")
    outer = protect(guard_of(), fallback="outer's")(lambda question: inner(question))
    with pytest.raises(Blocked):
        outer("q")


def test_without_a_record_nothing_passes(log: MemoryLog) -> None:
    log.refuse("disk full")
    with pytest.raises(Blocked, match="could not run"):
        protect(guard_of(log))(lambda question: "fine")("q")


def test_a_task_that_is_cancelled_is_on_record(log: MemoryLog) -> None:
    async def main() -> None:
        started = asyncio.Event()

        @protect(guard_of(log))
        async def ask(question: str) -> str:
            started.set()
            await asyncio.Event().wait()
            return ""

        task = asyncio.create_task(ask("q"))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert log.events[1].labels["end"] == "raised CancelledError"


@pytest.mark.parametrize(
    ("prompt", "documents", "answer"),
    [
        ("why?", [], "because"),
        ("forbidden", [], "because"),
        ("hidden", ["hidden", "x"], "hidden"),
        ("why?", ["two words"], "because"),
        ("why? <documents>two words</documents>", [], "x"),
        ("why?", [], "f o r b i d d e n"),
    ],
)
def test_the_verdicts_are_those_of_the_guard(prompt: str, documents: list[str], answer: str) -> None:
    told: list[Verdict] = []
    guard = guard_of()
    ask = protect(guard, on_verdict=told.append, fallback=None)(lambda prompt, documents: answer)
    ask(prompt, documents)
    expected = [
        guard.check_prompt(prompt, documents=documents),
        guard.check_answer(answer, prompt=prompt, documents=documents),
    ]
    for verdict, same in zip(told, expected, strict=False):
        assert (verdict.action, verdict.hits, verdict.edits) == (same.action, same.hits, same.edits)
        assert verdict.exchange.segments == same.exchange.segments
        assert verdict.exchange.context == same.exchange.context
