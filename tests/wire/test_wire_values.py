"""One reader of documents for every Python door."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from guards import guard_of
from hypothesis import given
from hypothesis import strategies as st

from safety.guard import Guard
from safety.types import Verdict
from safety.wire.values import DOCUMENT_FIELDS, document_texts, documents_with, kind


class Node:
    def __init__(self, **fields: str) -> None:
        self.__dict__.update(fields)


@pytest.mark.parametrize("field", DOCUMENT_FIELDS)
def test_a_document_is_read_whatever_holds_it(field: str) -> None:
    for value in ("x", {field: "x", "id": 1}, Node(**{field: "x"})):
        for documents in (value, [value], (value,)):
            assert [document.text for document in document_texts(documents)] == ["x"]
    assert document_texts(None) == document_texts([]) == document_texts(()) == []


@pytest.mark.parametrize("documents", [3, b"x", {"body": "x"}, {"x"}, iter("x"), [b"x"], [["x"]], [None]])
def test_anything_else_is_refused_with_what_is_allowed(documents: Any) -> None:
    with pytest.raises(TypeError, match=r"^sources: .*of type .* must be a str, an object or dict with one"):
        document_texts(documents, "sources")


@given(st.lists(st.text(), max_size=4))
def test_changed_documents_stand_where_they_stood(texts: list[str]) -> None:
    for value in (texts, tuple(texts), [{"text": text} for text in texts], "".join(texts)):
        items = [document.put(document.text + "!") for document in document_texts(value)]
        changed = documents_with(value, items)
        assert type(changed) is type(value)
        assert [d.text for d in document_texts(changed)] == [d.text + "!" for d in document_texts(value)]


def test_the_kind_of_a_value() -> None:
    assert (kind(3), kind(None), kind(Node())) == (
        "of type int",
        "of type NoneType",
        "of type test_wire_values.Node",
    )


# --- as the guard's plain calls use it --------------------------------------------------------------------

Check = Callable[..., Verdict]
CHECKS: dict[str, Callable[[Guard], Check]] = {
    "check_prompt": lambda guard: guard.check_prompt,
    "acheck_prompt": lambda guard: lambda *a, **k: asyncio.run(guard.acheck_prompt(*a, **k)),
    "check_answer": lambda guard: guard.check_answer,
    "acheck_answer": lambda guard: lambda *a, **k: asyncio.run(guard.acheck_answer(*a, **k)),
}


@pytest.mark.parametrize("name", CHECKS)
def test_the_guard_reads_documents_whole(name: str) -> None:
    check = CHECKS[name](guard_of())
    for documents in ("a forbidden word", {"text": "a forbidden word"}, [Node(content="a forbidden word")]):
        verdict = check("q", documents=documents)
        assert "a forbidden word" in [
            s.text for s in verdict.exchange.segments + verdict.exchange.context if s.path == "/documents/0"
        ]
        assert verdict.blocked is ("prompt" in name)


@pytest.mark.parametrize("name", CHECKS)
def test_the_guard_refuses_what_is_no_text(name: str) -> None:
    check = CHECKS[name](guard_of())
    for text in (None, 3, ["forbidden"]):
        with pytest.raises(TypeError, match="it must be a str"):
            check(text)
    with pytest.raises(TypeError, match="documents: of type int: must be"):
        check("q", documents=3)
