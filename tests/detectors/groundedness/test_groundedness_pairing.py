"""What a model is shown of a claim and its sources."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safety.detectors.groundedness.claims import Claim, claims_of
from safety.detectors.groundedness.examples import NEGATIVES, POSITIVES
from safety.detectors.groundedness.index import MAX_UNIT, Index
from safety.detectors.groundedness.pairing import BEFORE, ROOM, Pair, pair_of
from safety.detectors.groundedness.passage import read

GAP = " … "
FILLER = "".join(f"Rain fell upon the hills of county {n} for most of the afternoon. " for n in range(60))
TOWER = "The Eiffel Tower is 330 metres tall."
OWNER = "The tower belongs to the city."


def pairs(text: str, *sources: str, question: str = "") -> list[Pair]:
    index = Index(sources)
    return [pair_of(text, claim, index, sources, question) for claim in claims_of(text, 1, alone=True)]


def last(text: str, *sources: str, question: str = "") -> Pair:
    return pairs(text, *sources, question=question)[-1]


def flat(text: str) -> str:
    return " ".join(text.split())


def test_short_sources_are_shown_whole() -> None:
    assert last("Bananas sing.", f" {TOWER}\n\n{OWNER} ", "Rain\tfell.").evidence == (
        f"{TOWER} {OWNER} … Rain fell."
    )
    almost = "rain " * (ROOM // 5)
    assert last("Bananas sing.", almost).evidence == flat(almost)


def test_of_long_sources_the_parts_that_speak_of_the_claim_are_shown_in_their_order() -> None:
    sources = (f"{FILLER}{OWNER} {FILLER}", f"{FILLER}{TOWER} {FILLER}")
    shown = last("The Eiffel Tower of 330 metres belongs to the city.", *sources).evidence
    assert 0 <= shown.index(OWNER) < shown.index(TOWER)
    assert GAP in shown
    assert "county 30" not in shown


def test_neighbours_are_joined_without_a_gap() -> None:
    shown = last("The tower is 330 metres tall and belongs to the city.", f"{FILLER}{TOWER} {OWNER} {FILLER}")
    assert f"{TOWER} {OWNER}" in shown.evidence


def test_what_the_claim_refers_back_to_is_looked_for_as_well() -> None:
    source = f"{FILLER}Gustave built the tower. {FILLER}Maria painted the bridge. {FILLER}"
    shown = last("We speak of Maria and the bridge. It was made by him.", source)
    assert "Maria painted the bridge." in shown.evidence


def test_a_source_that_shares_no_word_is_shown_from_its_beginning() -> None:
    assert flat(FILLER).startswith(last("Bananas sing.", FILLER).evidence)


def test_the_head_of_a_record_comes_along() -> None:
    rows = "".join(f"| Town {n} | {n * 7919} | {n * 31} |\n" for n in range(100, 200))
    shown = last("Town 150 has 4650 cats.", f"| Town | Dogs | Cats |\n{rows}").evidence
    assert shown.startswith("| Town | Dogs | Cats |")
    assert "| Town 150 |" in shown


POINTS_BACK = {
    "en": ("Ada Lovelace lived in London.", "In the end she wrote the first program."),
    "en, of two": ("Ada met Charles in London.", "The latter designed an engine."),
    "de": ("Das Museum steht in Berlin.", "Seit 1998 ist es täglich geöffnet."),
    "fr": ("Le musée se trouve à Paris.", "Elle a ouvert ses portes en 1998."),
    "es": ("El puente cruza el río.", "Este mide 1200 metros de largo."),
    "it": ("Il ponte attraversa il fiume.", "Questo misura 1200 metri."),
    "pt": ("A ponte atravessa o rio.", "Ela mede 1200 metros."),
    "nl": ("De brug ligt over de rivier.", "Het werd in 1998 geopend."),
}


@pytest.mark.parametrize(("before", "claim"), POINTS_BACK.values(), ids=POINTS_BACK)
def test_a_pronoun_brings_the_sentence_before(before: str, claim: str) -> None:
    assert last(f"{before} {claim}", TOWER, question="Who?").before == before
    assert last(claim, TOWER, question="Who built the tower?").before == "Who built the tower?"


def test_without_a_pronoun_near_the_beginning_nothing_is_brought() -> None:
    for claim in ("The bridge is long.", "In most of the towns and villages of France it rains."):
        assert last(f"The tower is tall. {claim}", TOWER, question="Who?").before == ""


@pytest.mark.parametrize("yes", ["Yes", "no", "Ja", "Nein", "Nee", "Oui", "Non", "Sí", "Sì", "Sim", "Não"])
def test_a_yes_brings_the_question(yes: str) -> None:
    shown = last(
        f"The bridge is long. {yes}, the old tower is very tall indeed.", TOWER, question="Is the tower tall?"
    )
    assert shown.before == "Is the tower tall?"


def test_a_bare_phrase_brings_the_question() -> None:
    assert last("330 metres", TOWER, question="How tall is it?") == Pair(
        TOWER, "How tall is it?", "330 metres"
    )


def test_what_is_brought_is_short() -> None:
    long = f"The tower {'really ' * 40}is tall."
    assert last(f"{long} It is old.", TOWER).before == long[-BEFORE:].strip()
    assert last("330 metres", TOWER, question="x" * 500).before == "x" * BEFORE


LANGUAGES = {
    "en": ("The bridge was opened on 4 May 1995.", "The bridge has been open since 1995."),
    "de": ("Die Brücke wurde am 4. Mai 1995 eröffnet.", "Die Brücke ist seit 1995 offen."),
    "fr": ("Le pont a été inauguré le 4 mai 1995.", "Le pont existe depuis 1995."),
    "es": ("El puente fue inaugurado el 4 de mayo de 1995.", "El puente existe desde 1995."),
    "it": ("Il ponte fu inaugurato il 4 maggio 1995.", "Il ponte esiste dal 1995."),
    "pt": ("A ponte foi inaugurada em 4 de maio de 1995.", "A ponte existe desde 1995."),
    "zh": ("这座桥于1995年5月4日通车。", "这座桥1995年通车。"),
    "ja": ("この橋は1995年5月4日に開通した。", "橋は1995年に開通した。"),
}


@pytest.mark.parametrize(("told", "claim"), LANGUAGES.values(), ids=LANGUAGES)
def test_eight_languages(told: str, claim: str) -> None:
    shown = last(claim, f"{FILLER}{told} {FILLER}")
    assert told in shown.evidence
    assert shown.claim == claim


def test_sentences_without_blanks_between_them_stay_so() -> None:
    source = "这座桥于2008年5月1日通车。它由中国铁路集团建造。"
    assert source in last("这座桥由中国铁路集团于2008年建造。", FILLER, source).evidence


@pytest.mark.parametrize("text", ["a" * 1000, "_" * 1000, "a_" * 500, "- " * 500 + "tower", "é." * 500])
def test_long_words_are_read_fast(text: str) -> None:
    begun = time.process_time()
    pair_of(text, Claim(0, len(text), read(text), (0, 1)), Index((TOWER,)), (TOWER,), "")
    assert time.process_time() - begun < 1


WORDS = st.sampled_from(
    [*(e.answer for e in (*POSITIVES, *NEGATIVES)), *(e.source for e in POSITIVES), FILLER[:400]]
)
NOISE = st.text("aZ19.,;:!?|-*\n 。、橋…é", max_size=60)
TEXTS = st.lists(WORDS | NOISE | st.text(max_size=20), max_size=6).map(" ".join)
LONG = st.lists(WORDS | NOISE | st.text("a|橋。", min_size=300, max_size=900), max_size=9).map("".join)


@settings(max_examples=80)
@given(TEXTS, st.lists(TEXTS | LONG, min_size=1, max_size=3), TEXTS)
def test_all_that_is_shown_stands_somewhere(text: str, sources: list[str], question: str) -> None:
    index, told = Index(sources), [flat(source) for source in sources]
    for claim in claims_of(text, 1, alone=True):
        pair = pair_of(text, claim, index, sources, question)
        assert pair.claim == text[claim.passage.start : claim.passage.end]
        assert pair.before in text or pair.before in question
        assert len(pair.before) <= BEFORE
        parts = pair.evidence.split(GAP)
        assert all(any(part.strip() in source for source in told) for part in parts)
        if sum(map(len, sources)) > ROOM:
            assert len("".join(parts)) <= max(ROOM, MAX_UNIT)
