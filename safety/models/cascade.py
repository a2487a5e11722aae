"""The shipped model: cheap first, the encoder's first layers where the cheap one is unsure, the others only
where those are.

Texts are read whole, in overlapping windows of tokens; a category's opinion is that of the loudest window.
Windows judged a moment ago are remembered, so that two detectors that ask about the same text, or a stream
that shows it again, cost one pass.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import cast

from tokenizers import Tokenizer

from safety.detectors.model import HARM, Opinion, Passage, Provider, Role
from safety.errors import ConfigError
from safety.models.card import (
    CHEAP,
    LOWER,
    TOKENIZER,
    UPPER,
    WEIGHTS,
    Card,
    Exit,
    Scale,
    read_card,
    read_file,
    scored,
)
from safety.models.cheap import Cheap, Floats, Ids
from safety.models.encoder import Encoder, Window
from safety.models.heads import TOP, spoken
from safety.models.pieces import Pieces
from safety.models.windows import windows

REMEMBERED = 4096  # windows: about 1 KB each
BEGUN = 32  # windows at a time: what their first layers leave takes up to 300 KB each
PLACED = 0.1  # from this score on, an opinion is about its window; below, about the whole passage
BY_CHEAP, BY_EARLY, BY_ENCODER = "cheap", "early layers", "encoder"
Key = tuple[Role, bytes]  # of a window
_NEVER = Exit()
_PLAIN = Scale()
SAFE_SEVERITY, LEAST_SEVERITY = 1, 2  # the most below the threshold, the least above it


@dataclass(frozen=True, slots=True)
class Judged:
    """What is known of a window: the cheap logits; the encoder's, early and in the end, if it was asked."""

    cheap: Floats
    early: Floats | None = None
    dear: Floats | None = None


@dataclass(frozen=True, slots=True)
class _Said:
    """A head's logit for a window, whose it is, and the severity's beside it (the encoder's alone)."""

    logit: float
    by: str
    severity: float | None = None


@dataclass(frozen=True, slots=True)
class _Read:
    """A passage as windows, and where each is: ``[start, end)`` of its tokens."""

    passage: Passage
    ids: Ids
    places: Sequence[tuple[int, int]]

    @property
    def role(self) -> Role:
        """The passage's."""
        return self.passage.role

    def windows(self) -> list[Window]:
        """What is judged."""
        return [Window(self.ids[start:end], self.role) for start, end in self.places]

    def place(self, at: int, pieces: Pieces) -> tuple[int, int]:
        """Where the window is in the text, in code points."""
        if len(self.places) == 1:
            return 0, len(self.passage.text)
        return pieces.place(self.passage.text, *self.places[at])


