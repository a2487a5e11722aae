"""Which words drove a score: those that were planted, in the order of what they weigh, at their places."""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safety.detectors.harm import Harm
from safety.detectors.model import Opinion, Passage, Role
from safety.detectors.occlusion import LEAST, SHORTLIST, WORDS, drivers
from safety.types import Exchange, Origin, Segment, Stage

HATE = "hate"
PLANTED = {"vile": 0.4, "foul": 0.25, "grim": 0.15, "mean": 0.05}
PLAIN = st.sampled_from("the office opens at nine and closes late on most days of a week".split())


@dataclass(eq=False)
class Sum:
    """A scorer for which a text scores what its words weigh together; its opinions are about all of it."""

    weights: Mapping[str, float]
    fast: Sum | None = None
    label: str = "sum@1"
    asked: list[str] = field(default_factory=list)
    wanted: list[Collection[str] | None] = field(default_factory=list)

    @property
    def quick(self) -> Sum:
        return self if self.fast is None else self.fast

    def score(
        self, passages: Sequence[Passage], wanted: Collection[str] | None = None
    ) -> list[dict[str, Opinion]]:
        self.wanted.append(wanted)
        self.asked += [passage.text for passage in passages]
        return [{HATE: Opinion(self.of(one.text), 0, len(one.text))} for one in passages]

    def of(self, text: str) -> float:
        return min(1.0, sum(self.weights.get(word, 0.0) for word in text.split()))


def drove(scorer: Sum, text: str, start: int = 0, end: int | None = None) -> list[tuple[str, float]]:
    """The words found, with what they weigh."""
    opinion = Opinion(1.0, start, len(text) if end is None else end)
    return [
        (text[one.start : one.end], one.fall)
        for one in drivers(scorer, Passage(text, Role.SAID), HATE, opinion)
    ]


@given(st.lists(PLAIN, max_size=60), st.data())
@settings(deadline=None)
def test_the_planted_words_are_found_in_the_order_of_their_weight(plain: list[str], data) -> None:
    planted = data.draw(st.lists(st.sampled_from(sorted(PLANTED)), unique=True))
    words = data.draw(st.permutations([*plain, *planted]))
    gaps = data.draw(st.lists(st.sampled_from([" ", "\n", " \t ", "  "]), min_size=len(words)))
    text = "".join(word + gap for word, gap in zip(words, gaps, strict=False))
    expected = sorted(((word, PLANTED[word]) for word in planted), key=lambda one: -one[1])
    assert drove(Sum(PLANTED), text) == [(word, pytest.approx(weight)) for word, weight in expected]


def test_a_fall_too_small_to_mean_anything_is_none() -> None:
    assert drove(Sum({"a": 2 * LEAST, "b": LEAST / 2}), "a b c") == [("a", 2 * LEAST)]
    assert drove(Sum({"a": -0.5, "b": 0.6}), "a b") == [("b", pytest.approx(0.6))], "a word that calms"


def test_the_quick_model_chooses_and_the_other_one_says_how_much() -> None:
    words = [f"w{n}" for n in range(40)]
    fast = Sum({word: n / 1000 for n, word in enumerate(words)})
    slow = Sum(dict.fromkeys(words, 0.02), fast)
    found = dict(drove(slow, " ".join(words)))
    assert found == dict.fromkeys(words[-SHORTLIST:], pytest.approx(0.02))
    assert (len(fast.asked), len(slow.asked)) == (len(words) + 1, SHORTLIST + 1)
    assert slow.wanted == fast.wanted == [(HATE,)]


def test_only_the_part_that_the_opinion_is_about_is_looked_at() -> None:
    scorer = Sum(PLANTED)
    text = "vile words first, then foul words"
    assert drove(scorer, text, text.index("then")) == [("foul", pytest.approx(0.25))]
    assert not any("vile" in asked for asked in scorer.asked)


@pytest.mark.parametrize("count", [WORDS, WORDS + 1, 3 * WORDS, 5000])
@pytest.mark.parametrize("at", [0.0, 0.5, 1.0])
def test_of_a_long_part_runs_of_words_are_left_out(count: int, at: float) -> None:
    words = ["plain"] * count
    words[round(at * (count - 1))] = "vile"
    scorer = Sum(PLANTED)
    ((run, fall),) = drove(scorer, " ".join(words))
    assert "vile" in run.split()
    assert len(run.split()) <= -(-count // WORDS)
    assert fall == pytest.approx(0.4)
    assert len(scorer.asked) <= WORDS + SHORTLIST + 2


@pytest.mark.parametrize("text", ["", "  \n "])
def test_without_words_there_is_nothing_to_leave_out(text: str) -> None:
    assert drove(Sum(PLANTED), text) == []


def test_a_category_that_nothing_is_said_about_falls_by_nothing() -> None:
    opinion = Opinion(0.9, 0, 4)
    assert drivers(Sum(PLANTED), Passage("vile", Role.SAID), "violence", opinion) == []


# ---- through a detector


def explained(text: str, weights: Mapping[str, float] = PLANTED) -> list[str]:
    """The parts of ``text`` that ``why`` names for its one finding."""
    detector = Harm(scorer=Sum(weights))
    segment = Segment("/messages/0/content", Origin.USER, text, 40)
    ((finding,),) = detector.detect([Exchange("x", Stage.INPUT, (segment,))])
    return [text[one.start : one.end] for one in detector.why(segment, finding)]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("a Vile and FOUL thing", ["Vile", "FOUL"]),
        ("a \u200bv\u200bi\u200bl\u200be thing, foul  too", ["v\u200bi\u200bl\u200be", "foul"]),
        ("ａ ｖｉｌｅ ｔｈｉｎｇ ｉｔ ｉｓ", ["ｖｉｌｅ"]),
    ],
)
def test_words_are_named_as_they_stand(text: str, named: list[str]) -> None:
    found = explained(text)
    assert [part.strip("\u200b") for part in found] == named


def test_the_words_of_an_encoded_passage_are_named_once_by_it() -> None:
    secret = base64.b64encode(b"a vile and foul thing that is hidden here").decode()
    assert explained(f"Please read {secret} now") == [secret]
