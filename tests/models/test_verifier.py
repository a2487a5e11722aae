"""The verifier: an opinion depends on the pair alone, claims are read to their end, words are whole words."""

from __future__ import annotations

import json
import re
import string
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from hashlib import sha256
from itertools import islice, pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from shipped_like import ATTENTION, EARLY, WORDS, pair_state, spotting, state, verifier_folder
from tokenizers import Tokenizer

from safety.detectors.groundedness.pairing import Pair
from safety.detectors.groundedness.verifier import Blend, Doubt
from safety.errors import ConfigError
from safety.models.card import CARD, TOKENIZER, UPPER, WEIGHTS
from safety.models.pairs import BEFORE, CLAIM, WINDOWS, Shown, shown
from safety.models.pieces import Pieces
from safety.models.tokens import CLS, SEP, UNK
from safety.models.verifier import REMEMBERED, CrossEncoder, _words
from safety.models.verifier_card import PAIRS, VerifierCard, read_verifier_card
from safety.training.export import export

KNOWN = [word for word in WORDS if word.isalpha() and word != "evil"]
TEXTS = st.lists(st.sampled_from([*KNOWN, "evil", "zzz", "é", "."]), max_size=60).map(" ".join)
ASKED = st.builds(Pair, TEXTS, TEXTS, TEXTS.filter(bool))


class Counting(CrossEncoder):
    """A verifier that keeps what its network was shown."""

    def __init__(self, *how: Any, **more: Any) -> None:
        self.ran: list[Shown] = []
        super().__init__(*how, **more)

    def _run(self, batch: list[Shown]) -> list[Any]:
        self.ran += batch
        return super()._run(batch)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return verifier_folder(tmp_path_factory.mktemp("verifier"))


@pytest.fixture(scope="module")
def model(made: Path) -> CrossEncoder:
    return CrossEncoder.load(made, threads=1)


@pytest.fixture(scope="module")
def spotter(tmp_path_factory: pytest.TempPathFactory) -> CrossEncoder:
    """Claims with the word *evil* are not borne out."""
    place = verifier_folder(tmp_path_factory.mktemp("spotter"), spotting(), quantised=False)
    return CrossEncoder.load(place, threads=1)


@pytest.fixture(scope="module")
def pieces() -> Pieces:
    """Of the tokenizer that ships."""
    return Pieces(Tokenizer.from_file(str(WEIGHTS / "guard" / TOKENIZER)))


def alone(place: Path, pairs: Sequence[Pair]) -> list[Doubt]:
    """What one that remembers nothing says of each."""
    return [CrossEncoder.load(place, threads=1).doubts([pair])[0] for pair in pairs]


# ---- what an opinion depends on


@given(st.lists(ASKED, min_size=1, max_size=5))
@settings(max_examples=15, deadline=None)
def test_company_changes_nothing(made: Path, pairs: list[Pair]) -> None:
    fresh = CrossEncoder.load(made, threads=1)
    assert fresh.doubts(pairs) == alone(made, pairs)
    assert fresh.doubts(pairs[::-1]) == fresh.doubts(pairs)[::-1]


def test_threads_change_nothing(made: Path) -> None:
    texts = [" ".join(words) for words in islice(product(KNOWN, repeat=3), 0, 400, 5)]
    pairs = [Pair(text, "", claim) for text, claim in zip(texts, texts[::-1], strict=True)]
    expected = CrossEncoder.load(made, threads=1).doubts(pairs)
    shared = CrossEncoder.load(made, threads=1)
    with ThreadPoolExecutor(8) as pool:
        parts = list(pool.map(lambda at: shared.doubts(pairs[at : at + 16]), range(0, 65, 4)))
    for at, part in zip(range(0, 65, 4), parts, strict=True):
        assert part == expected[at : at + 16]


def test_all_parts_of_a_pair_are_heard(model: CrossEncoder) -> None:
    pairs = [Pair(*texts) for texts in product(("egg river", "walk"), ("", "lunch"), ("boil egg", "river"))]
    said = [(doubt.unsupported, doubt.contradicted) for doubt in model.doubts(pairs)]
    assert len(set(said)) == len(pairs)


