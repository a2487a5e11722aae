"""Fitting: batches of like length, a schedule, checkpoints to resume from; what is taught is a ``Lesson``.

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
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from safety.training.device import device

Say = Callable[[str], None]
_BODY = "encoder."  # parameters of what was pretrained


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
    seed: int = 0
    threads: int = 0  # 0: as many as torch likes
    save_every: float = 300.0  # seconds between checkpoints


class Counted(Protocol):
    """A row as numbers."""

    @property
    def ids(self) -> list[int]: ...


E = TypeVar("E", bound=Counted)


class Lesson(Protocol[E]):
    """What a network is taught."""

    @property
    def network(self) -> nn.Module:
        """It; what is not in its ``encoder`` learns at the heads' rate."""
        ...

    def examples(self, epoch: int, rng: random.Random) -> Sequence[E]:
        """The rows of an epoch, as numbers."""
        ...

    def loss(self, batch: Sequence[E], device: torch.device) -> Tensor:
        """How far the network's answers are from the right ones."""
        ...


def batches(examples: Sequence[E], tokens: int, rng: random.Random) -> Iterator[list[E]]:
    """Batches of like length, at most ``tokens`` each, in random order; within a pool of many batches only,
    so that the rows of one length do not always meet."""
    order = list(range(len(examples)))
    rng.shuffle(order)
    pool = 4096
    for first in range(0, len(order), pool):
        near = sorted(order[first : first + pool], key=lambda at: len(examples[at].ids))
        made: list[list[E]] = [[]]
        for at in near:
            if (len(made[-1]) + 1) * len(examples[at].ids) > tokens:
                made.append([])
            made[-1].append(examples[at])
        rng.shuffle(made)
        yield from (batch for batch in made if batch)


class Fit(Generic[E]):
    """One fitting, resumable."""

    def __init__(
        self,
        lesson: Lesson[E],
        options: FitOptions,
        checkpoint: Path,
        say: Say,
    ) -> None:
        self.lesson, self.network = lesson, lesson.network
        self.options, self.checkpoint, self.say = options, checkpoint, say
        self.device = device()
        if options.threads:
            torch.set_num_threads(options.threads)
        self.network.to(self.device)
        body = [p for n, p in self.network.named_parameters() if n.startswith(_BODY) and p.requires_grad]
        heads = [p for n, p in self.network.named_parameters() if not n.startswith(_BODY)]
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
        examples = self.lesson.examples(self.epoch, rng)
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

    def _learn(self, batch: Sequence[E]) -> float:
        loss = self.lesson.loss(batch, self.device)
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
