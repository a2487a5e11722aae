from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from safety.redact import apply_edits, merge_edits
from safety.types import Edit, Span
from safety.wire import jsonedit, jsonread, pointer

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(
    ['\U0001f600 a\n"b"\\', "\u2028\x85\x7f", "a/b~c", "\U0010ffff\x00", "é\u0301"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def spell(draw: st.DrawFn, value: Any) -> str:
    """``value`` as JSON in some spelling: any white space, any escapes."""
    space = draw(st.sampled_from(["", " ", "\n\t", "\r\n  "]))
    if isinstance(value, str):
        return spell_string(draw, value)
    if isinstance(value, list):
        return f"[{space}" + f"{space},{space}".join(spell(draw, item) for item in value) + f"{space}]"
    if isinstance(value, dict):
        members = [
            f"{spell_string(draw, key)}{space}:{space}{spell(draw, item)}" for key, item in value.items()
        ]
        return f"{{{space}" + f",{space}".join(members) + f"{space}}}"
    return json.dumps(value)


def spell_string(draw: st.DrawFn, text: str) -> str:
    style = draw(st.sampled_from(["raw", "ascii", "all"]))
    if style == "all":
        units = text.encode("utf-16-be")
        return '"' + "".join(f"\\u{units[i]:02X}{units[i + 1]:02x}" for i in range(0, len(units), 2)) + '"'
    return json.dumps(text, ensure_ascii=style == "ascii").replace("/", "\\/" if draw(st.booleans()) else "/")


@st.composite
def documents(draw: st.DrawFn) -> tuple[bytes, Any]:
    value = draw(VALUES)
    text = draw(st.sampled_from(["", " \n"])) + spell(draw, value) + draw(st.sampled_from(["", "\r\n"]))
    return text.encode(), value


@st.composite
def edited(draw: st.DrawFn) -> tuple[bytes, Any, tuple[Edit, ...]]:
    body, value = draw(documents())
    texts = list(pointer.strings(value))
    assume(texts)
    edits = []
    for path, text in draw(st.lists(st.sampled_from(texts), max_size=4)):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, len(text)))
        edits.append(Edit(Span(path, start, end), draw(TEXTS)))
    return body, value, merge_edits(edits)


def applied(value: Any, edits: tuple[Edit, ...], path: str = "") -> Any:
    if isinstance(value, str):
        return apply_edits(value, path, edits)
    if isinstance(value, list):
        return [applied(child, edits, f"{path}/{index}") for index, child in enumerate(value)]
    if isinstance(value, dict):
        return {key: applied(child, edits, f"{path}/{pointer.escape(key)}") for key, child in value.items()}
    return value


def without(body: bytes, places: list[tuple[int, int]]) -> list[str]:
    """What stands between ``places`` (code points of the text)."""
    text, at, parts = body.decode(), 0, []
    for start, end in sorted(places):
        parts.append(text[at:start])
        at = end
    return [*parts, text[at:]]


@given(documents())
def test_every_spelling_reads_as_its_value(document: tuple[bytes, Any]) -> None:
    body, value = document
    assert jsonread.loads(body) == value


@settings(max_examples=300)
@given(edited())
def test_an_edit_of_the_bytes_is_the_edit_of_the_text(case: tuple[bytes, Any, tuple[Edit, ...]]) -> None:
    body, value, edits = case
    assert jsonread.loads(jsonedit.splice(body, edits)) == applied(value, edits)


@settings(max_examples=300)
@given(edited())
def test_bytes_outside_of_the_edited_strings_stay(case: tuple[bytes, Any, tuple[Edit, ...]]) -> None:
    body, _, edits = case
    after = jsonedit.splice(body, edits)
    paths = {edit.span.path for edit in edits}
    before_places = jsonedit.locate(body.decode(), paths)
    after_places = jsonedit.locate(after.decode(), paths)
    assert without(body, list(before_places.values())) == without(after, list(after_places.values()))


@given(documents())
def test_locate_finds_every_string(document: tuple[bytes, Any]) -> None:
    body, value = document
    texts = dict(pointer.strings(value))
    places = jsonedit.locate(body.decode(), texts)
    assert {path: json.loads(body.decode()[slice(*place)]) for path, place in places.items()} == texts


