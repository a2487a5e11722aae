"""One training from start to finish: fit, export, distil, calibrate, write the card.

Everything lands in one folder, which is what ``safety.models.cascade`` loads. Each step leaves a file and is
skipped when it is there, so that an interrupted run goes on; delete a file to have its step done again.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from tokenizers import Tokenizer

from safety.models.card import CARD, CHEAP, LOWER, TOKENIZER, UPPER, Card, read_card
from safety.models.cheap import Cheap
from safety.models.encoder import Encoder
from safety.models.heads import HEADS
from safety.training.base import base_folder
from safety.training.choosing import choose
from safety.training.distil import distil
from safety.training.export import export
from safety.training.fit import Fit, Say
from safety.training.folder import CHECKPOINT, claim, digest, draft, held_out, plain_tokenizer, whole
from safety.training.judging import judge
from safety.training.lesson import GuardLesson, encode, logits_of
from safety.training.network import Network
from safety.training.recipe import Recipe
from safety.training.report import write_report
from safety.training.rows import FAMILIES, Row, read_rows, written_rows

TAUGHT = "taught.pt"


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
    """``own``: written here. Of both, parts are not trained on: ``tune`` is what thresholds and exits are
    chosen with, ``test`` is for the card's figures alone."""

    train: Sequence[Row]
    own: Sequence[Row]
    tune: Sequence[Row]
    test: Sequence[Row]

    @property
    def texts(self) -> str:
        """All that is learnt from or judged."""
        return "\n".join(row.text for row in (*self.train, *self.own, *self.tune, *self.test))


def train(job: Training) -> Card:
    """Run what is not done yet. Raises ``ConfigError`` for data or a base that cannot be used."""
    base = base_folder(job.base)
    rows = _rows(job)
    claim(job.out, asdict(job.recipe), rows.texts)
    card = _finished(job.out)
    if card is not None:
        job.say("nothing to do: all files are there")
        return card
    tokenizer = plain_tokenizer(base)
    network = _fitted(job, base, tokenizer, rows)
    _exported(job, base, network)
    _distilled(job, tokenizer, network, rows)
    return _calibrated(job, tokenizer, rows)


def _finished(out: Path) -> Card | None:
    """The card, if it is there and so are the files that it was written for."""
    if not (out / CARD).is_file():
        return None
    card = read_card(out)
    return card if whole(out, card.files) else None


def _rows(job: Training) -> Rows:
    own, held = held_out(written_rows(), "held out", 1 / 8)
    train_rows, dev = (_read(job.data, split) for split in ("train", "dev"))
    return Rows(train_rows, own, *held_out((*dev, *held), "test", 1 / 2))


def _read(data: Path | None, split: str) -> list[Row]:
    return [] if data is None else [row for family in FAMILIES for row in read_rows(data, family, split)]


def _fitted(job: Training, base: Path, tokenizer: Tokenizer, rows: Rows) -> Network:
    recipe = job.recipe
    torch.manual_seed(recipe.fit.seed)
    network = Network(
        base, layers=recipe.layers, early=recipe.early, frozen=recipe.frozen, dropout=recipe.dropout
    )
    lesson = GuardLesson(
        network, tokenizer, lambda number: recipe.epoch(rows.train, rows.own, number), recipe.fit
    )
    fit = Fit(lesson, recipe.fit, job.out / CHECKPOINT, job.say)
    fit.run()
    network.cpu()
    return network


def _exported(job: Training, base: Path, network: Network) -> None:
    shutil.copyfile(base / "tokenizer.json", job.out / TOKENIZER)
    lower, upper = job.out / LOWER, job.out / UPPER
    if lower.is_file() and upper.is_file():
        return
    job.say("exporting")
    state = {name: value.detach().numpy() for name, value in network.state_dict().items()}
    with draft(lower) as first, draft(upper) as second:
        heads = network.encoder.config.num_attention_heads
        export(state, first, second, heads=heads, early=job.recipe.early)


def _distilled(job: Training, tokenizer: Tokenizer, network: Network, rows: Rows) -> None:
    if (job.out / CHEAP).is_file():
        return
    recipe = job.recipe
    sample = replace(recipe, limit=recipe.distil_rows).epoch(rows.train, rows.own, recipe.fit.epochs)
    taught = job.out / TAUGHT
    if not taught.is_file():
        job.say(f"asking the encoder about {len(sample)} rows")
        said = logits_of(network, tokenizer, sample, recipe.fit.window)
        with draft(taught) as path:
            torch.save(said, path)
    logits = torch.load(taught, weights_only=True)[:, : len(HEADS)]
    examples = encode(sample, tokenizer, recipe.fit.window, random.Random(0))  # noqa: S311
    words = network.encoder.embeddings.word_embeddings.weight.detach()
    cheap = distil(examples, logits, words, recipe.distil, job.say)
    with draft(job.out / CHEAP) as path:
        path.write_bytes(cheap.to_bytes())


def _calibrated(job: Training, tokenizer: Tokenizer, rows: Rows) -> Card:
    recipe = job.recipe
    card = Card(recipe.name, recipe.version, HEADS, recipe.fit.window - 2, recipe.overlap)
    encoder = Encoder((job.out / LOWER).read_bytes(), (job.out / UPPER).read_bytes(), LOWER)
    cheap = Cheap.from_bytes((job.out / CHEAP).read_bytes(), CHEAP)
    job.say(
        f"judging {len(rows.tune)} rows to choose thresholds and exits, and {len(rows.test)} for the card"
    )
    tuned, tested = (judge(part, tokenizer, cheap, encoder, card) for part in (rows.tune, rows.test))
    scales, exits = choose(tuned, rows.tune, recipe)
    files = {name: digest(job.out / name) for name in (LOWER, UPPER, TOKENIZER, CHEAP)}
    card = replace(card, scales=scales, exits=exits, files=files)
    write_report(job.out, card, recipe, tested, rows.test)
    with draft(job.out / CARD) as path:  # last: with it the training is finished
        path.write_text(card.to_json(), encoding="utf-8")
    return card
