"""Streamed answers: what comes out of guarded generators, where they are cut, and how they end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from guards import guard_of, stages
from hypothesis import given
from hypothesis import strategies as st

from safety.errors import Blocked
from safety.events.memory import MemoryLog
from safety.guard import Guard
from safety.protection.decorator import protect
from safety.types import Verdict

CLEAN = "One sentence is here. Another one follows it. "
Collect = Callable[..., tuple[str, BaseException | None]]


def from_generator(guard: Guard, pieces: list[Any], **options: Any) -> tuple[list[Any], Exception | None]:
    """What a guarded generator of ``pieces`` hands out, and what it raises."""

    @protect(guard, **options)
    def ask(question: str) -> Iterator[Any]:
        yield from pieces

    out: list[Any] = []
    try:
        out += _each(ask("q"), out)
    except (Blocked, TypeError) as error:
        return out, error
    return out, None


def _each(pieces: Iterator[Any], out: list[Any]) -> list[Any]:
    for piece in pieces:
        out.append(piece)  # noqa: PERF402 - what came before an error is kept
    return []


def from_async_generator(
    guard: Guard, pieces: list[Any], **options: Any
) -> tuple[list[Any], Exception | None]:
    """The same of an async generator."""

    @protect(guard, **options)
    async def ask(question: str) -> AsyncIterator[Any]:
        for piece in pieces:
            yield piece

    async def main() -> tuple[list[Any], Exception | None]:
        out: list[Any] = []
        try:
            async for piece in ask("q"):
                out.append(piece)  # noqa: PERF401 - what came before an error is kept
        except (Blocked, TypeError) as error:
            return out, error
        return out, None

    return asyncio.run(main())


both = pytest.mark.parametrize("collect", [from_generator, from_async_generator])


@both
def test_clean_pieces_come_out_as_they_are(collect: Any) -> None:
    log = MemoryLog()
    pieces = ["One sent", "", "ence is here. Ano", "ther."]
    assert collect(guard_of(log), pieces) == (pieces, None)
    assert stages(log) == [("input", "allow"), ("output", "allow")]
    assert "end" not in log.events[1].labels


@both
def test_a_block_cuts_the_answer_where_it_was_judged(collect: Any) -> None:
    log = MemoryLog()
    out, error = collect(guard_of(log), [CLEAN, "This is for", "bidden. And more. ", CLEAN])
    assert "".join(out) == CLEAN
    assert isinstance(error, Blocked)
    assert [hit.rule for hit in error.verdict.deciding] == ["stop"]
    assert stages(log) == [("input", "allow"), ("output", "block")]


@both
def test_a_fallback_ends_the_stream(collect: Any) -> None:
    options = {"fallback": lambda verdict: f"[{verdict.exchange.stage}]"}
    out, error = collect(guard_of(), [CLEAN, "This is forbidden"], **options)
    assert ("".join(out), error) == (CLEAN + "[output]", None)
    assert out[-1] == "[output]"


@both
def test_what_is_hidden_is_taken_out_over_pieces(collect: Any) -> None:
    out, error = collect(guard_of(), ["Here is hid", "den te", "xt. ", "Bye."])
    assert ("".join(out), error) == ("Here is [GONE] text. Bye.", None)


@both
def test_a_piece_that_holds_no_text_is_an_error(collect: Any) -> None:
    log = MemoryLog()
    out, error = collect(guard_of(log), [CLEAN, 3, CLEAN])
    assert "".join(out) == CLEAN
    assert isinstance(error, TypeError)
    assert "the answer is of type int" in str(error)
    assert log.events[1].labels["end"] == "raised TypeError"


@dataclass(frozen=True)
class Chunk:
    content: str
    number: int = 0


@both
def test_pieces_may_be_objects(collect: Any) -> None:
    out, error = collect(guard_of(), [Chunk("Some hidden", 1), Chunk(" text. ", 2), Chunk("", 3)])
    assert (out, error) == ([Chunk("Some [GONE]", 1), Chunk(" text. ", 2), Chunk("", 3)], None)


@both
@pytest.mark.parametrize("mode", ["windowed", "buffered"])
def test_pieces_that_cannot_be_rewritten_are_blocked(collect: Any, mode: str) -> None:
    told: list[Verdict] = []
    pieces = [(1, CLEAN), (2, "Some hidden text. "), (3, CLEAN)]
    options = {"answer": lambda piece: piece[1], "on_verdict": told.append}
    out, error = collect(guard_of(mode=mode), pieces, **options)
    assert out == (pieces[:1] if mode == "windowed" else [])
    assert isinstance(error, Blocked)
    assert "which only answer= can read" in str(error)


@both
def test_an_answer_that_is_watched_only_is_never_held(collect: Any) -> None:
    log = MemoryLog()
    pieces = [CLEAN, "This is forbidden. ", CLEAN]
    assert collect(guard_of(log, mode="observe"), pieces) == (pieces, None)
    assert [str(event.would) for event in log.events] == ["allow", "block"]


@both
def test_nothing_more_goes_out_once_the_record_fails(collect: Any) -> None:
    log = MemoryLog()

    def fail(piece: str) -> str:
        log.refuse("disk full")
        return piece[1:]

    out, error = collect(guard_of(log), [("-", "no sentence end")], answer=lambda p: fail("-" + p[1]))
    assert out == []
    assert isinstance(error, Blocked)


@both
@pytest.mark.parametrize("mode", ["windowed", "buffered"])
@given(data=st.data())
def test_any_chunking_gives_the_same_text(collect: Any, mode: str, data: st.DataObject) -> None:
    text = data.draw(
        st.lists(
            st.sampled_from(["Fine. ", "a hidden one. ", "forbidden ", "two ", "words. ", "Dr. X "])
        ).map("".join)
    )
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    whole, error = collect(GUARDS[mode], [text])
    out, other = collect(GUARDS[mode], pieces)
    assert "".join(out) == "".join(whole)
    assert type(error) is type(other)
    assert ("forbidden" in text or "two words" in text) == (other is not None)


GUARDS = {mode: guard_of(mode=mode) for mode in ("windowed", "buffered")}


# --- how it ends ------------------------------------------------------------------------------------------


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog()


def test_a_blocked_prompt_starts_nothing(log: MemoryLog) -> None:
    started: list[str] = []

    @protect(guard_of(log), fallback="no")
    def ask(question: str) -> Iterator[str]:
        started.append(question)
        yield ""

    assert list(ask("forbidden")) == ["no"]
    assert started == []
    assert stages(log) == [("input", "block")]


def test_redacted_arguments_reach_a_generator() -> None:
    @protect(guard_of())
    def ask(question: str) -> Iterator[str]:
        yield question

    assert list(ask("hidden")) == ["[GONE]"]


class Source:
    """A generator that notes what happens to it."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def __call__(self, question: str) -> Generator[str, None, str]:
        try:
            yield CLEAN
            yield CLEAN  # the first goes out when what follows shows that its last sentence is complete
            yield CLEAN
        except KeyError:
            self.seen.append("KeyError")
            yield "It recovered. "
        finally:
            self.seen.append("closed")
        return "its return value"


