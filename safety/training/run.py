"""One training from start to finish: fit, export, distil, calibrate, write the card.

Everything lands in one folder, which is what ``safety.models.cascade`` loads. Each step leaves a file and is
skipped when it is there, so that an interrupted run goes on; delete a file to have its step done again.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from safety.detectors.model import HARM
from safety.errors import ConfigError
from safety.models.card import CARD, CHEAP, ENCODER, TOKENIZER, Card, Exit, Scale, read_card
from safety.models.cheap import Cheap, Floats
from safety.models.encoder import Encoder
from safety.models.heads import HEADS
from safety.training.base import base_folder
from safety.training.calibrate import LADDER, MARGINS, Flags, area_under, exit_of, scale_of, threshold_at
from safety.training.distil import distil
from safety.training.export import export
from safety.training.fit import Fit, Say, encode, logits_of
from safety.training.judging import Judged, judge
from safety.training.network import Network
from safety.training.recipe import Alarms, Recipe
from safety.training.report import write_report
from safety.training.rows import FAMILIES, OWN, Row, read_rows, written_rows

CHECKPOINT, TAUGHT, RECIPE = "fit.pt", "taught.pt", "recipe.json"


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
    _claim(job)
    card = _finished(job.out)
    if card is not None:
        job.say("nothing to do: all files are there")
        return card
    rows = _rows(job)
    tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    network = _fitted(job, base, tokenizer, rows)
    _exported(job, base, network)
    _distilled(job, tokenizer, network, rows)
    return _calibrated(job, tokenizer, rows)


def _claim(job: Training) -> None:
    """Mark the folder as this recipe's: the steps of two recipes make no model together."""
    mark, mine = job.out / RECIPE, json.dumps(asdict(job.recipe), indent=1) + "\n"
    if not mark.is_file():
        mark.write_text(mine, encoding="utf-8")
    elif mark.read_text(encoding="utf-8") != mine:
        raise ConfigError(
            f"{job.out}: begun with another recipe ({RECIPE}): name another folder, or delete {RECIPE} "
            "and the files of all steps that are to be done again"
        )


def _finished(out: Path) -> Card | None:
    """The card, if it is there and so are the files that it was written for."""
    if not (out / CARD).is_file():
        return None
    card = read_card(out)
    made = all((out / name).is_file() and _digest(out / name) == own for name, own in card.files.items())
    return card if made else None


@contextmanager
def _draft(path: Path) -> Iterator[Path]:
    """Where to write: it becomes ``path`` once all is written, as half a file would pass for a step done."""
    draft = path.with_name(f"{path.name}.new")
    yield draft
    draft.replace(path)


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
    network.cpu()
    return network


def _exported(job: Training, base: Path, network: Network) -> None:
    shutil.copyfile(base / "tokenizer.json", job.out / TOKENIZER)
    if not (job.out / ENCODER).is_file():
        job.say("exporting")
        state = {name: value.detach().numpy() for name, value in network.state_dict().items()}
        with _draft(job.out / ENCODER) as draft:
            export(state, draft, heads=network.encoder.config.num_attention_heads)


def _distilled(job: Training, tokenizer: Tokenizer, network: Network, rows: Rows) -> None:
    if (job.out / CHEAP).is_file():
        return
    recipe = job.recipe
    sample = replace(recipe, limit=recipe.distil_rows).epoch(rows.train, rows.own, recipe.fit.epochs)
    taught = job.out / TAUGHT
    if not taught.is_file():
        job.say(f"asking the encoder about {len(sample)} rows")
        said = logits_of(network, tokenizer, sample, recipe.fit.window)
        with _draft(taught) as draft:
            torch.save(said, draft)
    logits = torch.load(taught, weights_only=True)[:, : len(HEADS)]
    examples = encode(sample, tokenizer, recipe.fit.window, random.Random(0))  # noqa: S311
    words = network.encoder.embeddings.word_embeddings.weight.detach()
    cheap = distil(examples, logits, words, recipe.distil, job.say)
    with _draft(job.out / CHEAP) as draft:
        draft.write_bytes(cheap.to_bytes())


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
    write_report(job.out, card, recipe, judged, rows.dev)
    with _draft(job.out / CARD) as draft:  # last: with it the training is finished
        draft.write_text(card.to_json(), encoding="utf-8")
    return card


def _scale(logits: Floats, rows: Sequence[Row], head: str, recipe: Recipe) -> Scale:
    """The threshold that keeps both promises on false alarms: over all, and over rows written to be hard."""
    known, positive = _labelled(rows, head)
    hard = np.array([row.source.startswith(OWN) for row in rows])[known]
    promised = recipe.alarms.get(head, Alarms())
    mine = logits[known]
    threshold = threshold_at(mine[~positive], promised.all)
    if (hard & ~positive).any():
        threshold = max(threshold, threshold_at(mine[hard & ~positive], promised.hard))
    return scale_of(mine, positive, threshold)


def _exit(judged: Judged, rows: Sequence[Row], head: str, threshold: float, recipe: Recipe) -> Exit:
    """The widest exit whose cost stays within what the recipe allows: first for the harmless, then, if that
    costs no more, for what is plainly not."""
    found = Exit()
    strictest = exit_of(*judged.windows_of(head), threshold, lost=0.0)
    if strictest.low is None:
        return found
    tried = [Exit(strictest.low - margin) for margin in MARGINS]
    tried += [replace(exit_of(*judged.windows_of(head), threshold, lost=lost), high=None) for lost in LADDER]
    for bounds in tried:
        if not _affordable(judged, rows, head, bounds, threshold, recipe):
            break
        found = bounds
    if head in HARM:
        return found  # how severe it is only the encoder says
    both = replace(strictest, low=found.low)
    return both if _affordable(judged, rows, head, both, threshold, recipe) else found


def _affordable(
    judged: Judged, rows: Sequence[Row], head: str, bounds: Exit, threshold: float, recipe: Recipe
) -> bool:
    known, positive = _labelled(rows, head)
    alone, left = (judged.loudest(head, exits)[known] for exits in (None, {head: bounds}))
    area = area_under(alone, positive) - area_under(left, positive)
    recall = (alone[positive] > threshold).mean() - (left[positive] > threshold).mean()
    return bool(area <= recipe.area_cost and recall <= recipe.recall_cost)


def _labelled(rows: Sequence[Row], head: str) -> tuple[Flags, Flags]:
    """Which rows answer a head, and which of those are positive."""
    at = HEADS.index(head)
    known = np.array([row.targets[at] is not None for row in rows])
    return known, np.array([(row.targets[at] or 0) >= 0.5 for row in rows])[known]


def _digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()
