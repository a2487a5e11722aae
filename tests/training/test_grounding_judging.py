"""What is chosen from judged claims: the blend, its curves, from where on a word is named, and the card."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs the extra 'train'; continuous integration has it")

from shipped_like import spotting, verifier_folder

from safety.detectors.groundedness.claims import Claim
from safety.detectors.groundedness.examine import COPIED
from safety.detectors.groundedness.passage import read
from safety.detectors.groundedness.verifier import Blend, Doubt
from safety.models.verifier import CrossEncoder
from safety.models.verifier_card import VerifierCard
from safety.training.grounding.answers import Answer, Wrong
from safety.training.grounding.judging import (
    RATES,
    Seen,
    features,
    fitted,
    named_from,
    odds_of,
    overlap,
    seen,
)
from safety.training.grounding.recipe import PairRecipe
from safety.training.grounding.report import write_report

TEXT = "The tower is 50 metres high."
AT = TEXT.index("50")


def one(
    wrong: bool,
    doubt: Doubt | None,
    checks: float = 0.0,
    *,
    text: str = TEXT,
    source: str = "org/a",
    marked: bool = True,
    task: str = "QA",
    domain: str = "",
) -> Seen:
    places = (Wrong(AT, AT + 2, True),) if wrong else ()
    answer = Answer(("x",), "", text, places, marked, source, "k", task=task, domain=domain)
    return Seen(answer, Claim(0, len(text), read(text)), checks, doubt, wrong)


def claims(number: int, informative: str, seed: int = 0, **how: Any) -> list[Seen]:
    """Of which one of three features tells, and the others are noise."""
    rng = np.random.default_rng(seed)
    made = []
    for at in range(number):
        wrong = at % 2 == 0
        said = {name: float(rng.normal(0, 1)) for name in ("pair", "checks", "exact")}
        said[informative] += 2 if wrong else -2
        doubt = Doubt(said["pair"], 0.0, ((AT, AT + 2, float(rng.normal(0, 1))),))
        made.append(replace(one(wrong, doubt, said["checks"], **how), exact=said["exact"] > 0))
    return made


# ---- the blend


@pytest.mark.parametrize("informative", ["pair", "checks", "exact"])
@pytest.mark.parametrize("alarms", [0.02, 0.1])
def test_what_tells_weighs_and_so_many_alarms_are_false(informative: str, alarms: float) -> None:
    some = claims(400, informative)
    blend = fitted(some, alarms)
    weights = {name: abs(getattr(blend, name)) for name in ("pair", "checks", "exact")}
    told = weights.pop(informative)
    assert told > 3 * max(weights.values())
    assert getattr(blend, informative) > 0
    odds = odds_of(some, blend, COPIED)
    flagged = [value >= 0 for value, claim in zip(odds, some, strict=True) if not claim.wrong]
    assert sum(flagged) == int(alarms * 200)


def test_claims_that_the_model_was_not_asked_about_choose_nothing() -> None:
    some = claims(200, "pair")
    copied = [one(wrong, None, 5.0) for wrong in (True, False, False)] * 20
    assert fitted([*some, *copied], 0.05) == fitted(some, 0.05)
    assert features([*some, *copied]).shape == (200, 4)
    assert odds_of(copied[:1], Blend(), COPIED).tolist() == [COPIED]


def test_the_curves_are_monotone_and_keep_what_they_promise() -> None:
    some = claims(400, "pair", task="QA")
    summaries = [
        replace(claim, answer=replace(claim.answer, task="Summary")) for claim in claims(300, "pair", 1)
    ]
    blend = fitted([*some, *summaries], 0.05)
    assert set(blend.curves) == {"generic/qna", "generic/summarization"}
    for kind, mine in (("generic/qna", some), ("generic/summarization", summaries)):
        curve = blend.curves[kind]
        assert [share for share, _ in curve] == list(RATES)
        assert all(later <= sooner for (_, sooner), (_, later) in pairwise(curve))
        odds = np.array([odds_of([claim], blend, COPIED)[0] for claim in mine if not claim.wrong])
        for share, threshold in curve:
            assert (odds >= threshold + 0.001).mean() <= share  # thresholds are rounded


def test_a_curve_of_few_claims_is_none() -> None:
    medical = claims(60, "pair", domain="pharmacology")  # 30 of them borne out
    blend = fitted([*claims(100, "pair"), *medical], 0.05)
    assert set(blend.curves) == {"generic/qna"}
    more = claims(100, "pair", source="synth_pubmedqa", task="")
    assert "medical/summarization" in fitted([*claims(100, "pair"), *more], 0.05).curves


# ---- words


def test_words_are_named_from_where_the_right_ones_are() -> None:
    """From 1 on all marked words are named, and from 2 on none but those."""
    words = ((4, 9, 1.6), (AT, AT + 2, 3.0), (16, 22, -2.0))
    some = [one(True, Doubt(1, 0, words)), one(False, Doubt(1, 0, ((0, 28, 9.0),)))]
    assert overlap(some[:1], 2.0) == 1
    assert overlap(some[:1], 3.5) == 0
    assert overlap(some[:1], 1.0) == pytest.approx(2 * 2 / (7 + 2))
    assert 1.6 < named_from(some) <= 3


def test_words_nobody_marked_name_nothing() -> None:
    assert named_from([one(True, Doubt(1, 0), marked=False), one(True, None)]) == 0
    assert overlap([], 0.0) == 0


def test_places_count_from_where_the_claim_begins() -> None:
    text = f"A tower. {TEXT}"
    answer = Answer(("x",), "", text, (Wrong(9 + AT, 11 + AT, True), Wrong(2, 7, True)), True, "org/a")
    claim = Claim(9, len(text), read(text, 9))
    doubt = Doubt(1, 0, ((AT, AT + 2, 3.0),))
    assert overlap([Seen(answer, claim, 0, doubt, True)], 0.0) == 1


# ---- judging


def test_claims_are_judged_as_the_detector_would(tmp_path: Path) -> None:
    place = verifier_folder(tmp_path, spotting(), quantised=False)
    model = CrossEncoder.load(place, threads=1)
    source = "the river walk is a river walk. boil the egg and a lunch."
    text = "The river walk is a river walk. A river has evil rules and egg lunch."
    wrong = Wrong(text.index("evil"), text.index("evil") + 4, True)
    copied, other = seen(Answer((source,), "", text, (wrong,), True, "org/a"), model)
    assert (copied.doubt, copied.wrong) == (None, False)
    assert other.wrong
    assert other.doubt is not None
    assert other.doubt.unsupported > 0
    start = other.claim.passage.start
    assert [text[start + a : start + b] for a, b, odds in other.doubt.words if odds > 0] == ["evil"]
    (whole,) = seen(Answer((source,), "", text, (wrong,), False, "org/a"), model)
    assert whole.wrong
    assert list(seen(Answer(("",), "", text, (), True, "org/a"), model)) == []


# ---- the card for people

SECRET = "Zanzibar"
SECTIONS = (
    "# tiny 3",
    "## Trained on",
    "## On claims that were not trained on",
    "### By source",
    "### By language",
    "### By kind",
    "### Whole answers (as doubtful as their most doubtful claim)",
    "### Words",
    "## Blend",
    "## Worst mistakes among the answers written here",
    "## Files",
)


def card_of(place: Path, some: list[Seen]) -> str:
    card = VerifierCard("tiny", "3", 256, Blend(bias=0.25), {"pairs.onnx": "abc"})
    write_report(place, card, PairRecipe(name="tiny"), some)
    return (place / "CARD.md").read_text("utf-8")


def test_the_card_shows_no_text_of_data_rows(tmp_path: Path) -> None:
    text = f"{TEXT} {SECRET}"
    theirs = claims(60, "checks", text=text)  # the model alone is often mistaken
    own = claims(60, "checks", text=f"`{TEXT}`\n| x", source="written:qa_short")
    lines = card_of(tmp_path, [*theirs, *own]).split("\n")
    assert [section for section in SECTIONS if section not in lines] == []
    assert SECRET not in "\n".join(lines)
    assert SECRET not in (tmp_path / "figures.json").read_text()
    mistakes = lines[lines.index(SECTIONS[-2]) + 1 : lines.index(SECTIONS[-1]) - 1]
    assert 1 <= len([line for line in mistakes if line]) <= 10
    assert all(line.startswith("- ") and line.endswith(f"`'{TEXT}' / x`") for line in mistakes if line)
    assert "- `pairs.onnx` abc" in lines
    assert "| 0.250 | 1.000 | 0.000 | 0.000 | 0.000 |" in lines


def test_its_figures_are_of_claims_and_of_answers(tmp_path: Path) -> None:
    card_of(tmp_path, claims(80, "pair"))
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["claims"]["rows"] == figures["answers"]["rows"] == 80
    assert figures["claims"]["positives"] == 40
    assert figures["claims"]["auc"] > 0.95


def test_answers_without_marks_have_no_figures_as_a_whole(tmp_path: Path) -> None:
    some = [replace(claim, answer=replace(claim.answer, marked=False)) for claim in claims(40, "pair")]
    card_of(tmp_path, some)
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["answers"]["rows"] == 0
    assert figures["answers"]["auc"] is None