@pytest.mark.parametrize(
    ("body", "span", "replacement", "result"),
    [
        (b'{"a": "call 0151 now"}', ("/a", 5, 9), "[PHONE]", b'{"a": "call [PHONE] now"}'),
        (b'{"a":"\\ud83d\\uDE00x\\n\\u00e9"}', ("/a", 1, 2), "y", b'{"a":"\\ud83d\\uDE00y\\n\\u00e9"}'),
        (b'{"a":"\\ud83d\\uDE00x"}', ("/a", 0, 1), "", b'{"a":"x"}'),
        ('{"a":"😀x"}'.encode(), ("/a", 1, 2), "é", '{"a":"😀é"}'.encode()),
        (b'{"a":"a\\\\u0041b"}', ("/a", 1, 2), "", b'{"a":"au0041b"}'),
        (b'{"a":"\\/\\"b"}', ("/a", 1, 2), '"\n', b'{"a":"\\/\\"\\nb"}'),
        (b'[0, {"x/y": ["p", "q"]}]', ("/1/x~1y/1", 1, 1), "!", b'[0, {"x/y": ["p", "q!"]}]'),
        (b' "whole" ', ("", 0, 5), "text", b' "text" '),
        (b'{"a": 1.0e+2, "b": "x"}', ("/b", 0, 1), "\u2028", b'{"a": 1.0e+2, "b": "\\u2028"}'),
    ],
)
def test_splice(body: bytes, span: tuple[str, int, int], replacement: str, result: bytes) -> None:
    assert jsonedit.splice(body, [Edit(Span(*span), replacement)]) == result


def test_nothing_to_do_returns_the_same_bytes() -> None:
    body = b'{"broken'
    assert jsonedit.splice(body, []) is body


def test_set_value_replaces_one_value_and_nothing_else() -> None:
    body = b'{ "a" : [ {"b": "c"} , {"b" : 1.50} ],"d":null }'
    after = jsonedit.set_value(body, "/a/0", b'{"new":true}')
    assert after == b'{ "a" : [ {"new":true} , {"b" : 1.50} ],"d":null }'


def test_values_and_edits_in_one_pass() -> None:
    body = b'[{"text": "first"}, {"text": "second"}]'
    edit = Edit(Span("/1/text", 0, 6), "2nd")
    assert jsonedit.splice(body, [edit], {"/0": b"null"}) == b'[null, {"text": "2nd"}]'


@pytest.mark.parametrize(
    ("edits", "values", "message"),
    [
        ([Edit(Span("/b", 0, 1), "")], {}, "no such value"),
        ([Edit(Span("/n", 0, 1), "")], {}, "not a string"),
        ([Edit(Span("/a", 0, 9), "")], {}, "does not fit"),
        ([Edit(Span("/a", -1, 1), "")], {}, "does not fit"),
        ([Edit(Span("/a", 0, 2), ""), Edit(Span("/a", 1, 2), "")], {}, "overlap"),
        ([Edit(Span("/a", 0, 1), "")], {"/a": b"1"}, "overlap"),
        ([], {"/x/y": b"1"}, "no such value"),
    ],
)
def test_what_does_not_fit_is_an_error(edits: list[Edit], values: dict[str, bytes], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        jsonedit.splice(b'{"a": "abc", "n": 5}', edits, values)


def test_many_edits_in_a_large_body() -> None:
    """One pass over the body, whatever the number of edits: a pass for each would take minutes."""
    value = {"messages": [{"content": f"word {index} \n"} for index in range(20_000)]}
    edits = [Edit(Span(f"/messages/{index}/content", 0, 4), "W") for index in range(20_000)]
    after = json.loads(jsonedit.splice(json.dumps(value).encode(), edits))
    assert after["messages"][19_999] == {"content": "W 19999 \n"}


def test_dumps_has_no_place_where_a_client_splits_lines() -> None:
    assert len(jsonedit.dumps({"a": "x\u2028y\x85z\nv"}).decode().splitlines()) == 1
