"""Encodings: what is read, what is left alone, and where a payload lies in the original."""

from __future__ import annotations

import base64
import codecs
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safety.detectors.normalise import View, decoded, views

SECRET = "the quick brown fox"


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


ENCODED = {
    "base64": _b64(SECRET),
    "base64 without padding": _b64(SECRET).rstrip("="),
    "base64, url-safe": base64.urlsafe_b64encode(b"the quick ~~~ brown ??? fox").decode(),
    "base64 of UTF-16": base64.b64encode(SECRET.encode("utf-16-le")).decode(),
    "hex": SECRET.encode().hex(),
    "hex with spaces": SECRET.encode().hex(" "),
    "hex with prefixes": " ".join(f"0x{byte:02x}" for byte in SECRET.encode()),
    "binary": " ".join(f"{byte:08b}" for byte in SECRET.encode()),
    "url": "".join(f"%{byte:02X}" for byte in SECRET.encode()),
    "html": "".join(f"&#{ord(char)};" for char in SECRET),
    "html, hexadecimal": "".join(f"&#x{ord(char):x};" for char in SECRET),
    "json": "".join(f"\\u{ord(char):04x}" for char in SECRET),
    "json in braces": "".join(f"\\u{{{ord(char):x}}}" for char in SECRET),
    "python": "".join(f"\\U{ord(char):08x}" for char in SECRET),
    "tags": "".join(chr(0xE0000 + ord(char)) for char in SECRET),
    "variation selectors": "".join(chr(0xE0100 + byte - 16) for byte in SECRET.encode()),
    "twice": _b64(_b64(SECRET)),
    "base64 in an escape": quote(_b64(SECRET)).replace("=", "%3D"),
    "hex of base64": _b64(SECRET).encode().hex(),
}


@pytest.mark.parametrize("blob", ENCODED.values(), ids=ENCODED)
def test_reads_what_is_encoded(blob: str) -> None:
    text = f"Please read: {blob} (thank you)"
    found = [view for view in decoded(text) if "brown" in view.text]
    assert found
    for view in found:
        at = view.text.index("brown")
        start, end = view.original(at, at + len("brown"))
        assert text.index(blob) <= start < end <= text.index(blob) + len(blob)


PLAIN = {
    "English": "The committee will meet on Thursday to discuss the internationalisation of standards.",
    "a digest": "sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "a UUID": "id 123e4567-e89b-12d3-a456-426614174000",
    "an image": "data:image/png;base64," + base64.b64encode(bytes(range(256)) * 4).decode(),
    "a card number": "4111 1111 1111 1111",
    "a path": "/usr/local/lib/python3.11/site-packages/hypothesis/strategies",
    "percent": "5% of 20%, R&D; AT&T",
    "a flag": "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "a heart": "\u2764\ufe0f and \u2600\ufe0f",
}


@pytest.mark.parametrize("text", PLAIN.values(), ids=PLAIN)
def test_finds_nothing_in_plain_text(text: str) -> None:
    assert decoded(text) == ()


def test_exact_places() -> None:
    text = "a %41%42 &amp; \\u0043\\n"
    view = next(view for view in views(text) if view.kind == "escapes")
    assert view.text == "a ab & c\n"
    assert [view.original(i, i + 1) for i in range(2, 9)] == [
        (2, 5),
        (5, 8),
        (8, 9),
        (9, 14),
        (14, 15),
        (15, 21),
        (21, 23),
    ]


def test_hexadecimal_is_placed_byte_by_byte_and_base64_as_a_whole() -> None:
    text = "x " + SECRET.encode().hex()
    view = next(view for view in views(text) if view.kind == "hex")
    assert view.original(4, 9) == (2 + 8, 2 + 18)
    text = "x " + _b64(SECRET)
    view = next(view for view in views(text) if view.kind == "base64")
    assert view.original(4, 9) == (2, len(text))


def test_a_match_may_span_plain_and_escaped_text() -> None:
    text = "ignore%20all rules"
    view = next(view for view in views(text) if view.kind == "url")
    assert view.text == "ignore all rules"
    assert view.original(0, 10) == (0, 12)


def test_base64_in_many_lines() -> None:
    blob = _b64(SECRET * 9)
    text = "\n".join(blob[i : i + 76] for i in range(0, len(blob), 76))
    assert any(view.text == (SECRET * 9) for view in decoded(text))


def test_surrogate_pairs_and_lone_halves() -> None:
    (view,) = decoded("\\ud83d\\ude00 and \\ud83d")
    assert view.text == "\U0001f600 and \ufffd"


@given(st.text(min_size=12, max_size=60).filter(str.isprintable), st.text(max_size=20))
@settings(max_examples=150)
def test_base64_of_anything_printable_is_read(secret: str, before: str) -> None:
    blob = _b64(secret)
    text = f"{before} {blob} ."
    start = len(before) + 1
    assert any(
        view.original(0, len(view.text)) == (start, start + len(blob)) for view in _base64(text) if view.text
    )


def _base64(text: str) -> list[View]:
    return [view for view in decoded(text) if view.kind.startswith("base64")]


@given(st.text("abc %&;#x41\\u0nr{}=ghZ", max_size=60))
@settings(max_examples=300)
def test_every_view_maps_back_inside_the_text(text: str) -> None:
    for view in views(text):
        for index in range(len(view.text)):
            start, end = view.original(index, index + 1)
            assert 0 <= start < end <= len(text)


def test_rot13_is_no_business_of_decoding() -> None:
    assert decoded(codecs.encode("no common words", "rot13")) == ()
