from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safety.detectors.egress.constructs import Kind, constructs
from safety.detectors.egress.opening import LOOK, open_at

U = "https://e.io/a"


@pytest.mark.parametrize(
    ("text", "kind", "whole", "url"),
    [
        (f"a ![x]({U}) b", Kind.IMAGE, f"![x]({U})", U),
        (f"a ![x]( {U} 'title (1)' ) b", Kind.IMAGE, f"![x]( {U} 'title (1)' )", U),
        (f"![a]({U}_(b)_c)", Kind.IMAGE, f"![a]({U}_(b)_c)", f"{U}_(b)_c"),
        (f"![a]({U}\nand so on", Kind.IMAGE, f"![a]({U}", U),
        (f"\\![a]({U})", Kind.LINK, f"[a]({U})", U),
        (f"[a [b] c]({U})", Kind.LINK, f"[a [b] c]({U})", U),
        (f"[a\\]b]({U})", Kind.LINK, f"[a\\]b]({U})", U),
        (f"[a]\n\n]({U})", Kind.LINK, U, U),
        ("[a](<https://e.io/a b>)", Kind.LINK, "[a](<https://e.io/a b>)", "https://e.io/a b"),
        (f"x\n[i]: <{U}> 'title'\ny", Kind.LINK, f"[i]: <{U}> 'title'", U),
        (f"![i]\n\n[I]: {U}", Kind.IMAGE, f"[I]: {U}", U),
        (f"![text][a  b]\n\n[A b]: {U}", Kind.IMAGE, f"[A b]: {U}", U),
        (f"see <{U}>.", Kind.LINK, f"<{U}>", U),
        (f"see {U}.", Kind.LINK, U, U),
        (f"(see {U}_(b)).", Kind.LINK, f"{U}_(b)", f"{U}_(b)"),
        ("see www.e.io/x, or", Kind.LINK, "www.e.io/x", "www.e.io/x"),
        (f"<a class='b' href='{U}'>x</a>", Kind.LINK, f"<a class='b' href='{U}'>", U),
        (f"<img\nsrc = {U} />", Kind.HTML, f"<img\nsrc = {U} />", U),
        (f"<img src='{U}' alt='>'>", Kind.HTML, f"<img src='{U}' alt='>'>", U),
        (f"@import '{U}';", Kind.HTML, f"@import '{U}'", U),
        (f'url( "{U}" )', Kind.HTML, f'url( "{U}" )', U),
        (f"src={U}", Kind.LINK, U, U),
        ('{"a": "https://e.io/a"}', Kind.LINK, U, U),
    ],
)
def test_constructs(text, kind, whole, url):
    [one] = constructs(text)
    assert (one.kind, text[one.start : one.end], one.url) == (kind, whole, url)


@pytest.mark.parametrize(
    "text",
    ["", "a: b", "10:30", "[a](b)", "![a](b.png)", "a//b", "`x:y`", "email@www.e", "std::x", "[x]: see"],
)
def test_no_constructs(text):
    assert constructs(text) == []


def test_candidates_of_a_srcset_are_all_found():
    text = f"<img srcset='{U} 1x, https://f.io/b 2x' alt='z'>"
    assert [(c.kind, c.start, c.end, c.url) for c in constructs(text)] == [
        (Kind.HTML, 0, len(text), U),
        (Kind.HTML, 0, len(text), "https://f.io/b"),
    ]


@pytest.mark.parametrize(
    ("text", "inert"),
    [
        (f"```\n{U}\n```", True),
        (f"~~~ md\n![x]({U})", True),
        (f"```\n~~~\n{U}\n```", True),
        (f"```\nx\n```\n{U}", False),
        (f"    ```\n{U}", False),
        (f"``` a`b\n{U}", False),
        (f"x ```\n{U}\n```", False),
    ],
)
def test_fenced_code_is_inert(text, inert):
    [one] = constructs(text)
    assert one.inert is inert


WHOLE = [
    f"![x]({U})",
    f"[a [b]]({U} 't')",
    f"[![p]({U})](https://f.io)",
    f"<img src='{U}'>",
    f"<{U}>",
    f"{U}.",
]
MORE = [f'<a href="{U}" x=">">', f"[a](<{U}> 'x')", f"<img srcset='{U} 1x, https://f.io 2x'>", f"url('{U}')"]
BROKEN = [U, f"\n[i]: {U}\n", "www.e.io", "[", "]", "!", "(", " ", "\n\n", "a. ", "<"]
PIECES = st.lists(st.sampled_from(WHOLE + MORE + BROKEN), max_size=8).map("".join)


@given(PIECES, st.integers(0, 200))
@settings(max_examples=500)
def test_no_cut_through_a_construct_goes_unnoticed(text, cut):
    """What has begun before the cut and ends after it is pending, from its beginning."""
    cut = min(cut, len(text))
    at = open_at(text[:cut])
    for one in constructs(text):
        if one.start < cut < one.end:
            assert at is not None, one
            assert at <= one.start, one


@pytest.mark.parametrize(
    "text",
    [
        f"see ![x]({U}) ",
        f"see {U} ",
        f"[a]({U}), and",
        "f(a[0]) = 1.",
        "a < b.",
        "Done. ",
        f"<img src='{U}'> ",
    ],
)
def test_nothing_is_pending_after_what_is_complete(text):
    assert open_at(text) is None


def test_a_bracket_is_not_waited_for_for_ever():
    assert open_at("[" + "a" * LOOK) is None
