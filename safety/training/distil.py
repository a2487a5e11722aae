"""Teaching the micro-second model what the encoder would say.

Its word embeddings begin as the encoder's own, projected to few dimensions, so that words it never met in
training still stand near their like. It learns the encoder's logits, not the labels: where to believe it is
measured afterwards (``calibrate``).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from safety.models.cheap import PAIRS, Cheap, pair_rows
from safety.models.heads import HEADS
from safety.training.fit import Say
from safety.training.lesson import Example


@dataclass(frozen=True, slots=True)
class DistilOptions:
    """``size`` of the embeddings, ``hidden`` units; logits are learnt up to ``most`` either way."""

    size: int = 32
    hidden: int = 64
    epochs: int = 8
    batch: int = 256
    rate: float = 4e-3
    most: float = 7.0
    seed: int = 0


class _Student(nn.Module):
    def __init__(self, words: Tensor, options: DistilOptions) -> None:
        super().__init__()
        self.words = nn.Embedding.from_pretrained(words, freeze=False, padding_idx=0)
        self.pairs = nn.Embedding(PAIRS, options.size, padding_idx=0)
        nn.init.normal_(self.pairs.weight, std=0.01)
        self.inner = nn.Linear(1 + 2 * options.size, options.hidden)
        self.outer = nn.Linear(options.hidden, len(HEADS))

    def forward(self, ids: Tensor, pairs: Tensor, roles: Tensor) -> Tensor:
        mask = (ids != 0).unsqueeze(-1)
        states = (self.words(ids) + self.pairs(pairs)) * mask
        mean = states.sum(1) / mask.sum(1).clamp(min=1)
        most = states.masked_fill(~mask, -1e4).amax(1)
        pooled = torch.cat((roles.unsqueeze(1), mean, most), 1)
        return self.outer(functional.relu(self.inner(pooled)))


def distil(
    examples: Sequence[Example], logits: Tensor, words: Tensor, options: DistilOptions, say: Say
) -> Cheap:
    """A cheap model that says what ``logits`` say (texts, heads). ``words``: the encoder's word embeddings
    (vocabulary, width). An example's ids carry the special tokens at their ends."""
    torch.manual_seed(options.seed)
    student = _Student(_projected(words, options.size), options)
    optimizer = torch.optim.Adam(student.parameters(), lr=options.rate)
    targets = logits.clamp(-options.most, options.most)
    rng = random.Random(options.seed)  # noqa: S311 - a seed, not a secret
    order = sorted(range(len(examples)), key=lambda at: len(examples[at].ids))
    groups = [order[first : first + options.batch] for first in range(0, len(order), options.batch)]
    total = options.epochs * len(groups)
    for step in range(total):
        if step % len(groups) == 0:
            rng.shuffle(groups)
            say(f"distilling, epoch {step // len(groups) + 1}/{options.epochs}")
        group = groups[step % len(groups)]
        for settings in optimizer.param_groups:
            settings["lr"] = options.rate * (1 - step / total)
        said = student(*_tensors([examples[at] for at in group], rng))
        loss = functional.smooth_l1_loss(said, targets[group])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return _quantised(student)


def _projected(words: Tensor, size: int) -> Tensor:
    """The ``size`` directions in which the embeddings vary most, at a scale that suits pooling."""
    centred = words - words.mean(0)
    _, _, directions = torch.pca_lowrank(centred, q=size, niter=4)
    projected = centred @ directions
    return projected / projected.std() * 0.5


def _tensors(batch: Sequence[Example], rng: random.Random) -> tuple[Tensor, Tensor, Tensor]:
    bare = [np.array(example.ids[1:-1] or [0], np.int32) for example in batch]
    longest = max(len(ids) for ids in bare)
    ids = torch.zeros(len(batch), longest, dtype=torch.long)
    pairs = torch.zeros(len(batch), longest, dtype=torch.long)
    for at, own in enumerate(bare):
        ids[at, : len(own)] = torch.from_numpy(own).long()
        pairs[at, : len(own)] = torch.from_numpy(pair_rows(own))
    return ids, pairs, torch.tensor([float(example.row.role) for example in batch])


def _quantised(student: _Student) -> Cheap:
    words, word_scale = _small(student.words.weight)
    pairs, pair_scale = _small(student.pairs.weight)
    dense = {
        name: value.detach().numpy().astype(np.float32)
        for name, value in (
            ("inner", student.inner.weight.T),
            ("inner_bias", student.inner.bias),
            ("outer", student.outer.weight.T),
            ("outer_bias", student.outer.bias),
        )
    }
    return Cheap(words, pairs, np.array([word_scale, pair_scale], np.float32), **dense)


def _small(table: Tensor) -> tuple[NDArray[np.int8], float]:
    """The table in 8 bits, clipped where one in ten thousand lies beyond: a few outliers must not cost all
    others their precision."""
    values = table.detach().numpy()
    scale = float(np.quantile(np.abs(values), 0.9999)) / 127 or 1.0
    return np.clip(np.rint(values / scale), -127, 127).astype(np.int8), scale
