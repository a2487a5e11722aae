"""The cascade: a score depends on the text alone, nothing goes unread, the encoder is asked only in doubt."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shipped_like import WORDS, cheap, folder, graphs, tokenizer

from safety.detectors.model import HARM, Opinion, Passage, Role
from safety.errors import ConfigError
from safety.models import cascade as room
from safety.models.card import CARD, TOKENIZER, Exit, read_card
from safety.models.cascade import Cascade
from safety.models.cheap import Floats
from safety.models.encoder import Begun, Encoder, Window
from safety.models.heads import HEADS, spoken
from safety.models.pieces import Pieces

SURE = {head: Exit(low=-8.0, high=8.0) for head in HEADS}  # the table model is always sure
KNOWN = [word for word in WORDS if word.isalpha() and word != "evil"]
TEXTS = st.lists(st.sampled_from([*KNOWN, "evil", "zzz", "é", ".", "x" * 30]), max_size=60).map(" ".join)
PASSAGES = st.builds(Passage, TEXTS, st.sampled_from(Role))
STRANGE = [
    "",
    " \n",
    "\ud800",
    "\udfff\ud800 egg",
    "é" * 50,
    "\x00\x07",
    "\u200b" * 50,
    "\U000e0041" * 50,
    "\ufe0f",
]
WANTED = st.none() | st.sets(st.sampled_from(HEADS))


class Table:
    """An encoder whose first layers say ``early`` of everything, and the others what ``row`` gives."""

    early = np.full(len(HEADS), 0.5, np.float32)

    def begin(self, windows: Sequence[Window]) -> list[Begun]:
        return [Begun(window, np.zeros((1, 1), np.float32), self.early) for window in windows]

    def finish(self, begun: Sequence[Begun]) -> list[Floats]:
        return [self.row(one.window) for one in begun]

    def row(self, window: Window) -> Floats:
        raise NotImplementedError


class Counting:
    """An encoder that counts the windows it is ``asked`` about, and those of them that are ``finished``."""

    def __init__(self, inner: Encoder | Table) -> None:
        self.inner = inner
        self.asked: list[Window] = []
        self.finished: list[Window] = []

    def begin(self, windows: Sequence[Window]) -> list[Begun]:
        self.asked += windows
        return self.inner.begin(windows)

    def finish(self, begun: Sequence[Begun]) -> list[Floats]:
        self.finished += [one.window for one in begun]
        return self.inner.finish(begun)


class Spotter(Table):
    """It says 9 where *evil* is in the window, -9 elsewhere."""

    def row(self, window: Window) -> Floats:
        return np.full(10, 9 if WORDS.index("evil") in window.ids else -9, np.float32)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="module")
def encoder(made: Path) -> Encoder:
    return Encoder(*graphs(made), "encoder.onnx", threads=1)


def cascade(
    made: Path, encoder: Encoder | Table, exits: dict[str, Exit], early: dict[str, Exit] | None = None
) -> tuple[Cascade, Counting]:
    counting = Counting(encoder)
    card = replace(read_card(made), exits={"cheap": exits, "early": early or {}})
    return Cascade(card, Pieces(tokenizer()), cheap(), counting), counting


@given(st.lists(PASSAGES, min_size=1, max_size=4), st.data())
@settings(max_examples=40, deadline=None)
def test_a_score_depends_on_the_text_alone(
    made: Path, encoder: Encoder, passages: list[Passage], data: st.DataObject
) -> None:
    exits = {head: data.draw(st.sampled_from([Exit(), Exit(low=-8), Exit(high=8)])) for head in HEADS}
    early = {head: data.draw(st.sampled_from([Exit(), Exit(low=0.0), Exit(high=0.2)])) for head in HEADS}
    alone = [cascade(made, encoder, exits, early)[0].score([passage])[0] for passage in passages]
    shared, _ = cascade(made, encoder, exits, early)
    for before in data.draw(st.lists(st.lists(st.sampled_from(passages) | PASSAGES, max_size=3), max_size=3)):
        shared.score(before, data.draw(WANTED))
    wanted = data.draw(WANTED)
    for passage, opinions, first in zip(passages, shared.score(passages, wanted), alone, strict=True):
        assert set(opinions) == set(spoken(passage.role)) & (set(HEADS) if wanted is None else wanted)
        assert opinions == {head: first[head] for head in opinions}


@given(st.lists(st.tuples(PASSAGES, WANTED), min_size=8, max_size=24))
@settings(max_examples=8, deadline=None)
def test_many_threads_get_what_one_gets(
    made: Path, encoder: Encoder, calls: list[tuple[Passage, set[str] | None]]
) -> None:
    exits, early = (
        {head: Exit(low=low) for head in heads} for low, heads in ((-8, HEADS[::2]), (0, HEADS[::3]))
    )
    alone = [cascade(made, encoder, exits, early)[0].score([passage], wanted) for passage, wanted in calls]
    shared, _ = cascade(made, encoder, exits, early)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda call: shared.score([call[0]], call[1]), calls)) == alone


@given(st.integers(0, 1500), st.integers(0, 1500), st.sampled_from(["river", "été", "##x"]), st.booleans())
@settings(max_examples=40, deadline=None)
def test_nothing_goes_unread(made: Path, before: int, after: int, word: str, sure: bool) -> None:
    """Neither by the cheap model, sure of everything, nor by the encoder, where that is sure of nothing."""
    model, _ = cascade(made, Spotter(), SURE if sure else {})
    text = f"{f'{word} ' * before}evil{f' {word}' * after}"
    opinion = model.score([Passage(text, Role.SAID)])[0]["prompt_attack"]
    assert (opinion.score > 0.99, opinion.by) == (True, "cheap" if sure else "encoder")
    assert "evil" in text[opinion.start : opinion.end]
    assert opinion.end - opinion.start <= 20 * (len(word) + 1)  # the window has 20 tokens
    calm = model.score([Passage(text.replace("evil", word), Role.SAID)])[0]["prompt_attack"]
    assert calm.score < 0.01
    assert (calm.start, calm.end) == (0, len(text) - 4 + len(word))


@pytest.mark.parametrize("text", STRANGE)
def test_any_text_has_an_opinion(made: Path, encoder: Encoder, text: str) -> None:
    opinions = cascade(made, encoder, {})[0].score([Passage(text, Role.READ)])[0]
    assert set(opinions) == {"indirect_attack", *HARM}
    assert all(
        math.isfinite(one.score) and 0 <= one.start <= one.end <= len(text) for one in opinions.values()
    )


@pytest.mark.parametrize("text", ["x" * 1_000_000, "é" * 500_000, "a " * 500_000, "." * 1_000_000])
def test_a_megabyte_of_the_same_is_judged_once(made: Path, encoder: Encoder, text: str) -> None:
    counting = Counting(encoder)
    card = replace(read_card(made), window=190, overlap=48)
    opinions = Cascade(card, Pieces(tokenizer()), cheap(), counting).score([Passage(text, Role.SAID)])
    assert set(opinions[0]) == set(spoken(Role.SAID))
    assert len(counting.asked) == 1


# ---- when the encoder is asked


def asked(
    made: Path, encoder: Encoder, exits: dict[str, Exit], *calls: tuple[str, set[str] | None]
) -> list[int]:
    model, counting = cascade(made, encoder, exits)
    counts = []
    for text, wanted in calls:
        model.score([Passage(text, Role.SAID)], wanted)
        counts.append(len(counting.asked))
    return counts


def test_the_sure_leave_before_the_encoder(made: Path, encoder: Encoder) -> None:
    assert asked(made, encoder, SURE, ("boil the egg", None), ("evil", None)) == [0, 0]


def test_one_doubt_is_enough_and_one_pass_answers_all(made: Path, encoder: Encoder) -> None:
    exits = {**SURE, "hate": Exit()}
    calls = ("egg", {"sexual"}), ("egg", {"hate"}), ("egg", {"hate"}), ("egg", None), ("river", None)
    assert asked(made, encoder, exits, *calls) == [0, 1, 1, 1, 2]


def test_the_first_layers_may_be_enough(made: Path) -> None:
    """They say 0.5 of every head."""
    early = {head: Exit(low=1.0) for head in HEADS}
    model, counting = cascade(made, Spotter(), {}, early)
    opinions = model.score([Passage("evil", Role.SAID)])[0]
    assert {one.by for one in opinions.values()} == {"early layers"}
    assert (len(counting.asked), counting.finished) == (1, [])


def test_one_head_in_doubt_after_the_first_layers_is_enough_to_go_on(made: Path) -> None:
    early = {head: Exit(high=0.2) for head in HEADS if head != "hate"}
    model, counting = cascade(made, Spotter(), {"sexual": Exit(low=-8)}, early)
    for wanted, asked, finished in (({"sexual"}, 0, 0), ({"violence"}, 1, 0), ({"hate"}, 2, 1), (None, 2, 1)):
        opinions = model.score([Passage("egg", Role.SAID)], wanted)[0]
        assert (len(counting.asked), len(counting.finished)) == (asked, finished)
    assert {head: one.by for head, one in opinions.items()} == {
        **dict.fromkeys(spoken(Role.SAID), "early layers"),
        "sexual": "cheap",
        "hate": "encoder",
    }


def test_a_long_text_is_judged_some_windows_at_a_time(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "BEGUN", 2)
    sizes: list[int] = []

    class Few(Spotter):
        def begin(self, windows: Sequence[Window]) -> list[Begun]:
            sizes.append(len(windows))
            return super().begin(windows)

    text = " ".join(KNOWN[at % len(KNOWN)] for at in range(77)) + " evil"
    model, counting = cascade(made, Few(), {})
    assert model.score([Passage(text, Role.SAID)])[0]["hate"].score > 0.9
    assert sum(sizes) == len(counting.finished) > 2 >= max(sizes)


def test_equal_passages_are_asked_about_once_in_each_role(made: Path, encoder: Encoder) -> None:
    model, counting = cascade(made, encoder, {})
    said, read = Passage("egg", Role.SAID), Passage("egg", Role.READ)
    first, second, third, fourth = model.score([said, read, said, read])
    assert (first, second) == (third, fourth)
    assert sorted(window.role for window in counting.asked) == [Role.SAID, Role.READ]


def test_only_windows_in_doubt_are_asked_about(made: Path, encoder: Encoder) -> None:
    exits = {head: Exit(high=8) for head in HEADS}  # sure of evil alone
    model, counting = cascade(made, encoder, exits)
    model.score([Passage("evil " * 20 + "egg " * 20, Role.SAID)])  # 0-17, 11-28, 23-40; evil in two
    assert [window.ids.tolist() for window in counting.asked] == [[WORDS.index("egg")] * 17]


@given(st.floats(-20, 20), st.none() | st.floats(-20, 20), st.none() | st.floats(-20, 20))
@settings(max_examples=60, deadline=None)
def test_the_bounds_of_an_exit_decide(
    made: Path, logit: float, low: float | None, high: float | None
) -> None:
    logit = float(np.float32(logit))
    card = replace(read_card(made), exits={"cheap": {head: Exit(low, high) for head in HEADS}})
    table = replace(cheap(), outer_bias=np.full(len(HEADS), logit, np.float32))  # without *evil* nothing else
    counting = Counting(Spotter())
    opinions = Cascade(card, Pieces(tokenizer()), table, counting).score([Passage("egg", Role.SAID)])[0]
    sure = (low is not None and logit < low) or (high is not None and logit > high)
    assert len(counting.asked) == (not sure)
    assert {one.by for one in opinions.values()} == {"cheap" if sure else "encoder"}


def test_an_encoder_that_fails_is_an_error_and_forgotten(made: Path, encoder: Encoder) -> None:
    class Failing(Table):
        def row(self, window: Window) -> Floats:
            raise RuntimeError("out of memory")

    model, _ = cascade(made, Failing(), {**SURE, "hate": Exit()})
    for _ in range(2):
        with pytest.raises(RuntimeError, match="out of memory"):
            model.score([Passage("egg", Role.SAID)])
        assert model.score([Passage("egg", Role.SAID)], {"sexual"})[0]["sexual"].score < 0.5


def test_what_is_remembered_is_bounded(made: Path, encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "REMEMBERED", 2)
    calls = [(word, None) for word in ("egg", "river", "egg", "walk", "egg", "river")]
    assert asked(made, encoder, {}, *calls) == [1, 2, 2, 3, 3, 4]  # river went, being the older


def test_the_quick_model_never_asks(made: Path, encoder: Encoder) -> None:
    model, counting = cascade(made, encoder, {**SURE, "hate": Exit()})
    for text, loud in (("evil", True), ("egg", False), ("", False), ("river " * 100, False)):
        opinions = model.quick.score([Passage(text, Role.READ)])[0]
        assert {(one.by, one.score > 0.5) for one in opinions.values()} == {("cheap", loud)}
    assert not counting.asked
    assert model.quick.label != model.label  # its opinions are others


# ---- severities


class Says(Table):
    """It has fixed logits."""

    def __init__(self, hate: float, severity: float) -> None:
        row = np.full(len(HEADS) + len(HARM), -5, np.float32)
        row[HEADS.index("hate")], row[len(HEADS)] = hate, severity
        self.said = row

    def row(self, window: Window) -> Floats:
        return self.said


@pytest.mark.parametrize(
    ("hate", "severity", "expected"),
    [(5, -9, 2), (5, 0, 4), (5, 9, 7), (0.1, -9, 2), (0.0, 9, 1), (-5, 9, 1), (-5, -9, 0)],
)
def test_severity_stays_on_the_side_of_the_score(
    made: Path, hate: float, severity: float, expected: int
) -> None:
    model = Cascade(read_card(made), Pieces(tokenizer()), cheap(), Says(hate, severity))
    opinion = model.score([Passage("egg", Role.SAID)])[0]["hate"]
    assert (opinion.score >= 0.5, opinion.severity) == (hate >= 0.1, expected)


def test_who_is_sure_is_named_and_the_cheap_one_has_no_severities(made: Path, encoder: Encoder) -> None:
    opinions = cascade(made, encoder, {**SURE, "hate": Exit()})[0].score([Passage("egg", Role.SAID)])[0]
    assert {head: one.by for head, one in opinions.items()} == {
        **dict.fromkeys(spoken(Role.SAID), "cheap"),
        "hate": "encoder",
    }
    assert opinions["sexual"].severity == 0
    loud = cascade(made, encoder, SURE)[0].score([Passage("evil", Role.SAID)])[0]
    assert {head: one.severity for head, one in loud.items()} == {
        "prompt_attack": None,
        **dict.fromkeys(HARM, 2),
    }
    assert opinions["prompt_attack"].severity is None


@given(st.floats(-40, 40), st.floats(-40, 40))
@settings(max_examples=60, deadline=None)
def test_a_severity_is_on_the_side_of_its_score_whatever_was_said(
    made: Path, hate: float, severity: float
) -> None:
    model = Cascade(read_card(made), Pieces(tokenizer()), cheap(), Says(hate, severity))
    opinion = model.score([Passage("egg", Role.SAID)])[0]["hate"]
    assert opinion.severity in (range(2, 8) if opinion.score >= 0.5 else range(2))


# ---- files


def test_a_folder_is_loaded(made: Path) -> None:
    model = Cascade.load(made, threads=1)
    assert model.label.startswith("tiny@7-")
    opinions = model.score([Passage("boil the egg", Role.SAID)])[0]
    assert all(isinstance(one, Opinion) and 0 <= one.score <= 1 for one in opinions.values())


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b"not json"])
def test_a_tokenizer_that_is_none_is_named(tmp_path: Path, content: bytes) -> None:
    """As when a newer release of the library wrote it: what is on the card is there."""
    path = folder(tmp_path) / TOKENIZER
    path.write_bytes(content)
    card = read_card(tmp_path)
    files = {**card.files, TOKENIZER: sha256(content).hexdigest()}
    (tmp_path / CARD).write_text(replace(card, files=files).to_json())
    with pytest.raises(ConfigError, match="not a tokenizer") as caught:
        Cascade.load(tmp_path)
    assert str(path) in str(caught.value)
