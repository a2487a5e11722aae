"""What the verifier's network is taught: pairs as numbers, and how far its answers are from the labels."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from safety.detectors.text import encodable
from safety.models.pairs import Shown, shown
from safety.training.device import halves
from safety.training.fit import FitOptions
from safety.training.grounding.network import PairNetwork
from safety.training.grounding.pairs import Labelled

UNKNOWN = -1.0  # a token nobody knows about


@dataclass(frozen=True, slots=True)
class PairFit(FitOptions):
    """And what the parts of its loss weigh."""

    smoothing: float = 0.03
    kind_weight: float = 0.3
    words_weight: float = 0.5


@dataclass(frozen=True, slots=True)
class PairExample:
    """A labelled pair as numbers: ``unsupported`` 0 or 1, ``contradicted`` 0, 1 or ``UNKNOWN``, and for each
    of the claim's tokens, from ``at`` on, 0, 1 or ``UNKNOWN``."""

    ids: list[int]
    at: int
    words: tuple[float, ...]
    unsupported: float
    contradicted: float


def numbers(labelled: Sequence[Labelled], tokenizer: Tokenizer, window: int) -> Iterator[PairExample]:
    """The pairs as numbers. Of a long claim each part is one, and the label is that of the part. A claim
    without tokens has none: it teaches nothing."""
    for one in labelled:
        offsets = tokenizer.encode(encodable(one.pair.claim), add_special_tokens=False).offsets
        if not offsets:
            continue
        for part in shown(one.pair, lambda text: _ids(tokenizer, text), window):
            yield _example(one, part, offsets[part.first : part.last])


def _ids(tokenizer: Tokenizer, text: str) -> list[int]:
    ids: list[int] = tokenizer.encode(encodable(text), add_special_tokens=False).ids
    return ids


def _example(one: Labelled, part: Shown, offsets: Sequence[tuple[int, int]]) -> PairExample:
    if one.exact:
        wrong = one.wrong
        words = tuple(float(any(w.start < end and start < w.end for w in wrong)) for start, end in offsets)
        unsupported = float(any(words))
    else:
        words, unsupported = (UNKNOWN,) * len(offsets), 1.0
    kind = UNKNOWN if one.contradicts is None or not unsupported else float(one.contradicts)
    return PairExample(list(part.ids), part.at, words, unsupported, kind)


@dataclass(frozen=True, slots=True)
class PairLesson:
    """The pairs of epoch *n* are ``pairs_of(n)``."""

    network: PairNetwork
    tokenizer: Tokenizer
    pairs_of: Callable[[int], Sequence[Labelled]]
    options: PairFit

    def examples(self, epoch: int, rng: random.Random) -> list[PairExample]:
        """See ``Lesson``."""
        return list(numbers(self.pairs_of(epoch), self.tokenizer, self.options.window))

    def loss(self, batch: Sequence[PairExample], device: torch.device) -> Tensor:
        """See ``Lesson``."""
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=halves()):
            logits, words = self.network(*tensors(batch, device))
        return loss_of(logits.float(), words.float(), batch, self.options)


def tensors(batch: Sequence[PairExample], device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Ids, mask and types, padded to the longest."""
    longest = max(len(one.ids) for one in batch)
    ids, mask, types = (np.zeros((len(batch), longest), np.int64) for _ in range(3))
    for at, one in enumerate(batch):
        ids[at, : len(one.ids)] = one.ids
        mask[at, : len(one.ids)] = 1
        types[at, one.at : one.at + len(one.words)] = 1
    return tuple(torch.from_numpy(table).to(device) for table in (ids, mask, types))


def loss_of(logits: Tensor, words: Tensor, batch: Sequence[PairExample], options: PairFit) -> Tensor:
    """Binary cross-entropy of claims, of contradictions among what is not borne out, and of words."""
    device = logits.device
    targets = torch.tensor([[one.unsupported, one.contradicted] for one in batch], device=device)
    total = _entropy(logits[:, 0], targets[:, 0], options.smoothing)
    total = total + options.kind_weight * _entropy(logits[:, 1], targets[:, 1], options.smoothing)
    marks = torch.full_like(words, UNKNOWN)
    for at, one in enumerate(batch):
        marks[at, one.at : one.at + len(one.words)] = torch.tensor(one.words)
    return total + options.words_weight * _entropy(words, marks, options.smoothing)


def _entropy(logits: Tensor, targets: Tensor, smoothing: float) -> Tensor:
    known = targets != UNKNOWN
    smooth = targets.clamp(min=0) * (1 - 2 * smoothing) + smoothing
    each = functional.binary_cross_entropy_with_logits(logits, smooth, reduction="none")
    return (each * known).sum() / known.sum().clamp(min=1)
