"""The verifier's card for people: ``CARD.md``, written by the run that made it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from safety.detectors.groundedness.examine import COPIED
from safety.measure.metrics import Observed
from safety.models.verifier_card import VerifierCard
from safety.training.grounding.judging import Seen, odds_of, overlap
from safety.training.grounding.recipe import PairRecipe
from safety.training.rows import OWN
from safety.training.tables import CUT, LEAST, WORST, figures, plain, table

_SOURCES = {  # and their licences
    "TabFact, InfoTabS, DART (WikiSQL and WikiTableQuestions parts), PubMedQA": "MIT",
    "FoolMeTwice, SciTLDR": "Apache-2.0",
    "FEVER-symmetric; E2E; WiCE (annotations); Wikipedia texts in them": (
        "CC BY-SA 3.0, CC BY-SA 4.0, ODC-BY, CC BY-SA"
    ),
    "answers written for this project by a language model (`training/grounding/written`)": "Apache-2.0",
    "pretrained base: sentence-transformers/all-MiniLM-L6-v2": "Apache-2.0",
}


def write_report(out: Path, card: VerifierCard, recipe: PairRecipe, seen: Sequence[Seen]) -> None:
    """Write ``CARD.md`` and ``figures.json`` to ``out``."""
    odds = odds_of(seen, card.blend, COPIED)
    whole = {"claims": _observed(seen, odds), "answers": _answers(seen, odds)}
    found = {name: figures(one) for name, one in whole.items()}
    (out / "figures.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (out / "CARD.md").write_text("\n".join(_lines(card, recipe, seen, odds)) + "\n", encoding="utf-8")


def _lines(
    card: VerifierCard, recipe: PairRecipe, seen: Sequence[Seen], odds: NDArray[np.float64]
) -> Iterator[str]:
    yield f"# {card.name} {card.version}\n"
    yield (
        f"A cross-encoder ({recipe.layers} layers, fine-tuned from all-MiniLM-L6-v2) that reads a claim "
        "beside the part of the sources that speaks of it, and says whether the claim is borne out, whether "
        "it is contradicted, and which of its words are not. Written by "
        f"`safety-layer train {recipe.name}`.\n"
    )
    yield "## Trained on\n"
    yield "| data | licence |\n|---|---|"
    yield from (f"| {data} | {licence} |" for data, licence in _SOURCES.items())
    yield (
        "\nMuch of the data is constructed: one detail of a true sentence was changed. Wording as models "
        "have it is in the answers written here alone. Most text is English.\n"
    )
    yield "## On claims that were not trained on\n"
    yield (
        "Half of the development rows (a sample of each source) and of one in eight of the answers written "
        "here; the blend with the exact checks and its threshold were chosen with the other half. "
        f"{sum(one.doubt is None for one in seen)} of the {len(seen)} claims stand in their sources word for "
        "word: the model was not asked about them.\n"
    )
    yield from table("claims", (("all", _observed(seen, odds)), *_parts(seen, odds)))
    titles: tuple[tuple[str, Callable[[Seen], str]], ...] = (
        ("source", lambda one: one.answer.source),
        ("language", lambda one: one.answer.lang),
        ("kind", lambda one: one.answer.kind if one.wrong else ""),
    )
    for title, part in titles:
        yield f"\n### By {title}\n"
        yield from table(title, _slices(seen, odds, part))
    yield "\n### Whole answers (as doubtful as their most doubtful claim)\n"
    yield from table("answers", [("all", _answers(seen, odds)), *_own(seen, odds)])
    marked = [one for one in seen if one.answer.marked and one.wrong and one.doubt is not None]
    found = overlap(marked, card.blend.named)
    yield f"\n### Words\n\nWrong words in wrong claims, F1 in characters: {found:.3f}\n"
    yield "## Blend\n"
    blend = card.blend
    yield "| bias | model | checks | checks that name words | a word is named from |\n|--:|--:|--:|--:|--:|"
    cells = (blend.bias, blend.pair, blend.checks, blend.exact, blend.named)
    yield f"| {' | '.join(f'{value:.3f}' for value in cells)} |"
    yield "\n## Worst mistakes among the answers written here\n"
    yield from _mistakes(seen, odds)
    yield "\n## Files\n"
    yield from (f"- `{name}` {digest}" for name, digest in card.files.items())


def _observed(seen: Sequence[Seen], odds: NDArray[np.float64]) -> Observed:
    fired = odds >= 0
    return Observed(np.array([one.wrong for one in seen], bool), odds, fired, fired)


def _parts(seen: Sequence[Seen], odds: NDArray[np.float64]) -> Iterator[tuple[str, Observed]]:
    """What the blend is worth beside its parts."""
    asked = [at for at, one in enumerate(seen) if one.doubt is not None]
    some = [seen[at] for at in asked]
    doubts = np.array([one.doubt.unsupported for one in some if one.doubt is not None])
    yield "all the model was asked about", _observed(some, odds[asked])
    yield "the same, the model alone", _observed(some, doubts)
    yield "the same, the exact checks alone", _observed(some, np.array([one.checks for one in some]))


def _slices(
    seen: Sequence[Seen], odds: NDArray[np.float64], part: Callable[[Seen], str]
) -> Iterator[tuple[str, Observed]]:
    for name in sorted({part(one) for one in seen} - {""}):
        mine = [at for at, one in enumerate(seen) if part(one) == name]
        if len(mine) >= LEAST:
            yield name[:60], _observed([seen[at] for at in mine], odds[mine])


def _answers(seen: Sequence[Seen], odds: NDArray[np.float64]) -> Observed:
    """Answers with marks: each as doubtful as its most doubtful claim."""
    worst: dict[int, float] = {}
    labels: dict[int, bool] = {}
    for one, value in zip(seen, odds, strict=True):
        if one.answer.marked:
            key = id(one.answer)
            worst[key] = max(worst.get(key, -np.inf), float(value))
            labels[key] = bool(one.answer.wrong)
    scores = np.array([worst[key] for key in labels])
    fired = scores >= 0
    return Observed(np.array(list(labels.values()), bool), scores, fired, fired)


def _own(seen: Sequence[Seen], odds: NDArray[np.float64]) -> Iterator[tuple[str, Observed]]:
    mine = [at for at, one in enumerate(seen) if one.answer.source.startswith(OWN)]
    if len(mine) >= LEAST:
        yield "written here", _answers([seen[at] for at in mine], odds[mine])


def _mistakes(seen: Sequence[Seen], odds: NDArray[np.float64]) -> Iterator[str]:
    """Those of the data folders are not to be copied."""
    found = [
        (abs(float(value)), one.wrong, one)
        for one, value in zip(seen, odds, strict=True)
        if one.answer.source.startswith(OWN) and one.wrong != (value >= 0)
    ]
    for worth, wrong, one in sorted(found, key=lambda each: -each[0])[:WORST]:
        said = "missed" if wrong else "false alarm"
        text = one.answer.text[one.claim.start : one.claim.end][:CUT]
        yield f"- {said} (log-odds {worth:.1f} off), {plain(one.answer.source)}: `{plain(text)}`"
