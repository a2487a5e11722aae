"""What the shipped model costs beside the encoders that are usually put in its place: CPU time, one core.

``python tests/benchmarks/architectures.py`` runs it alone; ``run.py`` includes it. DeBERTa-v3 is there as an
architecture: random weights, exported to ONNX, nothing downloaded. How good a model is, is not said here.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

ROOT = Path(__file__).parent.parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))  # the project itself, installed or not

import numpy as np  # noqa: E402
from report import Cell, Table, machine  # noqa: E402
from texts import Mix, letters, prose  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402

from safety.detectors.harm import Harm  # noqa: E402
from safety.detectors.model import HARM, SHIELD, Passage, Role  # noqa: E402
from safety.detectors.normalise import Reader  # noqa: E402
from safety.detectors.prompt_shield import PromptShield  # noqa: E402
from safety.errors import ConfigError  # noqa: E402
from safety.guard import Guard  # noqa: E402
from safety.models.card import CHEAP, LOWER, TOKENIZER, UPPER, WEIGHTS, Card, file_of, read_card  # noqa: E402
from safety.models.cascade import Cascade  # noqa: E402
from safety.models.cheap import Cheap  # noqa: E402
from safety.models.encoder import Encoder, Window  # noqa: E402
from safety.models.pieces import Pieces  # noqa: E402
from safety.models.session import session  # noqa: E402
from safety.models.windows import windows  # noqa: E402
from safety.policy.model import Policy, Rule, When  # noqa: E402
from safety.types import Action, Exchange, Origin, Segment, Stage  # noqa: E402
from safety.wire.plain import messages_exchange  # noqa: E402

KB = 1024
FIGURES = 0.7  # of the sentences of a prompt: it then has about the 230 tokens that a KB of English has
MIXED = 25  # requests of the mix per round: about 75 KB
TOKENS = 230  # of a prompt, where nobody can count them
VOCABULARY = 1000  # rows: looking one up costs the same in a table of 128,100
BASE, XSMALL = "DeBERTa-v3-base", "DeBERTa-v3-xsmall"
SIZES = {  # hidden size, attention heads, inner size; 12 layers each
    BASE: (768, 12, 3072),
    XSMALL: (384, 6, 1536),
}
NOTES = (
    f"DeBERTa-v3 has random weights, fp32 (ours: 8-bit), and a vocabulary of {VOCABULARY:,} rows instead "
    "of 128,100, since looking up an embedding costs nothing; exported at the length of the prompt, so "
    "that onnxruntime can fold the most.",
    "The mix is 70 % chat with history, 20 % questions with 4 KB of documents, 8 % code, 2 % attacks. Every "
    "call begins with no windows remembered; the pieces of words are.",
    "At worst: 1 KB of which no window leaves early. A disguised text is judged in each of its readings.",
)


@dataclass(frozen=True, slots=True)
class Sample:
    """CPU seconds for so many characters, and what became of their windows."""

    seconds: float
    size: int
    windows: int = 0
    begun: int = 0
    encoded: int = 0

    @property
    def cost(self) -> float:
        """CPU milliseconds per KB."""
        return 1000 * self.seconds * KB / self.size


@dataclass
class Candidate:
    """``measure`` takes a source of chance and runs once; the texts are different every time."""

    name: str
    measure: Callable[[Random], Sample]
    samples: list[Sample] = field(default_factory=list)

    @property
    def cost(self) -> float:
        return median(sample.cost for sample in self.samples)

    def left(self, step: str) -> float | None:
        """The share of windows that were not ``begun``, or not ``encoded`` to the end."""
        seen = sum(sample.windows for sample in self.samples)
        return 1 - sum(getattr(sample, step) for sample in self.samples) / seen if seen else None


class Markdown(Table):
    """A table for a README."""

    def text(self) -> str:
        lines = [list(self.columns), ["---"] + ["---:"] * (len(self.columns) - 1), *self.rows]
        rows = ("| " + " | ".join(map(_shown, line)) + " |" for line in lines)
        return "\n".join([f"{self.title}\n", *rows, "", *self.notes])


def _shown(cell: Cell) -> str:
    return "" if cell is None else cell if isinstance(cell, str) else f"{cell:.2f}"


def architectures(rounds: int, folder: Path, model: Path = WEIGHTS / "guard") -> Table:
    """Everything side by side, in turns, on one core. ``folder`` takes the exported graphs."""
    candidates: list[Candidate] = []
    notes = list(NOTES)
    length = TOKENS
    with one_core():
        try:
            parts = Parts.load(model)
            length = 2 + len(parts.pieces.ids(prompt(Random(1))))
            candidates += shipped(parts)
            notes.insert(0, parts.said(length))
        except ConfigError as error:
            notes.append(f"The shipped model is left out: {error}")
        try:
            candidates = [*debertas(length, folder), *candidates]
        except ImportError as error:
            notes.append(f"DeBERTa-v3 is left out, it takes torch, transformers and onnx: {error}")
        for turn in range(rounds):
            for candidate in candidates:
                candidate.samples.append(candidate.measure(Random(f"{candidate.name} {turn}")))
    return _table(candidates, rounds, notes)


def _table(candidates: Sequence[Candidate], rounds: int, notes: Sequence[str]) -> Table:
    costs = {one.name: one.cost for one in candidates}
    columns = (
        "candidate",
        "ms per KB",
        f"of {BASE}",
        f"of {XSMALL}",
        "left before the encoder",
        "after its first layers",
    )
    table = Markdown(f"Architectures, CPU ms per 1 KB, one core, median of {rounds}", columns, notes=notes)
    for one in candidates:
        ratios = (f"{one.cost / costs[size]:.3f} x" if size in costs else None for size in SIZES)
        left = (one.left(step) for step in ("begun", "encoded"))
        shares = (None if share is None else f"{share:.0%}" for share in left)
        table.rows.append([one.name, round(one.cost, 2), *ratios, *shares])
    return table


@contextmanager
def one_core() -> Iterator[None]:
    """This thread, and those that it starts, on one core."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def prompt(random: Random) -> str:
    """1 KB of English that is like no other."""
    return f"{prose(random, KB - 9, FIGURES)} {letters(random.getrandbits(36))}"


