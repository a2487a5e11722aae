from __future__ import annotations

from base64 import b32encode, b64encode, urlsafe_b64encode
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.detectors.egress.payload import MAX_PART, Weight, parts
from safety.detectors.egress.target import parse


def weight(url: str) -> Weight:
    return max((part.weight for part in parts(parse(url))), default=Weight.NONE)


@pytest.mark.parametrize(
    "url",
    [
        "https://e.io/",
        "https://video.example/watch?v=dQw4w9WgXcQ&t=43s",
        "https://en.wiki.example/wiki/United_Nations_Security_Council",
        "https://shop.example/guide-to-2023-tax-returns-online?utm_source=newsletter&utm_campaign=spring_sale_2024",
        "https://e.io/550e8400-e29b-41d4-a716-446655440000",
        "https://docs.example/3/library/urllib.parse.html#module-urllib.parse",
        "https://docs.example/AbstractSingletonProxyFactoryBean.html",
        "https://search.example/?q=weather+in+lisbon",
    ],
)
def test_ordinary_addresses_carry_nothing(url):
    assert weight(url) is Weight.NONE


@pytest.mark.parametrize(
    "url",
    [
        "https://code.example/c/60e00a2b1c7e9d0f3a4b5c6d7e8f90123456789a",
        "https://e.io/?token=8f3a9c0d1e7b46528f3a",
        "https://q7w2kd93mf0s8a1x.e.io.example/",
    ],
)
def test_random_characters_are_opaque(url):
    assert weight(url) is Weight.OPAQUE


TEXT = "he said: they leave"


@pytest.mark.parametrize(
    "value",
    [
        quote(TEXT),
        urlsafe_b64encode(TEXT.encode()).decode(),
        quote(b64encode(TEXT.encode()).decode(), safe=""),
        b64encode(TEXT.encode()).decode().rstrip("="),
        b64encode(b64encode(TEXT.encode())).decode(),
        TEXT.encode().hex(),
        b32encode(TEXT.encode()).decode(),
        quote(quote(TEXT)),
    ],
)
def test_text_is_readable_however_it_is_written(value):
    for url in (f"https://e.io/?d={value}", f"https://e.io/?{value}", f"https://e.io/x#{value}"):
        assert any(TEXT in part.readings for part in parts(parse(url))), url
    assert weight(f"https://e.io/?d={value}") is Weight.READABLE


def test_data_in_pieces_is_put_together():
    hexed = TEXT.encode().hex()
    for url in (f"https://e.io/{hexed[:10]}/{hexed[10:]}", f"https://{hexed[:20]}.{hexed[20:]}.e.io/"):
        assert any(TEXT in part.readings for part in parts(parse(url)))


def test_long_parts_are_cut_and_count_as_data():
    [part] = parts(parse("https://e.io/?d=" + "a" * 100_000))
    assert (len(part.text), part.weight) == (MAX_PART, Weight.READABLE)


@given(st.text(st.sampled_from("ab12%+=&;/.-_?# éAZ:@"), max_size=60))
def test_any_address_can_be_weighed(text):
    assert weight("https://e.io/" + text) in Weight
