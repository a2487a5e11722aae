"""The shipped verifier: a cross-encoder that reads a claim beside its evidence.

A pair that was judged a moment ago is remembered, so that the last look at a streamed answer costs nothing
that its sentences have not cost already. It knows no thresholds: see ``Doubt``.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import cast
from unicodedata import category

import numpy as np

from safety.detectors.groundedness.pairing import Pair
from safety.detectors.groundedness.verifier import Doubt
from safety.detectors.model import Provider
from safety.errors import ConfigError
from safety.models.batcher import Batcher
from safety.models.card import TOKENIZER, WEIGHTS, file_of
from safety.models.cheap import Floats
from safety.models.encoder import BUDGETS
from safety.models.pairs import Shown, shown
from safety.models.pieces import Pieces, tokenizer_of
from safety.models.session import session
from safety.models.verifier_card import PAIRS, VerifierCard, read_verifier_card

REMEMBERED = 2048  # pairs
_INPUTS = frozenset({"input_ids", "attention_mask", "token_type_ids"})
_OUTPUTS = frozenset({"logits", "words"})


@dataclass(frozen=True, slots=True)
class _Answer:
    """``logits`` (2,) for the claim, ``words`` (tokens of the claim,) for each of its tokens."""

    logits: Floats
    words: Floats


class CrossEncoder:
    """A ``Verifier`` over the files of a shipped model. Made once, asked from many threads."""

    def __init__(
        self,
        card: VerifierCard,
        pieces: Pieces,
        graph: bytes,
        place: str,
        provider: Provider = "cpu",
        threads: int = 0,
    ) -> None:
        self.card, self.blend = card, card.blend
        self.label = f"{card.name}@{card.version}-{sha256(card.to_json().encode()).hexdigest()[:12]}"
        self._pieces = pieces
        self._session = session(graph, provider, threads, place)
        for what, nodes, own in (
            ("inputs", self._session.get_inputs(), _INPUTS),
            ("outputs", self._session.get_outputs(), _OUTPUTS),
        ):
            named = {node.name for node in nodes}
            if named != own:
                raise ConfigError(f"{place}: not a verifier: its {what} are {', '.join(sorted(named))}")
        self._batcher: Batcher[Shown, _Answer] = Batcher(
            self._run, lambda one: len(one.ids), BUDGETS[provider]
        )
        self._known: OrderedDict[Shown, _Answer] = OrderedDict()
        self._lock = threading.Lock()

    @classmethod
    def load(
        cls, folder: Path = WEIGHTS / "verifier", provider: Provider = "cpu", threads: int = 0
    ) -> CrossEncoder:
        """The model in ``folder``. ``ConfigError`` for a file that is absent or damaged."""
        card = read_verifier_card(folder)
        # Both shipped models read the same word pieces: one copy is enough.
        home = folder if (folder / TOKENIZER).is_file() else WEIGHTS / "guard"
        pieces = Pieces(tokenizer_of(file_of(home, TOKENIZER, card.files), str(home / TOKENIZER)))
        return cls(card, pieces, file_of(folder, PAIRS, card.files), str(folder / PAIRS), provider, threads)

    def doubts(self, pairs: Sequence[Pair]) -> list[Doubt]:
        """See ``Verifier``."""
        parts = [shown(pair, self._ids, self.card.window) for pair in pairs]
        answers = self._answers(list(dict.fromkeys(part for one in parts for part in one)))
        return [
            self._doubt(pair, one, [answers[part] for part in one])
            for pair, one in zip(pairs, parts, strict=True)
        ]

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._pieces.ids(text).tolist()
        return ids

    def _answers(self, asked: Sequence[Shown]) -> dict[Shown, _Answer]:
        with self._lock:
            found = {part: self._known[part] for part in asked if part in self._known}
            for part in found:
                self._known.move_to_end(part)
        new = [part for part in asked if part not in found]
        fresh = dict(zip(new, self._batcher.results(new), strict=True))
        with self._lock:
            self._known.update(fresh)
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return found | fresh

    def _run(self, batch: list[Shown]) -> list[_Answer]:
        longest = max(len(part.ids) for part in batch)
        ids, mask, types = (np.zeros((len(batch), longest), np.int64) for _ in range(3))
        for at, part in enumerate(batch):
            ids[at, : len(part.ids)] = part.ids
            mask[at, : len(part.ids)] = 1
            types[at, part.at : part.at + part.last - part.first] = 1
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
        logits, words = cast(tuple[Floats, Floats], self._session.run(["logits", "words"], given))
        return [
            _Answer(logits[at], words[at, part.at : part.at + part.last - part.first].copy())
            for at, part in enumerate(batch)
        ]

    def _doubt(self, pair: Pair, parts: Sequence[Shown], answers: Sequence[_Answer]) -> Doubt:
        loudest = max(answers, key=lambda answer: float(answer.logits[0]))
        tokens = np.full(parts[-1].last, -np.inf, np.float32)
        for part, answer in zip(parts, answers, strict=True):
            here = slice(part.first, part.last)
            tokens[here] = np.maximum(tokens[here], answer.words)
        places = self._pieces.places(pair.claim)
        return Doubt(float(loudest.logits[0]), float(loudest.logits[1]), _words(pair.claim, places, tokens))


def _words(
    text: str, places: Sequence[tuple[int, int]], tokens: Floats
) -> tuple[tuple[int, int, float], ...]:
    """The words that the tokens are pieces of, each as doubtful as its most doubtful piece. Several pieces
    may stand in one place: of a Korean sign, say."""
    joined = [_one_word(text[one[1] - 1 : other[0] + 1]) for one, other in pairwise(places)]
    cuts = [0, *(at for at, inside in enumerate(joined, 1) if not inside), len(places)]
    return tuple(
        (places[first][0], places[last - 1][1], float(tokens[first:last].max()))
        for first, last in pairwise(cuts)
        if first < last
    )


def _one_word(joint: str) -> bool:
    """Whether what one piece ends with and the next begins with, and what is between, is of one word."""
    return all(sign.isalnum() or category(sign)[0] == "M" for sign in joint)
