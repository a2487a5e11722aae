"""The index of the sources: what it finds for a claim, and what a question may cost."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from safety.detectors.groundedness.index import MAX_POSTINGS, MAX_UNIT, Index
from safety.detectors.groundedness.passage import pieces, read, stem


def best(claim: str, *sources: str) -> str:
    evidence = Index(sources).evidence(read(claim))
    assert evidence is not None
    unit = evidence.best
    return sources[unit.source][unit.passage.start : unit.passage.end].strip()


def test_the_best_unit_shares_the_rarest_words() -> None:
    first = "The cat sat on the mat. The cat ate a kumquat. The cat slept."
    assert best("A kumquat was eaten by the cat.", "The cat is here.", first) == "The cat ate a kumquat."


def test_no_shared_word_is_no_evidence() -> None:
    assert Index(("The cat sat.",)).evidence(read("Bananas grow.")) is None


def test_a_second_place_joins_the_window() -> None:
    text = "Ada wrote the program. Rain fell. Snow fell. Hail fell. Charles designed the engine."
    evidence = Index((text,)).evidence(read("Ada wrote the program and Charles designed the engine."))
    assert evidence is not None
    assert {"ada", stem("charles")} <= evidence.stems


def test_records_are_told_from_prose() -> None:
    texts = (
        '{"name": "Blue Spice", "food": "Italian"}',
        "name: Blue Spice\nfood: Italian",
        "Blue Spice is nice.",
    )
    assert [Index((text,)).units[0].record for text in texts] == [True, True, False]


def test_a_common_word_does_not_walk_all_sources() -> None:
    index = Index(("The cat sat here. " * (3 * MAX_POSTINGS),))
    assert len(index._scores({"cat", "sat"})) <= MAX_POSTINGS


def test_numbers_and_dates_anywhere_are_known() -> None:
    index = Index(("It is 3 km long. Opened on 5 May 2001.",))
    (long,) = read("3000 m").values
    (opened,) = read("in May 2001").dates
    (other,) = read("in June 2001").dates
    assert index.holds_value(long)
    assert index.holds_date(opened)
    assert not index.holds_date(other)


def test_words_of_one_family_have_one_stem() -> None:
    for family in ("city cities", "walk walks walked walking", "run running", "refund refunds refunded"):
        assert len({stem(word) for word in family.split()}) == 1, family


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=900) | st.text("ab ,;|}", max_size=2000), st.integers(1, 400))
def test_pieces_partition_and_fit(text: str, most: int) -> None:
    found = list(pieces(text, 0, len(text), most))
    assert "".join(text[start:end] for start, end in found) == text
    assert all(end - start <= most for start, end in found)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=900))
def test_units_are_short_and_in_order(text: str) -> None:
    last = 0
    for unit in Index((text,)).units:
        assert last <= unit.passage.start < unit.passage.end <= unit.passage.start + MAX_UNIT
        last = unit.passage.end
        for word in unit.passage.words:
            assert unit.passage.start <= word.start < word.end <= unit.passage.end