def test_nothing_is_asked_of_nobody(model: CrossEncoder) -> None:
    assert model.doubts([]) == []


# ---- long claims


@pytest.mark.parametrize("at", [0, 100, 150, 299])
def test_a_long_claim_is_read_to_its_end(spotter: CrossEncoder, at: int) -> None:
    words = ["egg"] * 300
    calm, marked = (
        spotter.doubts([Pair("egg " * 400, "lunch", " ".join(claim))])[0]
        for claim in (words, [*words[:at], "evil", *words[at + 1 :]])
    )
    assert calm.unsupported < 0 < marked.unsupported
    assert len(marked.words) == 300
    assert [number for number, (_, _, odds) in enumerate(marked.words) if odds > 0] == [at]


def test_the_evidence_is_no_part_of_the_claim(spotter: CrossEncoder) -> None:
    (doubt,) = spotter.doubts([Pair("evil", "evil", "egg")])
    assert doubt.unsupported < 0
    assert all(odds < 0 for _, _, odds in doubt.words)


@given(st.integers(0, 700), st.integers(0, 100), st.integers(1, 400), st.sampled_from(WINDOWS))
def test_what_is_shown_fits_and_leaves_out_no_token_of_the_claim(
    evidence: int, before: int, claim: int, window: int
) -> None:
    lengths = {"e": (1000, evidence), "b": (3000, before), "c": (5000, claim)}
    numbers = {text: tuple(range(first, first + long)) for text, (first, long) in lengths.items()}
    parts = shown(Pair("e", "b", "c"), numbers.__getitem__, window)
    assert all(len(part.ids) <= window for part in parts)
    assert {one for part in parts for one in part.ids if one >= 5000} == set(numbers["c"])
    for part in parts:
        long = part.last - part.first
        assert part.ids[part.at : part.at + long] == numbers["c"][part.first : part.last]
        assert long <= CLAIM
        assert (part.ids[0], part.ids[part.at - 1], part.ids[-1]) == (CLS, SEP, SEP)
        assert sum(3000 <= one < 5000 for one in part.ids) == min(before, BEFORE)
        assert evidence == 0 or 1000 in part.ids


def test_a_claim_without_tokens_is_asked_about(model: CrossEncoder) -> None:
    deleted = "\u200b\ufffd"
    (doubt,) = model.doubts([Pair("egg", "", deleted)])
    assert np.isfinite([doubt.unsupported, doubt.contradicted]).all()
    assert doubt.words == ()
    (part,) = shown(Pair("egg", "", ""), lambda text: [7] if text else [], 256)
    assert part.ids == (CLS, 7, SEP, UNK, SEP)


@pytest.mark.parametrize(
    "strange", ["\ud800", "\udfff egg", "\x00", "[SEP]", "[CLS] egg", "💥" * 50, "x" * 500]
)
def test_strange_texts_are_judged(model: CrossEncoder, strange: str) -> None:
    for doubt in model.doubts([Pair(strange, strange, "egg"), Pair("egg", "", strange)]):
        words = (odds for _, _, odds in doubt.words)
        assert np.isfinite([doubt.unsupported, doubt.contradicted, *words]).all()


# ---- what is remembered


def counting(place: Path) -> Counting:
    made = Counting.load(place, threads=1)
    assert isinstance(made, Counting)
    return made


def test_a_pair_is_judged_once(made: Path) -> None:
    model = counting(made)
    one, other = Pair("egg", "", "river walk"), Pair("egg", "", "river")
    first = model.doubts([one, one])
    assert len(model.ran) == 1
    assert model.doubts([other, one])[1] == first[0] == first[1]
    assert len(model.ran) == 2


