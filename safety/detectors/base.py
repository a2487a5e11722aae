"""What a detector is: texts in, findings out; it never sees a wire type or a policy."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Self

from safety.types import Exchange, Finding, Segment


class Scope(StrEnum):
    """What a finding may depend on.

    ``SEGMENT``: on the text and origin of one segment alone, so that it may be remembered by content.
    ``EXCHANGE``: on other segments, the context or the labels too.
    """

    SEGMENT = "segment"
    EXCHANGE = "exchange"


@dataclass(frozen=True, slots=True)
class Driver:
    """Words that brought a finding about: ``[start, end)`` of the segment's text in code points, and by how
    much the score falls without them (0 to 1)."""

    start: int
    end: int
    fall: float


@dataclass(frozen=True, slots=True)
class NoOptions:
    """For detectors that have nothing to set."""


class Detector(ABC):
    """One check. Built once per policy, then called from many threads at a time.

    Class attributes:
        name: the key under ``detectors:`` in a policy.
        version: raise it whenever the same text can get another finding; it is part of the memo's key.
        categories: every category it can emit, each to its last part (``pii.IBAN_CODE``): a rule that names
            anything else is refused. What the options leave of them is ``categories_of``.
        scope: see ``Scope``.
        dear: true when a call costs milliseconds; it then gets a worker of its own.
        uses: the names of other detectors that it wants to ask; see ``make``.
        Options: a frozen dataclass with defaults; the policy's ``detectors.<name>`` is checked against it.
    """

    name: ClassVar[str]
    version: ClassVar[str] = "1"
    categories: tuple[str, ...]
    scope: ClassVar[Scope] = Scope.SEGMENT
    dear: ClassVar[bool] = False
    uses: ClassVar[tuple[str, ...]] = ()
    Options: ClassVar[type[Any]] = NoOptions

    def __init__(self, options: Any = None) -> None:
        self.options = self.Options() if options is None else options
        self.categories = self.categories_of(self.options)

    @classmethod
    def categories_of(cls, options: Any) -> tuple[str, ...]:
        """The categories it can emit with these options; for most detectors, all it ever can."""
        return cls.categories

    @classmethod
    def make(cls, options: Any, others: Mapping[str, Detector]) -> Self:
        """An instance for a policy. ``others`` are those named in ``uses``, by name, with the options the
        policy has for them; they use none themselves."""
        return cls(options)

    @property
    def label(self) -> str:
        """``name@version``, as outcomes and events carry it."""
        return f"{self.name}@{self.version}"

    @abstractmethod
    def detect(self, batch: Sequence[Exchange]) -> Sequence[Sequence[Finding]]:
        """One list of findings per exchange, in order.

        Judges ``exchange.segments`` and may read ``exchange.context``. A finding of a ``SEGMENT`` detector
        carries a span (``segment.span(...)`` or ``segment.whole()``). May raise: that is recorded as
        *failed*, never taken for clean.
        """

    def pending(self, text: str) -> int | None:
        """Where, in a text that is still growing, a finding may have begun that is not complete yet.

        The stream gate releases nothing from there on. ``None``: nothing is open. Must not depend on what
        comes later, and may only be called on text that ends where a sentence ends.
        """
        return None

    def why(self, segment: Segment, finding: Finding) -> Sequence[Driver]:
        """The words of ``segment`` that drove the score of one of this detector's findings in it, those that
        count most first. Nothing where the finding's place says it all. May cost many times a judgement: for
        a person who asks, not for a request."""
        return ()
