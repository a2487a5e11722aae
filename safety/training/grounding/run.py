"""One training of a verifier from start to finish: fit, export, blend, write the card.

Everything lands in one folder, which is what ``safety.models.verifier`` loads. Steps and interruptions are as
in ``safety.training.run``.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path

import torch
from tokenizers import Tokenizer

from safety.models.card import CARD, TOKENIZER
from safety.models.pieces import Pieces
from safety.models.verifier import CrossEncoder
from safety.models.verifier_card import PAIRS, VerifierCard, read_verifier_card
from safety.training.base import base_folder
from safety.training.export import export_pairs
from safety.training.fit import Fit, Say
from safety.training.folder import CHECKPOINT, claim, digest, draft, held_out, plain_tokenizer, whole
from safety.training.grounding.answers import Answer, read_answers, written_answers
from safety.training.grounding.judging import fitted, seen
from safety.training.grounding.lesson import PairLesson
from safety.training.grounding.network import PairNetwork
from safety.training.grounding.recipe import PairRecipe
from safety.training.grounding.report import write_report


@dataclass(frozen=True, slots=True)
class PairTraining:
    """What is trained on, from what, and where to. ``data`` has a folder ``groundedness``; without it only
    the answers written here are used."""

    recipe: PairRecipe
    data: Path | None
    out: Path
    base: Path | None = None
    say: Say = print


@dataclass(frozen=True, slots=True)
class Answers:
    """``own``: written here. Of both, parts are not trained on: ``tune`` is what the blend is chosen with,
    ``test`` is for the card's figures alone."""

    train: Sequence[Answer]
    own: Sequence[Answer]
    tune: Sequence[Answer]
    test: Sequence[Answer]

    @property
    def texts(self) -> str:
        """All that is learnt from or judged."""
        return "\n".join(map(repr, (*self.train, *self.own, *self.tune, *self.test)))


def train_pairs(job: PairTraining) -> VerifierCard:
    """Run what is not done yet. Raises ``ConfigError`` for data or a base that cannot be used."""
    base = base_folder(job.base)
    answers = _answers(job)
    claim(job.out, asdict(job.recipe), answers.texts)
    card = _finished(job.out)
    if card is not None:
        job.say("nothing to do: all files are there")
        return card
    tokenizer = plain_tokenizer(base)
    network = _fitted(job, base, tokenizer, answers)
    shutil.copyfile(base / "tokenizer.json", job.out / TOKENIZER)
    if not (job.out / PAIRS).is_file():
        job.say("exporting")
        state = {name: value.detach().numpy() for name, value in network.state_dict().items()}
        with draft(job.out / PAIRS) as path:
            heads = network.encoder.config.num_attention_heads
            export_pairs(state, path, heads=heads, window=job.recipe.fit.window)
    return _blended(job, tokenizer, answers)


def _finished(out: Path) -> VerifierCard | None:
    """The card, if it is there and so are the files that it was written for."""
    card = read_verifier_card(out) if (out / CARD).is_file() else None
    return card if card is not None and whole(out, card.files) else None


def _answers(job: PairTraining) -> Answers:
    own, held = held_out(written_answers(), "held out", 1 / 8)
    learnt = {answer.sources for answer in own}  # many sources have two answers, a right one and a wrong one
    held = [answer for answer in held if answer.sources not in learnt]
    train, dev = ([] if job.data is None else read_answers(job.data, split) for split in ("train", "dev"))
    tune, test = held_out(_judged((*dev, *held), job.recipe.judged), "test", 1 / 2)
    return Answers(train, own, tune, test)


def _judged(answers: Sequence[Answer], most: int) -> list[Answer]:
    """At most so many of each source, the same every time."""
    kept: list[Answer] = []
    counts: dict[str, int] = {}
    for answer in sorted(answers, key=lambda one: sha256(one.text.encode("utf-8", "replace")).digest()):
        counts[answer.source] = counts.get(answer.source, 0) + 1
        if counts[answer.source] <= most:
            kept.append(answer)
    return kept


def _fitted(job: PairTraining, base: Path, tokenizer: Tokenizer, answers: Answers) -> PairNetwork:
    recipe = job.recipe
    torch.manual_seed(recipe.fit.seed)
    network = PairNetwork(base, layers=recipe.layers, dropout=recipe.dropout)
    lesson = PairLesson(
        network, tokenizer, lambda number: recipe.epoch(answers.train, answers.own, number), recipe.fit
    )
    Fit(lesson, recipe.fit, job.out / CHECKPOINT, job.say).run()
    network.cpu()
    return network


def _blended(job: PairTraining, tokenizer: Tokenizer, answers: Answers) -> VerifierCard:
    recipe = job.recipe
    files = {name: digest(job.out / name) for name in (PAIRS, TOKENIZER)}
    card = VerifierCard(recipe.name, recipe.version, recipe.fit.window, files=files)
    verifier = CrossEncoder(card, Pieces(tokenizer), (job.out / PAIRS).read_bytes(), PAIRS)
    job.say(f"judging {len(answers.tune)} answers for the blend, and {len(answers.test)} for the card")
    tuned, tested = (
        [one for answer in part for one in seen(answer, verifier)] for part in (answers.tune, answers.test)
    )
    card = replace(card, blend=fitted(tuned, recipe.alarms))
    write_report(job.out, card, recipe, tested)
    with draft(job.out / CARD) as path:  # last: with it the training is finished
        path.write_text(card.to_json(), encoding="utf-8")
    return card