def test_closing_reaches_the_function_and_the_record(log: MemoryLog) -> None:
    source = Source()
    answer = protect(guard_of(log))(source.__call__)("q")
    assert next(answer) == CLEAN
    answer.close()
    assert source.seen == ["closed"]
    assert stages(log) == [("input", "allow"), ("output", "allow")]
    assert log.events[1].labels["end"] == "client_closed"


def test_an_exception_thrown_in_reaches_the_function(log: MemoryLog) -> None:
    source = Source()
    answer = protect(guard_of(log))(source.__call__)("q")
    next(answer)
    assert answer.throw(KeyError()) == CLEAN  # held back until then
    assert list(answer) == ["It recovered. "]
    assert source.seen == ["KeyError", "closed"]
    assert "end" not in log.events[1].labels


def test_an_exception_that_the_function_does_not_take_comes_back(log: MemoryLog) -> None:
    source = Source()
    answer = protect(guard_of(log))(source.__call__)("q")
    next(answer)
    with pytest.raises(ValueError, match="mine"):
        answer.throw(ValueError("mine"))
    assert source.seen == ["closed"]
    assert log.events[1].labels["end"] == "raised ValueError"


def test_values_cannot_be_sent_in() -> None:
    answer = protect(guard_of())(Source().__call__)("q")
    next(answer)
    with pytest.raises(TypeError, match=r"takes no values by send\(\)"):
        answer.send("x")  # type: ignore[arg-type]