def test_the_memory_is_bounded_and_keeps_what_was_asked_last(made: Path) -> None:
    model = counting(made)
    pairs = [Pair("egg", "", " ".join(words)) for words in islice(product(KNOWN, repeat=4), REMEMBERED + 50)]
    for at in range(0, len(pairs), 50):
        model.doubts([pairs[0], *pairs[at : at + 50]])
    assert len(model._known) == REMEMBERED
    ran = len(model.ran)
    model.doubts([pairs[0], *pairs[-50:]])
    assert len(model.ran) == ran
    model.doubts([pairs[1]])
    assert len(model.ran) == ran + 1


# ---- words


@given(st.text() | st.text("aé한글ش日 .-'\u0301\u200b\u00ad1", max_size=30))
@example("한국어 단어")
@example("e\u0301a")
@example("\U00030000 x")
@settings(deadline=None)
def test_words_are_whole_words_in_order(pieces: Pieces, text: str) -> None:
    places = pieces.places(text)
    assert len(places) == len(pieces.ids(text))
    tokens = np.arange(len(places), dtype=np.float32)
    words = _words(text, places, tokens)
    assert all(0 <= start < end <= len(text) for start, end, _ in words)
    for (_, end, _), (start, _, _) in pairwise(words):
        assert end <= start
        assert end < start or not (text[end - 1].isalnum() and text[start].isalnum())
    assert {start for start, _ in places} | {end for _, end in places} >= {
        place for start, end, _ in words for place in (start, end)
    }
    assert max(tokens, default=None) == max((odds for _, _, odds in words), default=None)


@given(st.text(string.ascii_letters + string.digits + string.punctuation + " \t\n", max_size=60))
@settings(deadline=None)
def test_words_of_plain_text_are_what_they_look_like(pieces: Pieces, text: str) -> None:
    places = pieces.places(text.replace("[", "("))
    said = _words(text, places, np.zeros(len(places), np.float32))
    looks = [found.span() for found in re.finditer(r"[A-Za-z0-9]+|[^A-Za-z0-9\s]", text)]
    assert [(start, end) for start, end, _ in said] == looks


def test_a_word_is_as_doubtful_as_its_most_doubtful_piece(pieces: Pieces) -> None:
    text = "an unbelievably xylophonic egg"
    places = pieces.places(text)
    assert len(places) > 4
    loud = next(at for at, (start, _) in enumerate(places) if start > text.index("xylo"))
    tokens = np.full(len(places), -1, np.float32)
    tokens[loud] = 3
    assert [(text[a:b], odds) for a, b, odds in _words(text, places, tokens)] == [
        ("an", -1), ("unbelievably", -1), ("xylophonic", 3), ("egg", -1)
    ]  # fmt: skip


# ---- files


def rewritten(folder: Path, name: str, data: bytes) -> None:
    """Another file under a name, and a card that was written for it."""
    (folder / name).write_bytes(data)
    card = json.loads((folder / CARD).read_text())
    card["files"][name] = sha256(data).hexdigest()
    (folder / CARD).write_text(json.dumps(card))


@pytest.mark.parametrize("name", [PAIRS, CARD])
def test_an_absent_file_is_named(tmp_path: Path, name: str) -> None:
    path = verifier_folder(tmp_path) / name
    path.unlink()
    with pytest.raises(ConfigError, match="No such file") as caught:
        CrossEncoder.load(tmp_path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", [PAIRS, TOKENIZER])
def test_a_damaged_file_is_named(tmp_path: Path, name: str) -> None:
    path = verifier_folder(tmp_path) / name
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ConfigError, match=f"{re.escape(str(path))}: damaged"):
        CrossEncoder.load(tmp_path)


@pytest.mark.parametrize(
    ("name", "message"), [(PAIRS, "onnxruntime .* cannot load it"), (TOKENIZER, "not a tokenizer")]
)
def test_a_file_that_is_something_else_is_named(tmp_path: Path, name: str, message: str) -> None:
    rewritten(verifier_folder(tmp_path), name, b"{}")
    with pytest.raises(ConfigError, match=f"{re.escape(str(tmp_path / name))}: {message}"):
        CrossEncoder.load(tmp_path)


