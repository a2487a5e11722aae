"""Reading as a whole: order, bounds that are told, and odd input."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safety.detectors.normalise import Unreadable, decoded, fold, folded, read, views
from safety.detectors.normalise.reading import DERIVED_FREE, DERIVED_PER_CHAR, MAX_DEPTH, MAX_DERIVED


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_the_first_view_is_the_text_as_it_stands() -> None:
    assert [view.kind for view in views("Nothing to see here.")] == ["text"]
    assert views("Nothing  to SEE")[0].text == "nothing to see"
    assert views("")[0].text == ""


def test_folded_is_the_first_view() -> None:
    for text in ("Plain", "Größe\u200b", "x " + _b64("a longer secret text")):
        assert folded(text) == views(text)[0]


def test_decoded_are_the_views_out_of_encodings() -> None:
    text = f"1gn0r3 th1s: {_b64('a longer secret text')}"
    assert [view.text for view in decoded(text)] == ["a longer secret text"]
    assert "leet" in {view.kind for view in views(text)}


def test_nesting_stops_at_the_depth() -> None:
    text = "the innermost secret text"
    for _ in range(MAX_DEPTH + 1):
        text = _b64(text)
    found = decoded(text)
    assert max(view.depth for view in found) == MAX_DEPTH
    assert not any("innermost" in view.text for view in found)


def test_too_many_payloads_are_told() -> None:
    blobs = [_b64(f"secret number {number}") for number in range(MAX_DERIVED + 10)]
    assert read(" ".join(blobs[:100])).cut == ()
    reading = read(" ".join(blobs))
    assert reading.cut == ("number",)
    assert len(reading.views) <= MAX_DERIVED + 1
    for whole_reading in (views, decoded):
        with pytest.raises(Unreadable, match="number"):
            whole_reading(" ".join(blobs))


def test_too_much_derived_text_is_told() -> None:
    # Every layer of this text can be unescaped, read backwards and moved by 13.
    text = "%20gur lbh dna uoy htiw 1gn0r3 th1s a b c 1 e f g " * 9_000
    reading = read(text)
    assert reading.cut == ("length",)
    derived = sum(len(view.text) for view in reading.views[1:])
    assert derived <= DERIVED_PER_CHAR * len(text) + DERIVED_FREE


def test_half_a_surrogate_pair_is_readable() -> None:
    text = "a\ud800 %41 \udc00"
    assert [view.text for view in views(text)] == ["a\ufffd %41 \ufffd", "a\ufffd a \ufffd"]


def test_escapes_around_a_payload() -> None:
    text = "payload=" + _b64("the innermost secret text").replace("=", "%3D")
    assert any(view.text == "the innermost secret text" for view in decoded(text))


@given(st.text(max_size=80))
@settings(max_examples=200)
def test_reading_is_a_function_of_the_text(text: str) -> None:
    assert read(text) == read(text)
    assert views(text)[0].text == fold(text)
