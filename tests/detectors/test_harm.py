"""The ``harm`` detector: what it asks for, which reading has the word, and what a policy makes of severities.

What it shares with others that ask a model is in ``test_opinions``.
"""

from __future__ import annotations

import base64
from collections.abc import Collection
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from table_scorer import TableScorer

from safety.detectors.harm import Harm
from safety.detectors.model import HARM, ModelOptions
from safety.errors import ConfigError
from safety.guard import Guard
from safety.policy.model import Policy, Rule, When
from safety.types import Action, Exchange, Finding, Origin, Ran, Segment, Stage

START = 7  # of the segment in its wire string
SAID = {"cruel": {"hate": 0.9, "violence": 0.35}, "rude": {"hate": 0.4}, "sad": {"self_harm": 0.87654}}


@dataclass(eq=False)
class Listening(TableScorer):
    """Keeps what it was asked for."""

    wanted: list[Collection[str] | None] = field(default_factory=list)

    def score(self, passages, wanted=None):
        self.wanted.append(wanted)
        return super().score(passages, wanted)


def one(text: str, origin: Origin = Origin.USER, stage: Stage = Stage.INPUT) -> Exchange:
    return Exchange("x", stage, (Segment("/messages/0/content", origin, text, START),))


def found(text: str, **options) -> list[Finding]:
    return Harm(ModelOptions(**options), scorer=TableScorer(SAID)).detect([one(text)])[0]


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_it_asks_for_kinds_of_harm_only_and_for_all_segments_at_once() -> None:
    scorer = Listening(SAID)
    segments = tuple(Segment(f"/{origin}", origin, f"text of {origin}") for origin in Origin)
    Harm(scorer=scorer).detect([Exchange("a", Stage.INPUT, segments), one("another text")])
    assert scorer.wanted == [HARM]
    assert len(scorer.asked) == len(segments) + 1


@pytest.mark.parametrize("text", ["", " \n\t", "\u200b\u200b"])
def test_blank_text_is_not_asked_about(text: str) -> None:
    scorer = TableScorer(SAID)
    assert Harm(scorer=scorer).detect([one(text)]) == [[]]
    assert Harm(scorer=scorer).detect([]) == []
    assert not scorer.asked


def test_accents_are_not_taken_away_for_a_model_that_does_it_itself() -> None:
    scorer = TableScorer(SAID)
    Harm(scorer=scorer).detect([one("déjà vu à la carte")])
    assert [passage.text for passage in scorer.asked] == ["déjà vu à la carte"]


@pytest.mark.parametrize(
    ("text", "score", "evidence"),
    [
        ("a cruel joke", 0.9, "table"),
        (f"a rude joke {encoded('and a cruel one, hidden well')}", 0.9, "table (base64)"),
        (f"a cruel joke {encoded('and a rude one, hidden well')}", 0.9, "table"),
        (
            f"{encoded('a cruel joke hidden well')} {encoded('a rude joke hidden well')}",
            0.9,
            "table (base64)",
        ),
    ],
)
def test_the_loudest_reading_has_the_word(text: str, score: float, evidence: str) -> None:
    (hate,) = [finding for finding in found(text) if finding.category == "hate"]
    assert (hate.score, hate.evidence, hate.detail) == (score, evidence, "")


def test_each_kind_has_its_own_loudest_reading() -> None:
    text = f"a rude joke {encoded('that is sad in more than one way')}"
    places = {finding.category: finding.span for finding in found(text)}
    assert (places["hate"].start - START, places["hate"].end - START) == (2, 6)
    assert places["self_harm"].start - START == len("a rude joke ")


def test_scores_are_rounded_after_they_are_compared() -> None:
    assert [finding.score for finding in found("sad", min_score=0.87654)] == [0.8765]
    assert not found("sad", min_score=0.87655)