@pytest.mark.parametrize(
    ("graph", "message"),
    [(PAIRS, "its outputs are logits, states"), (UPPER, "its inputs are attention_mask, states")],
)
def test_the_graph_of_another_model_is_refused(tmp_path: Path, graph: str, message: str) -> None:
    """The guard's first graph has the inputs of a verifier, and gives something else."""
    verifier_folder(tmp_path)
    export(state(), tmp_path / PAIRS, tmp_path / UPPER, heads=ATTENTION, early=EARLY)
    rewritten(tmp_path, PAIRS, (tmp_path / graph).read_bytes())
    with pytest.raises(ConfigError, match=f"{PAIRS}: not a verifier: {message}"):
        CrossEncoder.load(tmp_path)


def test_without_a_tokenizer_of_its_own_it_reads_as_the_guard(tmp_path: Path, pieces: Pieces) -> None:
    guards = (WEIGHTS / "guard" / TOKENIZER).read_bytes()
    size = 1 + max(Tokenizer.from_file(str(WEIGHTS / "guard" / TOKENIZER)).get_vocab().values())
    rewritten(verifier_folder(tmp_path, pair_state(size)), TOKENIZER, guards)
    pair = Pair("Lunch is at noon.", "", "Unbelievably, lunch is at one.")
    own = CrossEncoder.load(tmp_path, threads=1).doubts([pair])
    (tmp_path / TOKENIZER).unlink()
    assert CrossEncoder.load(tmp_path, threads=1).doubts([pair]) == own
    assert [pair.claim[a:b] for a, b, _ in own[0].words][:3] == ["Unbelievably", ",", "lunch"]


# ---- the card

ODDS = st.floats(-50, 50)
CURVE = st.lists(st.tuples(st.floats(0, 1), ODDS), max_size=4).map(tuple)
BLENDS = st.builds(Blend, ODDS, ODDS, ODDS, ODDS, ODDS, st.dictionaries(st.text(), CURVE))
CARDS = st.builds(
    VerifierCard,
    st.text(),
    st.text(),
    st.sampled_from(WINDOWS),
    BLENDS,
    st.dictionaries(st.text(), st.text()),
)


@given(CARDS)
@settings(deadline=None)
def test_a_card_comes_back_as_it_was(card: VerifierCard) -> None:
    assert VerifierCard.from_json(card.to_json()) == card


@pytest.mark.parametrize(
    "change",
    [
        {"window": 64},
        {"window": 1024},
        {"window": "256"},
        {"blend": {}},
        {"blend": {**asdict(Blend()), "bias": float("nan")}},
        {"blend": {**asdict(Blend()), "bias": None}},
        {"blend": {**asdict(Blend()), "bias": "much"}},
        {"blend": {**asdict(Blend()), "tune": 1.0}},
        {"blend": {**asdict(Blend()), "curves": {"generic/qna": [[0.1, float("inf")]]}}},
        {"blend": {**asdict(Blend()), "curves": {"generic/qna": [[0.1]]}}},
        {"files": []},
        {"exits": {}},
    ],
)
def test_a_card_that_is_none_is_refused(made: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    text = json.dumps({**json.loads((made / CARD).read_text()), **change})
    (tmp_path / CARD).write_text(text)
    with pytest.raises(ConfigError, match="not a verifier's card") as caught:
        read_verifier_card(tmp_path)
    assert str(tmp_path / CARD) in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '{"name": "x"}', "\ufeff{}"])
def test_what_is_no_card_at_all_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / CARD).write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"card\.json: not a verifier's card"):
        CrossEncoder.load(tmp_path)


def test_a_label_differs_whenever_an_opinion_may(tmp_path: Path) -> None:
    first = CrossEncoder.load(verifier_folder(tmp_path / "a"), threads=1)
    same = CrossEncoder.load(verifier_folder(tmp_path / "b"), threads=1)
    other = CrossEncoder.load(verifier_folder(tmp_path / "c", spotting()), threads=1)
    assert first.label == same.label
    assert {first.label.split("-")[0], other.label.split("-")[0]} == {"tiny@7"}
    assert first.label != other.label
