from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.detectors.egress.seen import RUN, Seen, Squeezed, Trust, squeeze
from safety.types import Origin, Segment


def seen(*texts: tuple[Origin, str]) -> Seen:
    return Seen([Segment(f"/{i}", origin, text, 5) for i, (origin, text) in enumerate(texts)], finders=())


@pytest.mark.parametrize(
    ("origin", "text", "trust"),
    [
        (Origin.USER, "see Docs.E.example/a", Trust.CALLER),
        (Origin.SYSTEM, "only docs.e.example.", Trust.CALLER),
        (Origin.DOCUMENT, "https://www.docs.e.example:80", Trust.OUTSIDE),
        (Origin.ASSISTANT, "a@docs.e.example", Trust.OUTSIDE),
        (Origin.USER, "mydocs.e.example", Trust.NOBODY),
        (Origin.USER, "my.docs.e.example", Trust.NOBODY),
        (Origin.USER, "docs.e.example.evil.example", Trust.NOBODY),
        (Origin.USER, "docs.e.examples", Trust.NOBODY),
        (Origin.TOOL_DEFINITION, "docs.e.example", Trust.NOBODY),
    ],
)
def test_who_named_a_host(origin, text, trust):
    assert seen((origin, text)).named("docs.e.example") is trust


def test_an_address_that_goes_on_is_another():
    context = seen((Origin.DOCUMENT, "https://e.io/a?d= and https://e.io/b"))
    assert context.wrote("https://e.io/b") is Trust.OUTSIDE
    assert context.wrote("https://e.io/") is Trust.NOBODY
    assert context.wrote("https://e.io/a?d=secret") is Trust.NOBODY


@pytest.mark.parametrize("origin", [Origin.SYSTEM, Origin.DOCUMENT, Origin.TOOL_RESULT])
def test_runs_of_the_sources_are_found_whole(origin):
    context = seen((origin, "It says: The Lisbon-Office fell. Twice."))
    span = context.run_in("xx the_lisbon_office+fell yy")
    assert (span.start - 5, span.end - 5) == (9, 31)


def test_what_is_short_or_an_address_or_the_users_is_no_run():
    context = seen(
        (Origin.USER, "the words of the user"),
        (Origin.DOCUMENT, "elevenchars https://e.io/a/page/of/theirs twelve"),
    )
    assert context.run_in("the words of the user") is None
    assert context.run_in("elevenchars") is None
    assert context.run_in("/a/page/of/theirs") is None
    assert context.run_in("") is None


@given(st.text("ab -é\ud800İß", max_size=40))
def test_squeezed_maps_back(text):
    squeezed = Squeezed(text)
    for at in range(len(squeezed.text)):
        start, end = squeezed.original(at, at + 1)
        assert squeezed.text[at] in squeeze(text[start:end])


@given(st.text("abcdef ,.", max_size=60), st.data())
def test_any_run_is_found_where_it_stands(text, data):
    context = seen((Origin.DOCUMENT, text))
    start = data.draw(st.integers(0, len(text)))
    part = text[start : data.draw(st.integers(start, len(text)))]
    span = context.run_in(part)
    assert (span is not None) == (len(squeeze(part)) >= RUN)
    if span is not None:
        assert squeeze(text[span.start - 5 : span.end - 5]) in squeeze(part)
