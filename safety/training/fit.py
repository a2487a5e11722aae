"""Fitting: batches of like length, masked losses, a schedule, checkpoints to resume from.

The same code runs on a CPU and on a GPU (in bf16 where that is quicker). Seeds fix the order of rows and
the initial weights; sums on several threads still round differently, so two runs agree within noise, not to
the bit.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from safety.models.heads import HEADS, TOP, spoken
from safety.training.device import device, halves
from safety.training.network import Network
from safety.training.rows import Row

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class FitOptions:
    """How to fit. ``tokens``: per batch, padding included. ``window``: tokens per text at most."""

    epochs: int = 2
    tokens: int = 4096
    window: int = 256
    rate: float = 1e-4
    head_rate: float = 1e-3
    decay: float = 0.01
    warmup: float = 0.06
    smoothing: float = 0.02
    severity_weight: float = 0.3
    early_weight: float = 0.3
    seed: int = 0
    threads: int = 0  # 0: as many as torch likes
    save_every: float = 300.0  # seconds between checkpoints


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


def batches(examples: Sequence[Example], tokens: int, rng: random.Random) -> Iterator[list[Example]]:
    """Batches of like length, at most ``tokens`` each, in random order; within a pool of many batches only,
    so that the rows of one length do not always meet."""
    order = list(range(len(examples)))
    rng.shuffle(order)
    pool = 4096
    for first in range(0, len(order), pool):
        near = sorted(order[first : first + pool], key=lambda at: len(examples[at].ids))
        made: list[list[Example]] = [[]]
        for at in near:
            if (len(made[-1]) + 1) * len(examples[at].ids) > tokens:
                made.append([])
            made[-1].append(examples[at])
        rng.shuffle(made)
        yield from (batch for batch in made if batch)


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


def loss_of(logits: Tensor, rows: Sequence[Row], options: FitOptions) -> Tensor:
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


class Fit:
    """One fitting, resumable: the rows of epoch *n* are ``rows_of(n)``."""

    def __init__(
        self,
        network: Network,
        tokenizer: Tokenizer,
        rows_of: Callable[[int], Sequence[Row]],
        options: FitOptions,
        checkpoint: Path,
        say: Say,
    ) -> None:
        self.network, self.tokenizer, self.rows_of = network, tokenizer, rows_of
        self.options, self.checkpoint, self.say = options, checkpoint, say
        self.device = device()
        if options.threads:
            torch.set_num_threads(options.threads)
        network.to(self.device)
        heads = [*network.heads.parameters(), *network.early.parameters()]
        body = [p for p in network.encoder.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(
            [{"params": body, "lr": options.rate}, {"params": heads, "lr": options.head_rate}],
            weight_decay=options.decay,
            fused=True,
        )
        self.rates = [options.rate, options.head_rate]
        self.step = self.epoch = 0
        self.done = 0  # batches of this epoch
        self.drawn: Tensor | None = None  # where dropout's random numbers were at the checkpoint

    def run(self) -> None:
        """Fit, from the last checkpoint if there is one."""
        self._resume()
        while self.epoch < self.options.epochs:
            self._epoch()
        self.network.eval()

    def _epoch(self) -> None:
        rng = random.Random(f"{self.options.seed}/{self.epoch}")  # noqa: S311 - a seed, not a secret
        torch.manual_seed(self.options.seed * 1000 + self.epoch)
        if self.done and self.drawn is not None:
            _draw_on(self.device, self.drawn)
        examples = encode(self.rows_of(self.epoch), self.tokenizer, self.options.window, rng)
        all_batches = list(batches(examples, self.options.tokens, rng))
        total = len(all_batches) * self.options.epochs
        began = saved = time.monotonic()
        seen, running = 0, math.nan
        self.network.train()
        for number, batch in enumerate(all_batches[self.done :], self.done + 1):
            self._pace(total)
            loss = self._learn(batch)
            self.step += 1
            self.done = number
            seen += sum(len(example.ids) for example in batch)
            running = loss if math.isnan(running) else 0.98 * running + 0.02 * loss
            now = time.monotonic()
            if number % 50 == 0 or number == len(all_batches):
                rate = seen / (now - began)
                self.say(
                    f"epoch {self.epoch + 1}/{self.options.epochs} batch {number}/{len(all_batches)} "
                    f"loss {running:.4f} {rate:.0f} tokens/s"
                )
            if now - saved > self.options.save_every:
                self._save()
                saved = now
        self.epoch, self.done = self.epoch + 1, 0
        self._save()

    def _learn(self, batch: Sequence[Example]) -> float:
        rows = [example.row for example in batch]
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=halves()):
            logits, early = self.network(*tensors(batch, self.device))
        loss = loss_of(logits.float(), rows, self.options)
        loss = loss + self.options.early_weight * early_loss(early.float(), logits.float(), rows)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        return float(loss.detach())

    def _pace(self, total: int) -> None:
        """Linear warm-up, then down to a tenth along a cosine."""
        warm = max(1, int(total * self.options.warmup))
        if self.step < warm:
            factor = (self.step + 1) / warm
        else:
            factor = 0.1 + 0.45 * (1 + math.cos(math.pi * (self.step - warm) / max(1, total - warm)))
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor

    def _save(self) -> None:
        state: dict[str, Any] = {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "epoch": self.epoch,
            "done": self.done,
            "drawn": _drawn(self.device),
        }
        draft = self.checkpoint.with_suffix(".new")
        torch.save(state, draft)
        draft.replace(self.checkpoint)

    def _resume(self) -> None:
        if not self.checkpoint.is_file():
            return
        state = torch.load(self.checkpoint, map_location=self.device, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.epoch, self.done = state["step"], state["epoch"], state["done"]
        self.drawn = state.get("drawn")
        self.say(f"resumed at epoch {self.epoch + 1}, step {self.step}")


def _drawn(device: torch.device) -> Tensor:
    """Where the device's random numbers are."""
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()


def _draw_on(device: torch.device, state: Tensor) -> None:
    if device.type == "cuda":
        torch.cuda.set_rng_state(state.cpu(), device)
    else:
        torch.set_rng_state(state.cpu())


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