def test_the_return_value_is_not_handed_on() -> None:
    answer = protect(guard_of())(Source().__call__)("q")

    def outer() -> Iterator[Any]:
        result = yield from answer
        yield result

    assert list(outer()) == [CLEAN, CLEAN, CLEAN, None]


def test_an_async_generator_that_is_closed_or_thrown_into(log: MemoryLog) -> None:
    seen: list[str] = []

    @protect(guard_of(log))
    async def ask(question: str) -> Any:
        try:
            yield CLEAN
            yield CLEAN
            yield CLEAN
        except KeyError:
            seen.append("KeyError")
            yield "It recovered. "
        finally:
            seen.append("closed")

    async def main() -> None:
        first = ask("q")
        assert await anext(first) == CLEAN
        await first.aclose()
        second = ask("q")
        await anext(second)
        assert await second.athrow(KeyError()) == CLEAN
        assert [piece async for piece in second] == ["It recovered. "]

    asyncio.run(main())
    assert seen == ["closed", "KeyError", "closed"]
    assert [event.labels.get("end") for event in log.events] == [None, "client_closed", None, None]


def test_a_cancelled_task_closes_the_stream_and_is_on_record(log: MemoryLog) -> None:
    closed = []

    @protect(guard_of(log))
    async def ask(question: str) -> AsyncIterator[str]:
        try:
            yield CLEAN
            yield "And so on"
            await asyncio.Event().wait()
        finally:
            closed.append(True)

    async def main() -> list[str]:
        out: list[str] = []
        started = asyncio.Event()

        async def read() -> None:
            async for piece in ask("q"):
                out.append(piece)
                started.set()

        task = asyncio.create_task(read())
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return out

    assert asyncio.run(main()) == [CLEAN]
    assert closed == [True]
    assert log.events[1].labels["end"] == "client_closed"


def test_what_came_before_an_error_is_judged_and_handed_out(log: MemoryLog) -> None:
    @protect(guard_of(log))
    def ask(question: str) -> Iterator[str]:
        yield CLEAN
        yield "a hidden half"
        raise ConnectionError("gone")

    answer = ask("q")
    assert [next(answer), next(answer)] == [CLEAN, "a [GONE] half"]
    with pytest.raises(ConnectionError, match="gone"):
        next(answer)
    assert stages(log)[1] == ("output", "redact")
    assert log.events[1].labels["end"] == "raised ConnectionError"


def test_a_block_wins_over_an_error_and_names_it() -> None:
    @protect(guard_of())
    def ask(question: str) -> Iterator[str]:
        yield "forbidden"
        raise ConnectionError("gone")

    with pytest.raises(Blocked) as caught:
        list(ask("q"))
    assert isinstance(caught.value.__cause__, ConnectionError)


def test_functions_that_return_generators(log: MemoryLog) -> None:
    async def apieces() -> AsyncIterator[str]:
        yield "a hidden one"

    @protect(guard_of(log))
    async def ask(question: str) -> AsyncIterator[str]:
        return apieces()

    async def main() -> list[str]:
        return [piece async for piece in await ask("q")]

    assert asyncio.run(main()) == ["a [GONE] one"]
    plain = protect(guard_of(log))(lambda question: (piece for piece in [CLEAN, "This is forbidden"]))
    out: list[str] = []
    with pytest.raises(Blocked):
        _each(plain("q"), out)
    assert "".join(out) == CLEAN
    assert stages(log) == [("input", "allow"), ("output", "redact"), ("input", "allow"), ("output", "block")]
