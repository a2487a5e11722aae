"""What the guard's network is taught: rows as numbers, and how far its answers are from what is annotated."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from safety.models.heads import HEADS, TOP, spoken
from safety.training.device import halves
from safety.training.fit import FitOptions
from safety.training.network import Network
from safety.training.rows import Row


@dataclass(frozen=True, slots=True)
class GuardFit(FitOptions):
    """And what the parts of its loss weigh."""

    smoothing: float = 0.02
    severity_weight: float = 0.3
    early_weight: float = 0.3


@dataclass(frozen=True, slots=True)
class Example:
    """A row as numbers."""

    ids: list[int]
    row: Row


def encode(rows: Sequence[Row], tokenizer: Tokenizer, window: int, rng: random.Random) -> list[Example]:
    """The rows as token ids, cut to ``window``: an attack in a document where its kind says it stands, any
    other text at a random place."""
    examples = []
    for row, encoding in zip(rows, tokenizer.encode_batch([row.text for row in rows]), strict=True):
        ids = encoding.ids
        if len(ids) > window:
            start = _start(row, len(ids), window, rng)
            ids = [ids[0], *ids[start + 1 : start + window - 1], ids[-1]]
        examples.append(Example(ids, row))
    return examples


def _start(row: Row, length: int, window: int, rng: random.Random) -> int:
    room = length - window
    if not row.positive:
        return rng.randint(0, room)
    if row.kind.endswith("|end"):
        return room
    return room // 2 if row.kind.endswith("|middle") else 0


@dataclass(frozen=True, slots=True)
class GuardLesson:
    """The rows of epoch *n* are ``rows_of(n)``."""

    network: Network
    tokenizer: Tokenizer
    rows_of: Callable[[int], Sequence[Row]]
    options: GuardFit

    def examples(self, epoch: int, rng: random.Random) -> list[Example]:
        """See ``Lesson``."""
        return encode(self.rows_of(epoch), self.tokenizer, self.options.window, rng)

    def loss(self, batch: Sequence[Example], device: torch.device) -> Tensor:
        """See ``Lesson``."""
        rows = [example.row for example in batch]
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=halves()):
            logits, early = self.network(*tensors(batch, device))
        loss = loss_of(logits.float(), rows, self.options)
        return loss + self.options.early_weight * early_loss(early.float(), logits.float(), rows)


def tensors(batch: Sequence[Example], device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Ids, mask and roles, padded to the longest."""
    longest = max(len(example.ids) for example in batch)
    ids = torch.zeros(len(batch), longest, dtype=torch.long)
    mask = torch.zeros(len(batch), longest, dtype=torch.long)
    for at, example in enumerate(batch):
        ids[at, : len(example.ids)] = torch.tensor(example.ids)
        mask[at, : len(example.ids)] = 1
    roles = torch.tensor([int(example.row.role) for example in batch]).unsqueeze(1).expand(-1, longest) * mask
    return ids.to(device), mask.to(device), roles.to(device)


def loss_of(logits: Tensor, rows: Sequence[Row], options: GuardFit) -> Tensor:
    """Binary cross-entropy over what is annotated; severities weigh ``severity_weight``."""
    device = logits.device
    targets = _masked([row.targets for row in rows], 1.0).to(device)
    known = ~targets.isnan()
    smooth = targets.nan_to_num(0.0) * (1 - 2 * options.smoothing) + options.smoothing
    heads = functional.binary_cross_entropy_with_logits(logits[:, : len(HEADS)], smooth, reduction="none")
    total = (heads * known).sum() / known.sum().clamp(min=1)
    severities = _masked([row.severities for row in rows], TOP).to(device)
    graded = ~severities.isnan()
    if graded.any():
        levels = functional.binary_cross_entropy_with_logits(
            logits[:, len(HEADS) :], severities.nan_to_num(0.0), reduction="none"
        )
        total = total + options.severity_weight * (levels * graded).sum() / graded.sum()
    return total


def early_loss(early: Tensor, logits: Tensor, rows: Sequence[Row]) -> Tensor:
    """How far the early logits are from what the whole network says, over the heads that speak of a row."""
    heard = torch.tensor([[head in spoken(row.role) for head in HEADS] for row in rows]).to(early.device)
    away = functional.smooth_l1_loss(early, logits[:, : len(HEADS)].detach(), reduction="none")
    return (away * heard).sum() / heard.sum()


def _masked(values: Sequence[Sequence[float | None]], scale: float) -> Tensor:
    return torch.tensor([[math.nan if v is None else v / scale for v in row] for row in values])


@torch.no_grad()
def logits_of(
    network: Network, tokenizer: Tokenizer, rows: Sequence[Row], window: int, tokens: int = 16384
) -> Tensor:
    """The logits of every row's first window, in order."""
    network.eval()
    where = next(network.parameters()).device
    examples = encode(rows, tokenizer, window, random.Random(0))  # noqa: S311
    order = sorted(range(len(examples)), key=lambda at: len(examples[at].ids))
    found: list[Tensor | None] = [None] * len(examples)
    first = 0
    while first < len(order):
        size = max(1, tokens // max(len(examples[order[min(first + 63, len(order) - 1)]].ids), 1))
        group = order[first : first + min(size, 64)]
        with torch.autocast(where.type, dtype=torch.bfloat16, enabled=halves()):
            said, _ = network(*tensors([examples[i] for i in group], where))
        for at, row in zip(group, said, strict=True):
            found[at] = row.float().cpu()
        first += len(group)
    return torch.stack([row for row in found if row is not None])
