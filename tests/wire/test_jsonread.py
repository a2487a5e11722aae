from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.errors import WireError
from safety.wire import jsonread

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**40), 10**40) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES.filter(lambda value: "Infinity" not in json.dumps(value)), st.booleans())
def test_valid_json_reads_as_the_standard_library_reads_it(value: object, ascii_only: bool) -> None:
    body = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert jsonread.loads(body) == json.loads(body)


@pytest.mark.parametrize(
    ("body", "code", "path"),
    [
        (b"", "invalid_json", ""),
        (b"{", "invalid_json", ""),
        (b"{} {}", "invalid_json", ""),
        (b'{"a": tru}', "invalid_json", ""),
        (b"{'a': 1}", "invalid_json", ""),
        (b'{"a": "line\nbreak"}', "invalid_json", ""),
        (b'{"a": NaN}', "invalid_json", ""),
        (b'{"a": -Infinity}', "invalid_json", ""),
        (b'{"a": 1, "b": {"c": 2, "c": 3}}', "duplicate_key", "/b/c"),
        (b'{"a": [0, {"x/y": 1, "x/y": 1}]}', "duplicate_key", "/a/1/x~1y"),
        (b'{"a": 1, "\\u0061": 2}', "duplicate_key", "/a"),
        (b'{"a": 1, "a": 2', "invalid_json", ""),
        (b"\xef\xbb\xbf{}", "invalid_utf8", ""),
        (b'{"a": "\xff"}', "invalid_utf8", ""),
        (b'{"a": "\xc0\xaf"}', "invalid_utf8", ""),
        (b'{"a": "\xed\xa0\x80"}', "invalid_utf8", ""),
        ('{"a": 1}'.encode("utf-16"), "invalid_utf8", ""),
        ('{"a": 1}'.encode("utf-16-le"), "invalid_json", ""),
        (b'{"a": ["ok", "\\ud83d"]}', "lone_surrogate", "/a/1"),
        (b'{"a": "\\ude00\\ud83d"}', "lone_surrogate", "/a"),
        (b'{"\\udbff": 1}', "lone_surrogate", ""),
        (b"1" * 65, "number_too_long", ""),
        (b"1e999", "number_too_long", ""),
        (b"0." + b"1" * 70, "number_too_long", ""),
        (b"[" * 129 + b"]" * 129, "too_deep", ""),
        (b"[" * 100_000 + b"]" * 100_000, "too_deep", ""),
        (b'{"a":' * 129 + b"1" + b"}" * 129, "too_deep", ""),
    ],
)
def test_what_parsers_differ_on_is_refused(body: bytes, code: str, path: str) -> None:
    with pytest.raises(WireError) as caught:
        jsonread.loads(body)
    assert (caught.value.code, caught.value.path, caught.value.status) == (code, path, 400)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 128 + b"]" * 128,
        b'["' + b"{[" * 500 + b'"]',
        b"[" + b",".join(b"[]" for _ in range(500)) + b"]",
        b'"\\ud83d\\ude00"',
        b'"\\\\ud83d"',
        b" \r\n\t1 ",
        b"-0.5e-3",
    ],
)
def test_what_every_parser_reads_alike_is_read(body: bytes) -> None:
    assert jsonread.loads(body) == json.loads(body)


def test_errors_quote_keys_but_no_values_and_stay_on_one_line() -> None:
    with pytest.raises(WireError) as caught:
        jsonread.loads(b'{"k\\n\\u2028": "hunter2", "k\\n\\u2028": "hunter3"}')
    assert "hunter" not in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_the_status_says_whose_body_it_was() -> None:
    with pytest.raises(WireError) as caught:
        jsonread.loads(b"<html>", status=502)
    assert caught.value.status == 502
