"""A sequence classifier as a scorer: labels to categories, windows to opinions. The runtime is handed in.

Knows no runtime and no file. It reads a text to its end, in windows, and keeps the loudest; what makes sense
only across two windows is not seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain
from typing import TYPE_CHECKING

from safety.detectors.model import SHIELD, ModelOptions, Opinion, Passage, Role
from safety.detectors.text import encodable
from safety.errors import ConfigError
from safety.models.heads import HEADS, attack
from safety.models.windows import batches, windows

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SIZE = 512  # tokens per window at most, special ones included: what most classifiers were trained on
OVERLAP = 64  # tokens that neighbouring windows share
BUDGET = 2048  # tokens per call, padding included: larger batches gain nothing on a CPU
MULTI = "multi_label_classification"  # transformers' word for labels that do not exclude each other
_REGRESSION = "regression"

Matrix = Sequence[Sequence[int]]
Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Tokens:
    """A text without special tokens: one id per token, and the code points it stands for, where the tokenizer
    says so."""

    ids: Sequence[int]
    offsets: Sequence[Range] | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """What goes around the tokens of a window: special tokens, ``size`` tokens in all, and the token to pad
    with (``None``: nothing is padded, so every row runs alone)."""

    before: tuple[int, ...]
    after: tuple[int, ...]
    size: int
    pad: int | None

    @property
    def room(self) -> int:
        """How many tokens of the text one window holds."""
        return self.size - len(self.before) - len(self.after)

    def around(self, ids: Sequence[int]) -> list[int]:
        """A row for the network."""
        return [*self.before, *ids, *self.after]


@dataclass(frozen=True, slots=True)
class Network:
    """A classifier on some runtime, called from many threads at a time.

    ``read`` makes tokens of texts, uncut. ``forward`` takes ids and mask, both rows x width, and returns
    logits, rows x labels.
    """

    read: Callable[[Sequence[str]], list[Tokens]]
    forward: Callable[[Matrix, Matrix], list[list[float]]]
    frame: Frame


@dataclass(frozen=True, slots=True)
class Head:
    """What the logits say: the columns of each category, whether labels may hold together (``multi``), and
    the probability that becomes 0.5."""

    columns: Mapping[str, tuple[int, ...]]
    multi: bool
    threshold: float

    def scores(self, logits: Sequence[float]) -> dict[str, float]:
        """A score per category. Of labels that exclude each other the probabilities add up; of others the
        largest counts."""
        likely = probabilities(logits, multi=self.multi)
        pooled = max if self.multi else math.fsum
        return {
            category: shifted(pooled(likely[column] for column in columns), self.threshold)
            for category, columns in self.columns.items()
        }


class Classifier:
    """``safety.detectors.model.Scorer`` for any ``Network``."""

    def __init__(self, name: str, network: Network, head: Head, content: Iterable[bytes]) -> None:
        """``content``: all that the network was made of, for the version in the label."""
        self._network = network
        self._head = head
        self.label = f"{name}@{_digest(chain([repr((head, network.frame)).encode()], content))}"
        shields = SHIELD if any(category in SHIELD for category in head.columns) else ()
        self.categories = (*shields, *(category for category in head.columns if category not in SHIELD))

    @property
    def quick(self) -> Classifier:
        """Itself: there is nothing cheaper."""
        return self

    def score(
        self, passages: Sequence[Passage], wanted: Collection[str] | None = None
    ) -> list[dict[str, Opinion]]:
        """See ``Scorer``. Also raises when the network answers with what is no number."""
        heard = set(self.categories).intersection(self.categories if wanted is None else wanted)
        if not heard:
            return [{} for _ in passages]
        tokens = self._network.read([encodable(passage.text) for passage in passages])
        room = self._network.frame.room
        cuts = [windows(len(one.ids), room, overlap=min(OVERLAP, room // 4)) for one in tokens]
        pieces = [one.ids[start:end] for one, cut in zip(tokens, cuts, strict=True) for start, end in cut]
        answers = iter(run(self._network, pieces))
        found = []
        for passage, one, cut in zip(passages, tokens, cuts, strict=True):
            places = [_place(window, one, passage.text) for window in cut]
            said = opinions(self._head, passage.role, places, [next(answers) for _ in cut])
            found.append({category: said[category] for category in said if category in heard})
        return found


def run(network: Network, pieces: Sequence[Sequence[int]]) -> list[list[float]]:
    """The logits of each piece, in order; pieces of similar length run together."""
    rows = [network.frame.around(piece) for piece in pieces]
    budget = 0 if network.frame.pad is None else BUDGET
    answers: dict[int, list[float]] = {}
    for batch in batches([len(row) for row in rows], budget):
        logits = network.forward(*padded([rows[at] for at in batch], network.frame.pad or 0))
        answers.update(zip(batch, logits, strict=True))
    return [answers[at] for at in range(len(rows))]


def padded(rows: Matrix, pad: int) -> tuple[Matrix, Matrix]:
    """Ids, each row as long as the longest, and the mask: 1 for what is to be read."""
    width = max(map(len, rows))
    ids = [[*row, *[pad] * (width - len(row))] for row in rows]
    mask = [[1] * len(row) + [0] * (width - len(row)) for row in rows]
    return ids, mask


def opinions(
    head: Head, role: Role, places: Sequence[Range], logits: Sequence[Sequence[float]]
) -> dict[str, Opinion]:
    """One opinion per category that speaks in ``role``: that of the loudest window, the first of equals.
    ``places`` and ``logits`` have one entry per window."""
    scores = [head.scores(row) for row in logits]
    spoken: dict[str, Opinion] = {}
    for category in head.columns:
        if said := said_of(category, role, head.columns):
            score, place = max(
                zip((each[category] for each in scores), places, strict=True), key=lambda pair: pair[0]
            )
            spoken[said] = Opinion(score, *place)
    return spoken


def said_of(category: str, role: Role, named: Collection[str]) -> str | None:
    """What ``category`` means for a text in ``role``; ``None``: nothing.

    A shield model that knows one notion of attack means by it whichever attack the role can carry. One that
    knows both (they are both in ``named``) keeps them apart. Harm is harm in any role.
    """
    here = attack(role)
    if category not in SHIELD or category == here:
        return category
    return None if here in named else here


def probabilities(logits: Sequence[float], *, multi: bool) -> list[float]:
    """Sigmoid of each logit if ``multi``, else softmax over all. ``ValueError`` for NaN or infinity: a model
    that overflows has judged nothing."""
    if not all(map(math.isfinite, logits)):
        raise ValueError(f"the model answered {list(logits)}: allowed are finite numbers")
    if multi:
        return [_sigmoid(logit) for logit in logits]
    top = max(logits)
    weights = [math.exp(logit - top) for logit in logits]
    total = math.fsum(weights)
    return [weight / total for weight in weights]


def _sigmoid(logit: float) -> float:
    """1 / (1 + e^-x), without overflow on either side."""
    small = math.exp(-abs(logit))
    return (1 if logit >= 0 else small) / (1 + small)


def shifted(probability: float, threshold: float) -> float:
    """The score of a probability: ``threshold`` becomes 0.5, while 0 and 1 stay; monotone and continuous.

    logit(score) = logit(p) - logit(t), which is score = p(1-t) / (p(1-t) + t(1-p)): no logarithm that could
    meet 0. ``0 < threshold < 1``.
    """
    p = min(probability, 1.0)  # a sum of probabilities can be one bit above
    yes, no = p * (1 - threshold), (1 - p) * threshold
    return yes / (yes + no)


def make_head(model: str, names: Sequence[str], problem: str | None, options: ModelOptions) -> Head:
    """What ``model``, with the labels ``names`` in the order of its logits, says under ``options``.

    ``problem``: transformers' ``problem_type``. ``ConfigError`` for a label or category that is not there, a
    threshold that is none, a model that does not classify.
    """
    if problem == _REGRESSION:
        raise ConfigError(f"model: {model} predicts a quantity: allowed are models that classify")
    if not 0 < options.threshold < 1:
        raise ConfigError(f"threshold: {options.threshold} is none: allowed are numbers between 0 and 1")
    columns = _columns(model, names, options.labels)
    return Head(columns, multi=problem == MULTI or len(names) == 1, threshold=options.threshold)


def _columns(model: str, names: Sequence[str], labels: Mapping[str, str]) -> dict[str, tuple[int, ...]]:
    chosen = labels or {name: name.lower() for name in names if name.lower() in HEADS}
    if not chosen:
        raise ConfigError(
            f"labels: missing, and no label of {model} is a category: write `labels: {{LABEL: category}}`; "
            f"its labels are {', '.join(names)}; categories are {', '.join(HEADS)}"
        )
    found: dict[str, set[int]] = {}
    for label, category in chosen.items():
        if category not in HEADS:
            raise ConfigError(f"labels: {label}: no category {category!r}: allowed are {', '.join(HEADS)}")
        found.setdefault(category, set()).add(_column(model, names, label))
    return {category: tuple(sorted(columns)) for category, columns in found.items()}


def _column(model: str, names: Sequence[str], label: str) -> int:
    """Where ``label`` stands: a name in any case, ``LABEL_1`` or ``1``. Names win over numbers."""
    spellings = {str(at): at for at in range(len(names))}
    spellings |= {f"label_{at}": at for at in range(len(names))}
    spellings |= {name.lower(): at for at, name in enumerate(names)}
    if label.lower() not in spellings:
        raise ConfigError(f"labels: {label}: {model} has no such label: allowed are {', '.join(names)}")
    return spellings[label.lower()]


def make_frame(encode: Callable[[str, bool], Sequence[int]], size: int, pad: int | None) -> Frame:
    """The frame that a tokenizer puts around a text. ``encode``: text, and whether special tokens are added.
    ``ConfigError`` when nothing of a text would fit, or it is not put between special tokens."""
    bare, full = tuple(encode("a", False)), tuple(encode("a", True))
    for at in range(len(full) - len(bare) + 1):
        if full[at : at + len(bare)] == bare:
            frame = Frame(full[:at], full[at + len(bare) :], size, pad)
            if frame.room > 0:
                return frame
    raise ConfigError(
        f"tokenizer: makes {len(full)} tokens of a letter, {len(bare)} without special ones, for {size} "
        "positions: allowed are tokenizers that put a text between special tokens, and leave room for it"
    )


def reader(tokenizer: Tokenizer) -> Callable[[Sequence[str]], list[Tokens]]:
    """``Network.read`` of a tokenizer from the tokenizers library.

    Cutting and padding, which published files often ask for, are switched off once and here: changing a
    tokenizer while another thread encodes is an error in that library.
    """
    tokenizer.no_truncation()
    tokenizer.no_padding()

    def read(texts: Sequence[str]) -> list[Tokens]:
        encodings = tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [Tokens(encoding.ids, encoding.offsets) for encoding in encodings]

    return read


def try_out(network: Network, model: str) -> int:
    """How many labels it answers with. Runs the longest window there can be, beside a short one: what fails
    for long texts only is to fail here and not at a request. ``ConfigError`` when it does."""
    letter = network.read(["a"])[0].ids[:1] or network.frame.before[:1]
    try:
        return len(run(network, [letter, [*letter] * network.frame.room])[0])
    except Exception as error:  # whatever the runtime raises
        raise ConfigError(
            f"model: {model} cannot read {network.frame.size} tokens ({one_line(error)}): allowed are models "
            f"for as many tokens as `max_position_embeddings` in config.json says, or {SIZE}"
        ) from error


def one_line(error: Exception) -> str:
    """What ``error`` says, on one line."""
    return " ".join(str(error).split()) or type(error).__name__


def _place(window: Range, tokens: Tokens, text: str) -> Range:
    """The code points of ``text`` that a window covers: all of it where the tokenizer does not say."""
    offsets = (tokens.offsets or ())[slice(*window)]
    start, end = (offsets[0][0], offsets[-1][1]) if offsets else (0, 0)
    return (start, end) if start < end else (0, len(text))


def _digest(parts: Iterable[bytes]) -> str:
    whole = sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8))  # so that no two lists run into the same bytes
        whole.update(part)
    return whole.hexdigest()[:12]