# ---- architectures with random weights


def debertas(length: int, folder: Path) -> list[Candidate]:
    """``ImportError`` where the packages that make them are not installed."""
    return [Candidate(name, _deberta(_export(name, length, folder), length)) for name in SIZES]


def _export(name: str, length: int, folder: Path) -> Path:
    import onnx  # noqa: F401 - the exporter needs it
    import torch
    from transformers import DebertaV2Config, DebertaV2ForSequenceClassification

    hidden, heads, inner = SIZES[name]
    config = DebertaV2Config(
        vocab_size=VOCABULARY,
        hidden_size=hidden,
        num_hidden_layers=12,
        num_attention_heads=heads,
        intermediate_size=inner,
        position_buckets=256,
        relative_attention=True,
        pos_att_type=["p2c", "c2p"],
        norm_rel_ebd="layer_norm",
        share_att_key=True,
        max_relative_positions=-1,
        type_vocab_size=0,
        position_biased_input=False,
        num_labels=2,
        return_dict=False,
    )
    path = folder / f"{name}.onnx"
    torch.manual_seed(1)
    network = DebertaV2ForSequenceClassification(config).eval()
    example = (torch.full((1, length), 7), torch.ones(1, length, dtype=torch.long))
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the exporter's own, about its age and about tracing
        names = {"input_names": ["input_ids", "attention_mask"], "output_names": ["logits"]}
        torch.onnx.export(network, example, str(path), dynamo=False, opset_version=17, **names)
    return path


def _deberta(path: Path, length: int) -> Callable[[Random], Sample]:
    made = session(path, threads=1)
    mask = np.ones((1, length), np.int64)

    def measure(random: Random) -> Sample:
        ids = np.array([random.choices(range(4, VOCABULARY), k=length)], np.int64)
        before = time.process_time()
        made.run(["logits"], {"input_ids": ids, "attention_mask": mask})
        return Sample(time.process_time() - before, KB)

    measure(Random(0))  # warms it up
    return measure


# ---- the shipped model


@dataclass
class Parts:
    """The files of the shipped model, in hands that count: stands for the cheap model and for the encoder."""

    card: Card
    pieces: Pieces
    cheap: Cheap
    encoder: Encoder
    seen: set[object] = field(default_factory=set)
    begun: set[object] = field(default_factory=set)
    encoded: set[object] = field(default_factory=set)

    @classmethod
    def load(cls, folder: Path) -> Parts:
        card = read_card(folder)
        pieces = Pieces(Tokenizer.from_str(file_of(folder, TOKENIZER, card.files).decode()))
        cheap = Cheap.from_bytes(file_of(folder, CHEAP, card.files), str(folder / CHEAP))
        graphs = [file_of(folder, name, card.files) for name in (LOWER, UPPER)]
        return cls(card, pieces, cheap, Encoder(*graphs, str(folder), threads=1))

    def said(self, length: int) -> str:
        """How it reads a prompt of ``length`` tokens."""
        count = len(windows(length - 2, self.card.window, self.card.overlap))
        return (
            f"1 KB of prompt is {length} tokens; {self.card.name}@{self.card.version} reads it in {count} "
            f"windows of up to {self.card.window} that share at least {self.card.overlap}."
        )

    def fresh(self, exits: bool = True) -> Cascade:
        """A cascade that remembers nothing. Without ``exits`` no window leaves early."""
        card = self.card if exits else replace(self.card, exits={})
        return Cascade(card, self.pieces, _Cheap(self), _Encoder(self))  # type: ignore[arg-type]

    def timed(self, size: int, call: Callable[[], object]) -> Sample:
        self.seen, self.begun, self.encoded = set(), set(), set()
        before = time.process_time()
        call()
        return Sample(time.process_time() - before, size, len(self.seen), len(self.begun), len(self.encoded))


