"""What the groundedness detector costs beside an encoder that reads sources and answer whole: CPU, one core.

``python tests/benchmarks/groundedness.py``. ModernBERT-base is there as an architecture: random weights,
exported to ONNX, nothing downloaded. Then what a streamed sentence waits for. How good anything is, is not
said here. About five minutes.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import median, quantiles
from typing import Any

import numpy as np
from architectures import Markdown, one_core  # first: it puts the project on the path
from cited import CLAIMS, WRONG, Case
from report import Table, machine

from safety.detectors.groundedness import Groundedness, GroundednessOptions
from safety.detectors.groundedness.claims import claims_of
from safety.errors import ConfigError
from safety.guard import Guard
from safety.models.card import WEIGHTS
from safety.models.load import verifier_for
from safety.models.pieces import Pieces, tokenizer_of
from safety.models.session import session
from safety.types import Delta, Exchange, Origin, Verdict
from safety.wire.plain import answer_exchange, prompt_exchange

WHOLE, WHOLE_8 = "ModernBERT-base, fp32", "ModernBERT-base, 8-bit"
OURS = 5  # runs of ours in each round: they are short
ANSWER_PATH = "/choices/0/message/content"
NOTES = (
    "ModernBERT-base has random weights and reads all tokens at once (counted with our word pieces), "
    "exported at just that length. Its local layers are computed in full, as ONNX exports of it are.",
    "Every text is new: other numbers, names and claims, so no pair was judged before. The pieces of words "
    "are remembered.",
)


@dataclass
class Candidate:
    """``measure`` takes a case that nobody has seen and gives CPU seconds."""

    name: str
    measure: Callable[[Case], float]
    times: int = 1  # in each round
    seconds: list[float] = field(default_factory=list)


def groundedness(rounds: int, folder: Path) -> Table:
    """Everything side by side, in turns, on one core. ``folder`` takes the exported graph."""
    notes = [*NOTES, _told()]
    candidates: list[Candidate] = []
    with one_core():
        for name, model in (("our detector", "shipped"), ("exact checks alone", "none")):
            candidates += ours(name, GroundednessOptions(model=model, threads=1))
        try:
            candidates = [*whole_readers(_tokens(Case("warm").whole()), folder), *candidates]
        except ImportError as error:
            notes.append(f"ModernBERT is left out, it takes torch, transformers and onnx: {error}")
        for one in candidates:
            one.measure(Case(f"{one.name} warm"))
        gc.collect()
        gc.freeze()  # torch's many objects, which no guard has beside it
        for turn in range(rounds):
            for one in candidates:
                cases = [Case(f"{one.name} {turn} {number}") for number in range(one.times)]
                one.seconds += map(one.measure, cases)
    return _table(candidates, rounds, notes)


def _told() -> str:
    case = Case("warm")
    words, answer = sum(len(text.split()) for text in case.sources), case.answers[0]
    if any(len(list(claims_of(one, 2, alone=True))) != CLAIMS for one in case.answers):
        raise RuntimeError(f"not {CLAIMS} claims: {case.answers}")
    return (
        f"{len(case.sources)} sources of together {words:,} words, answers of {CLAIMS} claims ({WRONG} wrong)"
        f" and {len(answer.split())} words; with the question {_tokens(case.whole()):,} tokens."
    )


def _tokens(text: str) -> int:
    file = WEIGHTS / "guard" / "tokenizer.json"
    return 3 + len(Pieces(tokenizer_of(file.read_bytes(), str(file))).ids(text))


def _table(candidates: list[Candidate], rounds: int, notes: list[str]) -> Table:
    costs = {one.name: 1000 * median(one.seconds) for one in candidates}
    columns = ("candidate", "ms", "least", "most", f"of {WHOLE}", f"of {WHOLE_8}")
    table = Markdown(
        f"Groundedness, CPU ms per answer, one core, medians of {rounds} rounds", columns, notes=notes
    )
    for one in candidates:
        ratios = (
            f"{costs[one.name] / costs[name]:.4f} x" if name in costs else None for name in (WHOLE, WHOLE_8)
        )
        range_ = (round(1000 * edge, 2) for edge in (min(one.seconds), max(one.seconds)))
        table.rows.append([one.name, round(costs[one.name], 2), *range_, *ratios])
    return table


# ---- an encoder that reads everything at once


def whole_readers(length: int, folder: Path) -> list[Candidate]:
    """``ImportError`` where the packages that make them are not installed."""
    import onnx  # noqa: F401 - the exporter needs it
    import torch
    from onnxruntime.quantization import quantize_dynamic
    from transformers import ModernBertConfig, ModernBertForTokenClassification

    network = ModernBertForTokenClassification(
        ModernBertConfig(num_labels=2, attn_implementation="sdpa")
    ).eval()
    example = (torch.full((1, length), 7), torch.ones(1, length, dtype=torch.long))
    path, small = folder / "whole.onnx", folder / "whole-8.onnx"
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the exporter's own, about its age and about tracing
        names = {"input_names": ["input_ids", "attention_mask"], "output_names": ["logits"]}
        torch.onnx.export(network, example, str(path), dynamo=False, opset_version=17, **names)
    logging.getLogger().setLevel(logging.ERROR)  # it recommends another step, which changes no time
    quantize_dynamic(path, small)
    return [Candidate(name, _reader(file, length)) for name, file in ((WHOLE, path), (WHOLE_8, small))]


def _reader(path: Path, length: int) -> Callable[[Case], float]:
    made = session(path, threads=1)
    mask = np.ones((1, length), np.int64)

    def measure(case: Case) -> float:
        ids = np.array([Random(case.question).choices(range(4, 50_000), k=length)], np.int64)
        before = time.process_time()
        made.run(["logits"], {"input_ids": ids, "attention_mask": mask})
        return time.process_time() - before

    return measure


# ---- ours


def request(case: Case) -> Exchange:
    return prompt_exchange(case.question, case.sources, id=os.urandom(16).hex())


def ours(name: str, options: GroundednessOptions) -> list[Candidate]:
    """Sources that are new, and another answer when they are indexed."""
    detector = Groundedness(options, verifier=verifier_for(options))

    def timed(case: Case, answer: int) -> float:
        exchange = answer_exchange(case.answers[answer], request(case))
        before = time.process_time()
        detector.detect([exchange])
        return time.process_time() - before

    def again(case: Case) -> float:
        timed(case, 0)
        return timed(case, 1)

    return [
        Candidate(f"{name}, new sources", lambda case: timed(case, 0), OURS),
        Candidate(f"{name}, sources indexed", again, OURS),
    ]


# ---- streams


class Watched(Guard):
    """Counts what it is asked."""

    asked = 0

    def judge(self, *given: Any, **how: Any) -> list[Verdict]:
        self.asked += 1
        return super().judge(*given, **how)


@contextmanager
def cores(count: int) -> Iterator[None]:
    """This thread, and those that it starts, on so many cores."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[-count:])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def streamed(answers: int) -> Table:
    """What a policy adds to each sentence of a streamed answer, on two cores."""
    title = f"Streaming, ms beyond the token that shows a sentence's end, two cores, {answers} answers"
    table = Markdown(title, ("policy, and what waits", "p50", "p95", "most", "count"))
    for policy in ("rag", "default"):
        with cores(2), Watched.from_policy(policy) as guard:
            stream_one(guard, Case("warm"))
            waits = [stream_one(guard, Case(f"{policy} {number}")) for number in range(answers)]
        for name, found in (
            ("its first sentence, new sources", [one[0] for one in waits]),
            ("each later sentence", [wait for one in waits for wait in one[1:-1]]),
            ("its end: the last sentence, and all once more", [one[-1] for one in waits]),
        ):
            cuts = quantiles(found, n=20, method="inclusive") if len(found) > 1 else found * 19
            row = [round(1000 * value, 2) for value in (median(found), cuts[-1], max(found))]
            table.rows.append([f"{policy}: {name}", *row, str(len(found))])
    return table


def stream_one(guard: Watched, case: Case) -> list[float]:
    """Seconds that each sentence waited; the last is for the answer's end."""
    asks = request(case)
    guard.judge([asks])
    stream, waits = guard.stream(asks), []
    for token in case.answers[0].replace(" ", "\0 ").split("\0"):
        asked, began = guard.asked, time.perf_counter()
        stream.push(token, [Delta(ANSWER_PATH, Origin.ASSISTANT, token)])
        if guard.asked > asked:
            waits.append(time.perf_counter() - began)
    began = time.perf_counter()
    stream.finish()
    return [*waits, time.perf_counter() - began]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=4, help="rounds (default: 4)")
    parser.add_argument("--answers", type=int, default=40, help="streamed answers (default: 40)")
    parser.add_argument("--quick", action="store_true", help="one round and four answers, coarse")
    given = parser.parse_args()
    print(machine(), flush=True)
    try:
        with tempfile.TemporaryDirectory() as folder:
            print(f"\n{groundedness(1 if given.quick else given.rounds, Path(folder)).text()}", flush=True)
        print(f"\n{streamed(4 if given.quick else given.answers).text()}")
    except ConfigError as error:
        sys.exit(f"benchmark stopped: {error}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
