"""What came out of the training of a shipped model and is needed to run it: its card, as data.

The card for people, with sources, figures and known failures, is ``CARD.md`` beside it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path

from safety.errors import ConfigError
from safety.models.heads import HEADS

WEIGHTS = Path(__file__).parent / "weights"
LOWER, UPPER = "encoder-lower.onnx", "encoder-upper.onnx"
TOKENIZER, CHEAP, CARD = "tokenizer.json", "cheap.npz", "card.json"
STEPS = ("cheap", "early")  # that a text may leave after: the cheap model, and the encoder's first layers


@dataclass(frozen=True, slots=True)
class Scale:
    """How a head's logit becomes a score: ``1 / (1 + exp(-(logit - threshold) / spread))``, so that 0.5 is
    the shipped threshold."""

    threshold: float = 0.0
    spread: float = 1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.threshold) and 0 < self.spread < math.inf):
            raise ValueError(f"{self}: allowed are finite numbers, and a spread above 0")


def scored(logit: float, scale: Scale) -> float:
    """A head's logit as a score."""
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, (logit - scale.threshold) / scale.spread))))


@dataclass(frozen=True, slots=True)
class Exit:
    """Where a step is sure enough that the next is not asked: at logits below ``low`` (harmless) and above
    ``high`` (not). ``None``: never."""

    low: float | None = None
    high: float | None = None

    def sure(self, logit: float) -> bool:
        """Whether ``logit`` is beyond a bound."""
        return (self.low is not None and logit < self.low) or (self.high is not None and logit > self.high)


Exits = Mapping[str, Mapping[str, Exit]]  # by step and head
NEVER: Exits = {}


def exit_at(exits: Exits, step: str, head: str) -> Exit:
    """Where a head is left after a step; never, where nothing is said."""
    return exits.get(step, {}).get(head, Exit())


@dataclass(frozen=True, slots=True)
class Card:
    """``window`` and ``overlap`` are tokens, special ones not counted. ``exits`` are by step and head.
    ``files`` has the SHA-256 of each file by name."""

    name: str
    version: str
    heads: tuple[str, ...]
    window: int
    overlap: int
    scales: Mapping[str, Scale] = field(default_factory=dict)
    exits: Exits = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if sorted(self.heads) != sorted(HEADS):  # nothing would be found for one that is missing
            raise ValueError(f"heads: {self.heads}: allowed are {', '.join(HEADS)}, each once")
        for step in self.exits:
            if step not in STEPS:
                raise ValueError(f"exits: {step!r}: allowed are {', '.join(STEPS)}")
        if not 0 <= self.overlap < self.window:
            raise ValueError(f"overlap: {self.overlap}: allowed are 0 to {self.window - 1}")

    def to_json(self) -> str:
        """The card as it is stored."""
        return json.dumps(asdict(self), indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Card:
        """What ``to_json`` wrote. For anything else ``ValueError``, ``KeyError``, ``TypeError`` or
        ``AttributeError``."""
        data = json.loads(text)
        return cls(
            **{
                **data,
                "heads": tuple(data["heads"]),
                "scales": {head: Scale(**scale) for head, scale in data["scales"].items()},
                "exits": {
                    step: {head: Exit(**bounds) for head, bounds in heads.items()}
                    for step, heads in data["exits"].items()
                },
                "files": dict(data["files"].items()),
            }
        )


def read_card(folder: Path) -> Card:
    """The card in ``folder``. ``ConfigError`` when it cannot be read."""
    path = folder / CARD
    try:
        return Card.from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path}: not a model card: {error!r}") from error


def file_of(folder: Path, name: str, files: Mapping[str, str]) -> bytes:
    """The contents of one of a model's files. ``ConfigError`` when it is absent, or not the one that the card
    was written for, which has the SHA-256 of ``files``."""
    path = folder / name
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}: reinstall content-safety-layer") from error
    if files.get(name) != sha256(data).hexdigest():
        raise ConfigError(
            f"{path}: damaged: its SHA-256 is not the one in {CARD}: reinstall content-safety-layer"
        )
    return data