WORD = "cruel"
DISGUISES = {
    "plain": WORD,
    "upper case": WORD.upper(),
    "zero width": "\u200b".join(WORD),
    "look-alikes": WORD.replace("c", "с").replace("e", "е"),
    "mathematical": "".join(chr(0x1D41A + ord(char) - 97) for char in WORD),
    "leet": "cru3l",
    "set apart": " ".join(WORD),
    "tags": "".join(chr(0xE0000 + ord(char)) for char in "such a cruel thing"),
    "base64": encoded("such a cruel thing to say"),
    "hex": b"such a cruel thing".hex(),
    "twice": encoded(encoded("such a cruel thing to say to anybody")),
}
EXACTLY = {  # where each code point has its own in the text, the word alone is found
    "tags": "".join(chr(0xE0000 + ord(char)) for char in WORD),
    "hex": WORD.encode().hex(),
}
FILLER = st.text(st.sampled_from("abé .,\n\u200b\u0301ßㇰ💥\ud800"), max_size=12)


@pytest.mark.parametrize("how", DISGUISES)
def test_a_disguise_hides_nothing(how: str) -> None:
    text = f"It is {DISGUISES[how]} of you"
    (hate,) = [finding for finding in found(text) if finding.category == "hate"]
    part = text[hate.span.start - START : hate.span.end - START]
    assert part == EXACTLY.get(how, DISGUISES[how])


@given(FILLER, st.sampled_from(sorted(DISGUISES)), FILLER)
@settings(deadline=None)
def test_a_finding_covers_the_word_and_nothing_beside_it(before: str, how: str, after: str) -> None:
    hidden = DISGUISES[how]
    text = f"{before} - {hidden} - {after}"
    start = len(before) + 3
    (hate,) = [finding for finding in found(text) if finding.category == "hate"]
    assert start <= hate.span.start - START < hate.span.end - START <= start + len(hidden)


# ---- under a guard


def rule(action: Action, **when) -> Rule:
    return Rule("harm", When(HARM, **when), action)


@pytest.mark.parametrize("stage", list(Stage))
@pytest.mark.parametrize(("level", "action"), [(2, Action.ALLOW), (4, Action.BLOCK), (7, Action.BLOCK)])
def test_a_rule_may_wait_for_a_severity(stage: Stage, level: int, action: Action) -> None:
    scorer = TableScorer(SAID, severities={"hate": level})
    policy = Policy("p", rules=(rule(Action.BLOCK, min_severity=4),))
    with Guard(policy, (Harm(scorer=scorer),)) as guard:
        (verdict,) = guard.judge([one("cruel", Origin.ASSISTANT, stage)])
    assert verdict.complete
    assert verdict.action is action


def test_another_model_is_asked_again() -> None:
    kept = Guard(Policy("p", rules=(rule(Action.BLOCK),)), (Harm(scorer=TableScorer({})),))
    with kept:
        assert not kept.check_prompt("cruel").blocked
        for label, blocked in (("table@1", False), ("table@2", True)):
            scorer = TableScorer(SAID, label=label)
            with Guard(kept.policy, (Harm(scorer=scorer),), memo=kept.memo) as other:
                assert other.check_prompt("cruel").blocked is blocked
                assert bool(scorer.asked) is blocked


class TooFew(TableScorer):
    """Says nothing about the last passage."""

    def score(self, passages, wanted=None):
        return super().score(passages, wanted)[:-1]


def test_a_model_that_leaves_a_text_out_has_failed() -> None:
    with Guard(Policy("p", rules=(rule(Action.BLOCK),)), (Harm(scorer=TooFew(SAID)),)) as guard:
        verdict = guard.check_prompt("a kind word")
    assert [outcome.ran for outcome in verdict.outcomes] == [Ran.FAILED]
    assert verdict.blocked


# ---- options


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"min_score": 1.5}, "min_score: 1.5: allowed are numbers from 0 to 1"),
        ({"min_score": -0.1}, "min_score: -0.1: allowed are numbers from 0 to 1"),
        ({"min_score": float("nan")}, "min_score: nan: allowed are numbers from 0 to 1"),
        ({"threads": -1}, "threads: -1: allowed are whole numbers from 0"),
        (
            {"model": "none"},
            "model: none: harm is found by a model only: to do without, set 'enabled: false'",
        ),
    ],
)
def test_options_under_which_nothing_would_be_found_are_refused(options, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Harm(ModelOptions(**options), scorer=TableScorer(SAID))
    assert str(caught.value) == said
