"""One training from start to finish: fit, export, distil, calibrate, write the card.

Everything lands in one folder, which is what ``safety.models.cascade`` loads. Each step leaves a file and is
skipped when it is there, so that an interrupted run goes on; delete a file to have its step done again.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from safety.models.card import CARD, CHEAP, ENCODER, TOKENIZER, Card, Exit, Scale
from safety.models.cheap import Cheap, Floats
from safety.models.encoder import Encoder
from safety.models.heads import HEADS
from safety.training.base import base_folder
from safety.training.calibrate import LADDER, Flags, area_under, exit_of, scale_of, threshold_at
from safety.training.distil import distil
from safety.training.export import export
from safety.training.fit import Fit, Say, encode, logits_of
from safety.training.judging import Judged, judge
from safety.training.network import Network
from safety.training.recipe import Alarms, Recipe
from safety.training.report import write_report
from safety.training.rows import FAMILIES, Row, read_rows, written_rows

CHECKPOINT, TAUGHT = "fit.pt", "taught.pt"
ATTENTION_HEADS = 12  # of the base


@dataclass(frozen=True, slots=True)
class Training:
    """What is trained on, from what, and where to. ``data`` has a folder per family; without it only the rows
    written here are used."""

    recipe: Recipe
    data: Path | None
    out: Path
    base: Path | None = None
    say: Say = print


@dataclass(frozen=True, slots=True)
class Rows:
    """``own``: written here. ``dev`` is not trained on: a part of both."""

    train: Sequence[Row]
    own: Sequence[Row]
    dev: Sequence[Row]


def train(job: Training) -> Card:
    """Run what is not done yet. Raises ``ConfigError`` for data or a base that cannot be used."""
    base = base_folder(job.base)
    job.out.mkdir(parents=True, exist_ok=True)
    rows = _rows(job)
    tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    network = _fitted(job, base, tokenizer, rows)
    _exported(job, base, network)
    _distilled(job, tokenizer, network, rows)
    return _calibrated(job, tokenizer, rows)


def _rows(job: Training) -> Rows:
    own, held = _split(written_rows())
    if job.data is None:
        return Rows((), own, held)
    data = job.data
    train_rows = [row for family in FAMILIES for row in read_rows(data, family, "train")]
    dev = [row for family in FAMILIES for row in read_rows(data, family, "dev")]
    return Rows(train_rows, own, (*dev, *held))


def _split(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """One row in eight is held out, told by its text, so that every run holds out the same."""
    held = [sha256(row.text.encode("utf-8", "surrogatepass")).digest()[0] % 8 == 0 for row in rows]
    return (
        [row for row, out in zip(rows, held, strict=True) if not out],
        [row for row, out in zip(rows, held, strict=True) if out],
    )


def _fitted(job: Training, base: Path, tokenizer: Tokenizer, rows: Rows) -> Network:
    recipe = job.recipe
    torch.manual_seed(recipe.fit.seed)
    network = Network(base, layers=recipe.layers, frozen=recipe.frozen, dropout=recipe.dropout)
    fit = Fit(
        network,
        tokenizer,
        lambda number: recipe.epoch(rows.train, rows.own, number),
        recipe.fit,
        job.out / CHECKPOINT,
        job.say,
    )
    fit.run()
    return network.cpu()


def _exported(job: Training, base: Path, network: Network) -> None:
    shutil.copyfile(base / "tokenizer.json", job.out / TOKENIZER)
    if not (job.out / ENCODER).is_file():
        job.say("exporting")
        state = {name: value.detach().numpy() for name, value in network.state_dict().items()}
        export(state, job.out / ENCODER, heads=ATTENTION_HEADS)


def _distilled(job: Training, tokenizer: Tokenizer, network: Network, rows: Rows) -> None:
    if (job.out / CHEAP).is_file():
        return
    recipe = job.recipe
    sample = replace(recipe, limit=recipe.distil_rows).epoch(rows.train, rows.own, recipe.fit.epochs)
    taught = job.out / TAUGHT
    job.say(f"asking the encoder about {len(sample)} rows")
    if not taught.is_file():
        torch.save(logits_of(network, tokenizer, sample, recipe.fit.window), taught)
    logits = torch.load(taught, weights_only=True)[:, : len(HEADS)]
    examples = encode(sample, tokenizer, recipe.fit.window, random.Random(0))  # noqa: S311
    words = network.encoder.embeddings.word_embeddings.weight.detach()
    cheap = distil(examples, logits, words, recipe.distil, job.say)
    (job.out / CHEAP).write_bytes(cheap.to_bytes())


def _calibrated(job: Training, tokenizer: Tokenizer, rows: Rows) -> Card:
    recipe = job.recipe
    card = Card(recipe.name, recipe.version, HEADS, recipe.fit.window - 2, recipe.overlap)
    encoder = Encoder((job.out / ENCODER).read_bytes(), ENCODER)
    cheap = Cheap.from_bytes((job.out / CHEAP).read_bytes(), CHEAP)
    job.say(f"judging {len(rows.dev)} rows that were not trained on")
    judged = judge(rows.dev, tokenizer, cheap, encoder, card)
    scales = {head: _scale(judged.loudest(head), rows.dev, head, recipe) for head in HEADS}
    exits = {head: _exit(judged, rows.dev, head, scales[head].threshold, recipe) for head in HEADS}
    files = {name: _digest(job.out / name) for name in (ENCODER, TOKENIZER, CHEAP)}
    card = replace(card, scales=scales, exits=exits, files=files)
    (job.out / CARD).write_text(card.to_json(), encoding="utf-8")
    write_report(job.out, card, recipe, judged, rows.dev)
    return card


def _scale(logits: Floats, rows: Sequence[Row], head: str, recipe: Recipe) -> Scale:
    """The threshold that keeps both promises on false alarms: over all, and over rows written to be hard."""
    known, positive = _labelled(rows, head)
    hard = np.array([row.source.startswith("written:") for row in rows])[known]
    promised = recipe.alarms.get(head, Alarms())
    mine = logits[known]
    threshold = threshold_at(mine[~positive], promised.all)
    if (hard & ~positive).any():
        threshold = max(threshold, threshold_at(mine[hard & ~positive], promised.hard))
    return scale_of(mine, positive, threshold)


def _exit(judged: Judged, rows: Sequence[Row], head: str, threshold: float, recipe: Recipe) -> Exit:
    """The widest exit whose cost stays within what the recipe allows."""
    known, positive = _labelled(rows, head)
    found = Exit()
    for lost in LADDER:
        tried = exit_of(*judged.windows_of(head), threshold, lost=lost)
        alone, left = (judged.loudest(head, bounds)[known] for bounds in (None, {head: tried}))
        area = area_under(alone, positive) - area_under(left, positive)
        if area > recipe.area_cost or (left[positive] > threshold).mean() < (
            (alone[positive] > threshold).mean() - recipe.recall_cost
        ):
            break
        found = tried
    return found


def _labelled(rows: Sequence[Row], head: str) -> tuple[Flags, Flags]:
    """Which rows answer a head, and which of those are positive."""
    at = HEADS.index(head)
    known = np.array([row.targets[at] is not None for row in rows])
    return known, np.array([(row.targets[at] or 0) >= 0.5 for row in rows])[known]


def _digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()
