"""Where an address begins and ends."""

from __future__ import annotations

import pytest

from safety.detectors.pii.email import LONGEST_LOCAL, places
from safety.detectors.pii.load import load
from safety.detectors.pii.table import EMAIL, ROWS

(EMAILS,) = load([row for row in ROWS if row.entity == EMAIL], ())


def found(text: str) -> list[str]:
    return [text[c.start : c.end] for c in EMAILS.candidates(text, (), 0.5)]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("x a@b.c y", "a@b.c"),
        ("k=a@b.c&d", "a@b.c"),
        ("//a/b@c.d/e", "b@c.d"),
        ("<a.b+c@d-e.f>", "a.b+c@d-e.f"),
        ("日本a@b.c日本", "a@b.c"),
        ("a@b.c.", "a@b.c"),
    ],
)
def test_places(text, place):
    assert [text[start:end] for start, end in places(text)] == [place]


@pytest.mark.parametrize("text", ["@", "a@", "@b.c", "a @ b.c", "a@b", "@@@@", "a@.c", ""])
def test_no_place(text):
    assert list(places(text)) == []


def test_a_local_part_is_read_no_further_than_it_may_reach():
    ((start, end),) = places("x" * 100 + "@b.c")
    assert end - start == LONGEST_LOCAL + len("@b.c")


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("a@b.example.com", ["a@b.example.com"]),
        ("a@b.nosuchsuffix", []),
        ("a@1.2.3", []),
        ("*a@example.com*, 'b@example.com'", ["a@example.com", "b@example.com"]),
        ("a@example.com@example.org", ["a@example.com", "example.com@example.org"]),
    ],
)
def test_the_domain_must_end_in_a_public_suffix(text, addresses):
    assert found(text) == addresses
