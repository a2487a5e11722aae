"""What a detector asks of a model: passages in, one opinion per category out.

A model is handed to the detector that needs it, so the detector knows no runtime and is tested with a table.
It does not say how a model is made or run: that is ``safety.models``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Literal, Protocol

from safety.types import Origin

SHIPPED, NONE = "shipped", "none"
EVEN = 0.5  # as likely as not
SHIELD = ("prompt_attack", "indirect_attack")  # attacks in what is said, and in what is read
HARM = ("hate", "sexual", "violence", "self_harm")
Provider = Literal["cpu", "cuda", "openvino"]


class Role(IntEnum):
    """How a text reaches the model. The same sentence is an order when said and an attack when read."""

    SAID = 0  # by the user or the assistant
    READ = 1  # in a document or a tool's result

    @classmethod
    def of(cls, origin: Origin) -> Role:
        """The role of a text of ``origin``."""
        return cls.READ if origin in (Origin.DOCUMENT, Origin.TOOL_RESULT) else cls.SAID


@dataclass(frozen=True, slots=True)
class Passage:
    """One text in one role, of any length."""

    text: str
    role: Role


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a model thinks of a passage in one category.

    ``score`` is 0 to 1, and 0.5 is the model's own threshold. ``[start, end)`` is the part of the passage
    that brought it about (code points); ``severity`` 0 to 7, for kinds of harm. ``by`` names the step of the
    cascade that was sure enough.
    """

    score: float
    start: int
    end: int
    severity: int | None = None
    by: str = ""


class Scorer(Protocol):
    """A model, ready to be asked from many threads at a time."""

    @property
    def label(self) -> str:
        """``name@version``: whose opinions these are. Differs whenever an opinion may."""
        ...

    @property
    def quick(self) -> Scorer:
        """The same opinions, less sure and at a fraction of the cost, for putting many texts in order; itself
        if there is nothing cheaper."""
        ...

    def score(
        self, passages: Sequence[Passage], wanted: Collection[str] | None = None
    ) -> Sequence[Mapping[str, Opinion]]:
        """One mapping per passage, in order: category to opinion.

        ``wanted``: the categories that matter to the caller (``None``: all); others may be left out. A
        category that says nothing about a passage in its role is absent. No part of a passage goes unread.
        Raises when the model cannot be run.
        """
        ...


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """Options of every detector that asks a model.

    ``model``: ``shipped``, ``none``, ``hf:organisation/name`` (a sequence classifier for transformers, extra
    ``torch``), the path of an ONNX file with its ``tokenizer.json`` beside it, or a folder that ``train``
    made. ``labels``: for a model from elsewhere, its labels and the category that each speaks for.
    ``threshold``: the probability of such a model that becomes the score 0.5. ``provider``: what the model
    runs on. ``threads``: per call; 0 is as many as pay. ``min_score``: the least score that is reported.
    """

    model: str | Path = SHIPPED
    labels: Mapping[str, str] = field(default_factory=dict)
    threshold: float = EVEN
    provider: Provider = "cpu"
    threads: int = 0
    min_score: float = 0.3