class Cascade:
    """A ``Scorer`` over the files of a shipped model. Made once, asked from many threads."""

    def __init__(self, card: Card, pieces: Pieces, cheap: Cheap, encoder: Encoder) -> None:
        self.card = card
        # With a digest of all that is on the card: another training may keep name and version.
        digest = sha256(card.to_json().encode()).hexdigest()[:12]
        self.label = f"{card.name}@{card.version}-{digest}"
        self._pieces, self._cheap, self._encoder = pieces, cheap, encoder
        self._places = {head: at for at, head in enumerate(card.heads)}
        self._known: OrderedDict[Key, Judged] = OrderedDict()
        self._lock = threading.Lock()

    @classmethod
    def load(cls, folder: Path = WEIGHTS / "guard", provider: Provider = "cpu", threads: int = 0) -> Cascade:
        """The model in ``folder``. ``ConfigError`` for a file that is absent or damaged."""
        card = read_card(folder)
        pieces = Pieces(_tokenizer(read_file(folder, TOKENIZER, card), str(folder / TOKENIZER)))
        cheap = Cheap.from_bytes(read_file(folder, CHEAP, card), str(folder / CHEAP))
        lower, upper = (read_file(folder, name, card) for name in (LOWER, UPPER))
        encoder = Encoder(lower, upper, str(folder / LOWER), provider, threads)
        return cls(card, pieces, cheap, encoder)

    @property
    def quick(self) -> Cascade:
        """The cheap step alone."""
        always = {head: Exit(low=math.inf) for head in self.card.heads}
        return Cascade(replace(self.card, exits=always), self._pieces, self._cheap, self._encoder)

    def score(
        self, passages: Sequence[Passage], wanted: Collection[str] | None = None
    ) -> list[Mapping[str, Opinion]]:
        """See ``Scorer``."""
        read = [self._read(passage) for passage in passages]
        heads = [self._heads(passage.role, wanted) for passage in passages]
        parts = [one.windows() for one in read]
        judged = self._judge([window for windows in parts for window in windows], wanted)
        return [
            {head: self._opinion(head, one, [judged[window.key] for window in windows]) for head in own}
            for one, windows, own in zip(read, parts, heads, strict=True)
        ]

    def _read(self, passage: Passage) -> _Read:
        ids = self._pieces.ids(passage.text)
        return _Read(passage, ids, windows(len(ids), self.card.window, self.card.overlap))

    # ---- judging windows

    def _judge(self, asked: Sequence[Window], wanted: Collection[str] | None) -> dict[Key, Judged]:
        """What is needed to know of each window for the ``wanted`` heads. Equal ones are judged once: a long
        text may well be the same thing over and over."""
        distinct = {window.key: window for window in asked}
        found = {key: self._recall(window) for key, window in distinct.items()}
        unsure = [window for key, window in distinct.items() if self._open(found[key], window.role, wanted)]
        for first in range(0, len(unsure), BEGUN):
            for window, judged in self._asked(unsure[first : first + BEGUN], found, wanted):
                found[window.key] = judged
                self._remember(window.key, judged)
        return found

    def _asked(
        self, windows: Sequence[Window], known: Mapping[Key, Judged], wanted: Collection[str] | None
    ) -> Iterator[tuple[Window, Judged]]:
        """What the encoder says: its first layers of all, the others of those that are still in doubt."""
        begun = self._encoder.begin(windows)
        early = [
            replace(known[window.key], early=one.logits) for window, one in zip(windows, begun, strict=True)
        ]
        doubt = [
            self._open(judged, window.role, wanted) for window, judged in zip(windows, early, strict=True)
        ]
        dear = iter(self._encoder.finish([one for one, unsure in zip(begun, doubt, strict=True) if unsure]))
        for window, judged, unsure in zip(windows, early, doubt, strict=True):
            yield window, replace(judged, dear=next(dear)) if unsure else judged

    def _open(self, judged: Judged, role: Role, wanted: Collection[str] | None) -> bool:
        """Whether there is more to ask."""
        return not all(self._sure(head, judged) for head in self._heads(role, wanted))

    def _sure(self, head: str, judged: Judged) -> bool:
        return judged.dear is not None or self._leaves(head, judged) is not None

    def _leaves(self, head: str, judged: Judged) -> _Said | None:
        """The word of the first step that is sure of this head; ``None`` if none is, or was not asked."""
        at = self._places[head]
        for by, exits, logits in (
            (BY_CHEAP, self.card.exits, judged.cheap),
            (BY_EARLY, self.card.early, judged.early),
        ):
            if logits is not None and exits.get(head, _NEVER).sure(float(logits[at])):
                return _Said(float(logits[at]), by)
        return None

    def _heads(self, role: Role, wanted: Collection[str] | None) -> list[str]:
        return [head for head in spoken(role) if head in self._places and (wanted is None or head in wanted)]

    def _recall(self, window: Window) -> Judged:
        with self._lock:
            judged = self._known.get(window.key)
            if judged is not None:
                self._known.move_to_end(window.key)
                return judged
        return Judged(self._cheap.logits(window.ids, window.role))

    def _remember(self, key: Key, judged: Judged) -> None:
        """Only what was dear: asking the cheap model again costs as much as looking it up."""
        with self._lock:
            self._known[key] = judged
            self._known.move_to_end(key)
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)

    # ---- from logits to opinions

    def _opinion(self, head: str, read: _Read, judged: Sequence[Judged]) -> Opinion:
        said = [self._said(head, one) for one in judged]
        loudest = max(range(len(said)), key=lambda at: said[at].logit)
        score = scored(said[loudest].logit, self.card.scales.get(head, _PLAIN))
        severity = _severity(said[loudest], score) if head in HARM else None
        # Finding the place costs more than the cheap model: nobody asks where nothing is.
        start, end = read.place(loudest, self._pieces) if score >= PLACED else (0, len(read.passage.text))
        return Opinion(score, start, end, severity, said[loudest].by)

    def _said(self, head: str, judged: Judged) -> _Said:
        """The first sure word on this head, even if the others were asked because of other heads: a score
        depends on nothing but the text."""
        sure = self._leaves(head, judged)
        if sure is not None:
            return sure
        dear = cast(Floats, judged.dear)  # as no step before was sure
        level = float(dear[len(self.card.heads) + HARM.index(head)]) if head in HARM else None
        return _Said(float(dear[self._places[head]]), BY_ENCODER, level)


def _severity(said: _Said, score: float) -> int:
    """What the encoder says, kept on the side of the threshold where the score is."""
    level = 0 if said.severity is None else round(TOP * scored(said.severity, _PLAIN))
    return max(level, LEAST_SEVERITY) if score >= 0.5 else min(level, SAFE_SEVERITY)


def _tokenizer(data: bytes, place: str) -> Tokenizer:
    try:
        return Tokenizer.from_buffer(data)
    except Exception as error:  # the library has no other
        raise ConfigError(f"{place}: not a tokenizer: {error}") from error
