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
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from safety.detectors.model import HARM, Opinion, Passage, Provider, Role
from safety.models.card import (
    CHEAP,
    LOWER,
    STEPS,
    TOKENIZER,
    UPPER,
    WEIGHTS,
    Card,
    Exit,
    Scale,
    exit_at,
    file_of,
    read_card,
    scored,
)
from safety.models.cheap import Cheap, Floats, Ids
from safety.models.encoder import Encoder, Window
from safety.models.heads import TOP, spoken
from safety.models.pieces import Pieces, tokenizer_of
from safety.models.windows import windows

REMEMBERED = 4096  # windows: about 1 KB each
BEGUN = 32  # windows at a time: what their first layers leave takes up to 300 KB each
PLACED = 0.1  # from this score on, an opinion is about its window; below, about the whole passage
BY_ENCODER = "encoder"
BY = {"cheap": "cheap", "early": "early layers"}  # steps, as opinions name them
Key = tuple[Role, bytes]  # of a window
_PLAIN = Scale()
SAFE_SEVERITY, LEAST_SEVERITY = 1, 2  # the most below the threshold, the least above it


@dataclass(frozen=True, slots=True)
class Judged:
    """What is known of a window: ``logits`` (heads,) of each step so far; after the last one the encoder's
    (heads and severities,)."""

    logits: tuple[Floats, ...]

    @property
    def done(self) -> bool:
        """Whether the encoder has answered in the end."""
        return len(self.logits) > len(STEPS)

    def then(self, logits: Floats) -> Judged:
        """With what the next step said."""
        return Judged((*self.logits, logits))


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
        pieces = Pieces(tokenizer_of(file_of(folder, TOKENIZER, card.files), str(folder / TOKENIZER)))
        cheap = Cheap.from_bytes(file_of(folder, CHEAP, card.files), str(folder / CHEAP))
        lower, upper = (file_of(folder, name, card.files) for name in (LOWER, UPPER))
        encoder = Encoder(lower, upper, str(folder / LOWER), provider, threads)
        return cls(card, pieces, cheap, encoder)

    @property
    def quick(self) -> Cascade:
        """The cheap step alone."""
        always = {head: Exit(low=math.inf) for head in self.card.heads}
        return Cascade(replace(self.card, exits={STEPS[0]: always}), self._pieces, self._cheap, self._encoder)

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
            answers = self._asked(unsure[first : first + BEGUN], found, wanted)
            self._remember(answers)
            found |= answers
        return found

    def _asked(
        self, windows: Sequence[Window], known: Mapping[Key, Judged], wanted: Collection[str] | None
    ) -> dict[Key, Judged]:
        """What the encoder says: its first layers of all, the others of those that are still in doubt."""
        begun = self._encoder.begin(windows)
        found = {one.window.key: Judged((known[one.window.key].logits[0], one.logits)) for one in begun}
        doubt = [one for one in begun if self._open(found[one.window.key], one.window.role, wanted)]
        for one, logits in zip(doubt, self._encoder.finish(doubt), strict=True):
            found[one.window.key] = found[one.window.key].then(logits)
        return found

    def _open(self, judged: Judged, role: Role, wanted: Collection[str] | None) -> bool:
        """Whether there is more to ask."""
        return not judged.done and any(self._sure(head, judged) is None for head in self._heads(role, wanted))

    def _sure(self, head: str, judged: Judged) -> _Said | None:
        """The word of the first step that is sure of this head; ``None`` if none is, or was not asked."""
        for step, logits in zip(STEPS, judged.logits, strict=False):
            logit = float(logits[self._places[head]])
            if exit_at(self.card.exits, step, head).sure(logit):
                return _Said(logit, BY[step])
        return None

    def _heads(self, role: Role, wanted: Collection[str] | None) -> list[str]:
        return [head for head in spoken(role) if head in self._places and (wanted is None or head in wanted)]

    def _recall(self, window: Window) -> Judged:
        with self._lock:
            judged = self._known.get(window.key)
            if judged is not None:
                self._known.move_to_end(window.key)
                return judged
        return Judged((self._cheap.logits(window.ids, window.role),))

    def _remember(self, judged: Mapping[Key, Judged]) -> None:
        """Only what was dear: asking the cheap model again costs as much as looking it up."""
        with self._lock:
            for key, one in judged.items():
                self._known[key] = one
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
        sure = self._sure(head, judged)
        if sure is not None:
            return sure
        dear = judged.logits[-1]  # the encoder's, as no step before was sure
        level = float(dear[len(self.card.heads) + HARM.index(head)]) if head in HARM else None
        return _Said(float(dear[self._places[head]]), BY_ENCODER, level)


def _severity(said: _Said, score: float) -> int:
    """What the encoder says, kept on the side of the threshold where the score is."""
    level = 0 if said.severity is None else round(TOP * scored(said.severity, _PLAIN))
    return max(level, LEAST_SEVERITY) if score >= 0.5 else min(level, SAFE_SEVERITY)
