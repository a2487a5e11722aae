"""What came out of a verifier's training and is needed to run it: its card, as data.

The card for people, with sources, figures and known failures, is ``CARD.md`` beside it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from safety.detectors.groundedness.verifier import Blend
from safety.errors import ConfigError
from safety.models.card import CARD
from safety.models.pairs import WINDOWS

PAIRS = "pairs.onnx"


@dataclass(frozen=True, slots=True)
class VerifierCard:
    """``window`` is tokens, special ones counted; ``blend`` is how its opinions go together with the exact
    checks. ``files`` has the SHA-256 of each file by name."""

    name: str
    version: str
    window: int
    blend: Blend = field(default_factory=Blend)
    files: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.window not in WINDOWS:
            raise ValueError(f"window: {self.window}: allowed are {WINDOWS[0]} to {WINDOWS[-1]}")

    def to_json(self) -> str:
        """The card as it is stored."""
        return json.dumps(asdict(self), indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> VerifierCard:
        """What ``to_json`` wrote. For anything else ``ValueError``, ``KeyError``, ``TypeError`` or
        ``AttributeError``."""
        data = json.loads(text)
        blend = data["blend"]
        curves = {
            kind: tuple((float(s), float(o)) for s, o in curve) for kind, curve in blend["curves"].items()
        }
        numbers = {name: float(value) for name, value in blend.items() if name != "curves"}
        drawn = [value for curve in curves.values() for point in curve for value in point]
        if not all(map(math.isfinite, (*numbers.values(), *drawn))):
            raise ValueError("blend: allowed are finite numbers")
        return cls(**{**data, "blend": Blend(**numbers, curves=curves), "files": dict(data["files"].items())})


def read_verifier_card(folder: Path) -> VerifierCard:
    """The card in ``folder``. ``ConfigError`` when it cannot be read."""
    path = folder / CARD
    try:
        return VerifierCard.from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path}: not a verifier's card: {error!r}") from error