@dataclass(frozen=True, slots=True)
class _Cheap:
    parts: Parts

    def logits(self, ids: Any, role: Role) -> Any:
        self.parts.seen.add((role, ids.tobytes()))
        return self.parts.cheap.logits(ids, role)


@dataclass(frozen=True, slots=True)
class _Encoder:
    parts: Parts

    def begin(self, asked: Sequence[Window]) -> list[Any]:
        self.parts.begun.update(window.key for window in asked)
        return self.parts.encoder.begin(asked)

    def finish(self, begun: Sequence[Any]) -> list[Any]:
        self.parts.encoded.update(one.window.key for one in begun)
        return self.parts.encoder.finish(begun)


def shipped(parts: Parts) -> list[Candidate]:
    """The encoder alone, the cascade, and the two detectors that ask it under a guard."""
    judge = guarded(parts)

    def score(exchange: Exchange, exits: bool = True) -> Sample:
        passages = [Passage(one.text, Role.of(one.origin)) for one in exchange.segments]
        return parts.timed(_size(exchange), lambda: parts.fresh(exits).score(passages))

    judge(_exchange(prompt(Random(0))), False)  # warms it up

    def mixed(run: Callable[[Exchange], Sample], only: str | None = None, count: int = MIXED) -> Any:
        return lambda random: _sum(run(one) for one in islice(_mix(random, only), count))

    return [
        Candidate("our encoder alone", lambda random: encode(parts, prompt(random))),
        Candidate("cascade, the mix", mixed(score)),
        *(Candidate(f"cascade, {kind} alone", mixed(score, kind, 5)) for kind in Mix.KINDS),
        Candidate("cascade, at worst", lambda random: score(_exchange(prompt(random)), False)),
        Candidate("prompt_shield + harm, the mix", mixed(judge)),
        Candidate("prompt_shield + harm, at worst", lambda random: judge(_exchange(prompt(random)), False)),
    ]


def encode(parts: Parts, text: str) -> Sample:
    """All windows of ``text`` through the encoder; cutting it into pieces is not counted."""
    ids = parts.pieces.ids(text)
    places = windows(len(ids), parts.card.window, parts.card.overlap)
    asked = [Window(ids[start:end], Role.SAID) for start, end in places]
    return parts.timed(len(text), lambda: parts.encoder.logits(asked))


def guarded(parts: Parts) -> Callable[..., Sample]:
    """``prompt_shield`` and ``harm`` as a policy builds them: one model and one reader for both."""
    detectors = (PromptShield(), Harm())
    policy = Policy("architectures", rules=(Rule("all", When((*SHIELD, *HARM)), Action.BLOCK),), deadline=60)
    guard = Guard(policy, detectors)

    def judge(exchange: Exchange, exits: bool = True) -> Sample:
        scorer, reader = parts.fresh(exits), Reader()
        for detector in detectors:
            detector.scorer, detector.reader = scorer, reader
        verdicts: list[Any] = []
        sample = parts.timed(
            _size(exchange), lambda: verdicts.extend(guard.judge([exchange], remember=False))
        )
        if not verdicts[0].complete:
            raise RuntimeError(f"not all was judged: {verdicts[0].outcomes}")
        return sample

    return judge


def _mix(random: Random, only: str | None) -> Iterator[Exchange]:
    for _, request in Mix(random.getrandbits(32), only):
        messages: list[Mapping[str, Any]] = json.loads(request)["messages"]
        yield messages_exchange(messages, id="0" * 32)


def _exchange(text: str) -> Exchange:
    return Exchange("0" * 32, Stage.INPUT, (Segment("/messages/0/content", Origin.USER, text),))


def _size(exchange: Exchange) -> int:
    return sum(len(segment.text) for segment in exchange.segments)


def _sum(samples: Iterator[Sample]) -> Sample:
    found = list(samples)
    return Sample(
        sum(one.seconds for one in found),
        sum(one.size for one in found),
        sum(one.windows for one in found),
        sum(one.begun for one in found),
        sum(one.encoded for one in found),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="runs of each candidate (default: 5)")
    parser.add_argument("--quick", action="store_true", help="one round, coarse")
    parser.add_argument("--model", type=Path, default=WEIGHTS / "guard", help="the folder of the model")
    given = parser.parse_args()
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        table = architectures(1 if given.quick else given.rounds, Path(folder), given.model)
    print(f"\n{table.text()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
