"""Groundedness: what an answer says that its sources do not bear out.

The answer is cut into claims, each claim is laid beside the nearest sentences of the sources, what differs is
weighed by exact checks (numbers, dates, names, negations), and a model reads the claim beside its evidence.
The sources are the documents and tool results of the exchange. **Without sources there are no findings**:
there is nothing to be grounded in. Nothing is judged at the input stage.

A claim is judged with the sentence before it, where it refers back to that, so a window that begins and ends
where sentences do gets the findings of the whole as long as that sentence is in it. The price: what needs two
far places together, arithmetic or world knowledge is judged too harshly or not at all (``examples.py`` lists
what is missed).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal

from safety.detectors.base import Detector, Scope
from safety.detectors.groundedness.citations import miscited
from safety.detectors.groundedness.claims import claims_of
from safety.detectors.groundedness.correction import Corrector
from safety.detectors.groundedness.examine import Examined, Sources, examine
from safety.detectors.groundedness.index import Evidence
from safety.detectors.groundedness.passage import read
from safety.detectors.groundedness.second_opinion import Judge, second_opinions
from safety.detectors.groundedness.shelf import Shelf
from safety.detectors.groundedness.verifier import Verifier
from safety.detectors.groundedness.writer import Writer
from safety.detectors.model import NONE, SHIPPED, Provider
from safety.errors import ConfigError
from safety.types import Exchange, Finding, Origin, Segment, Span, Stage

ASKED = 2  # the latest texts of the user whose words may be repeated (one before, one after the documents)

Domain = Literal["generic", "medical"]
Task = Literal["qna", "summarization"]


@dataclass(frozen=True, slots=True)
class GroundednessOptions:
    """Options under ``detectors.groundedness``."""

    origins: tuple[Origin, ...] = (Origin.DOCUMENT, Origin.TOOL_RESULT)
    """Which segments of the request are sources; add ``system`` or ``user`` where facts stand there."""
    sources: tuple[str, ...] = ()
    """Texts that are always sources, beside those of the request."""
    min_claim_words: int = 2
    """Sentences with fewer content words, numbers and dates together are not judged."""
    strictness: float = 0.0
    """Added to every claim's log-odds: 1 makes doubtful claims findings, -1 lets more pass. -5 to 5."""
    min_score: float = 0.3
    """Claims that score less are not reported at all. 0 to 1."""
    model: str | Path = SHIPPED
    """``shipped``, ``none`` (exact checks alone), or a folder that ``safety-layer train`` wrote."""
    provider: Provider = "cpu"
    """What runs the model: ``cpu``, ``cuda`` (package onnxruntime-gpu) or ``openvino``."""
    threads: int = 0
    """Threads per call of the model; 0: one per core, up to four."""
    domain: Domain = "generic"
    """``medical`` for texts of medicine: with ``target_fpr``, its threshold is that of such texts."""
    task: Task = "qna"
    """What the answers are: ``qna`` answers to questions, ``summarization`` summaries."""
    target_fpr: float | None = None
    """The share of borne-out claims that may score 0.5 or more, as measured for ``domain`` and ``task``; left
    out: the model's own threshold. 0.001 to 0.5."""
    citations: Literal["ignore", "verify"] = "ignore"
    """``verify``: a sentence that cites a source, as in [2], must be borne out by that source."""
    correction: Literal["none", "extract", "endpoint"] = "none"
    """What findings offer in a claim's place: nothing, the sources' own words, or what a chat endpoint makes
    of the sentence; used by rules with ``correct: true``, and never without having been judged itself."""
    endpoint: str = ""
    """A chat completions endpoint (``http://localhost:8000/v1``), for corrections and the judge."""
    endpoint_model: str = ""
    """The model to ask there."""
    endpoint_key: str = ""
    """The environment variable that holds the endpoint's key."""
    endpoint_timeout: float = 5.0
    """Seconds for one answer of the endpoint. 0.1 to 120."""
    judge: bool = False
    """Ask the endpoint about claims that the model is not sure of."""
    judge_band: float = 0.2
    """How far from 0.5 a score may be to be asked about. 0 to 0.5."""
    judge_budget: int = 4
    """How many claims of one answer are asked about at most."""
    reasoning: bool = False
    """Put the nearest words of the sources into each finding's explanation."""

    def __post_init__(self) -> None:
        if self.min_claim_words < 1:
            raise ValueError(f"min_claim_words: {self.min_claim_words} is too few: 1 or more")
        if self.judge_budget < 0 or self.threads < 0:
            raise ValueError("judge_budget and threads: allowed are whole numbers from 0")
        for name, low, high in (
            ("strictness", -5, 5),
            ("min_score", 0, 1),
            ("judge_band", 0, 0.5),
            ("endpoint_timeout", 0.1, 120),
            ("target_fpr", 0.001, 0.5),
        ):
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise ValueError(f"{name}: {value} is out of range: {low} to {high}")
        if (self.judge or self.correction == "endpoint") and not (self.endpoint and self.endpoint_model):
            raise ValueError("endpoint and endpoint_model: missing: the judge and the correction ask it")
        if self.target_fpr is not None and self.model == NONE:
            raise ValueError("target_fpr: with model: none nothing is known of it: set strictness instead")


class Groundedness(Detector):
    """Ungrounded claims of an answer, each with its span, the wrong words, a reason and the nearest evidence.
    Whoever builds it hands it a ``verifier`` and a ``writer`` for its options."""

    name: ClassVar[str] = "groundedness"
    version: ClassVar[str] = "2"
    categories = ("ungrounded.contradiction", "ungrounded.not_mentioned", "ungrounded.citation")
    scope: ClassVar[Scope] = Scope.EXCHANGE
    dear = True
    Options = GroundednessOptions

    def __init__(
        self,
        options: GroundednessOptions | None = None,
        *,
        verifier: Verifier | None = None,
        writer: Writer | None = None,
    ) -> None:
        super().__init__(options)
        self.verifier, self.writer = verifier, writer
        self._index = Shelf().index
        self._judge = (
            Judge(writer, self.options.judge_band, self.options.judge_budget)
            if self.options.judge and writer is not None
            else None
        )
        self._shift = self.options.strictness - self._threshold()

    def _threshold(self) -> float:
        """The log-odds that become the score 0.5."""
        if self.options.target_fpr is None or self.verifier is None:
            return 0.0
        kind = f"{self.options.domain}/{self.options.task}"
        try:
            return self.verifier.blend.threshold(kind, self.options.target_fpr)
        except ValueError as error:
            raise ConfigError(f"target_fpr: the model knows nothing of {error}") from error

    @classmethod
    def categories_of(cls, options: GroundednessOptions) -> tuple[str, ...]:
        """Without ``citations: verify`` nothing is found about citations."""
        return cls.categories if options.citations == "verify" else cls.categories[:2]

    @property
    def label(self) -> str:
        """With the model's own."""
        return super().label if self.verifier is None else f"{super().label}+{self.verifier.label}"

    def detect(self, batch: Sequence[Exchange]) -> Sequence[Sequence[Finding]]:
        return [list(self._findings(exchange)) for exchange in batch]

    def _findings(self, exchange: Exchange) -> Iterator[Finding]:
        answers = [segment for segment in exchange.segments if segment.origin is Origin.ASSISTANT]
        if exchange.stage is not Stage.OUTPUT or not answers:
            return
        segments, sources = self.sources(exchange)
        if not sources.texts:
            return
        for answer in answers:
            examined = self.examined(answer.text, sources, answer.judged, alone=answer.start == 0)
            corrector = self.corrector(sources)
            for one in examined:
                if one.score >= self.options.min_score:
                    correction = None if corrector is None else corrector.correction(answer.text, one)
                    yield self._finding(answer, one, segments, sources, correction)
            if self.options.citations == "verify":
                yield from self._miscited(answer, examined, sources)

    def sources(self, exchange: Exchange) -> tuple[Sequence[Segment | None], Sources]:
        """What the exchange's answers are compared with, and the segment of each text (``None``: it stands in
        the policy)."""
        found = [s for s in exchange.context if s.origin in self.options.origins and s.text.strip()]
        texts = (*(segment.text for segment in found), *self.options.sources)
        users = [s.text for s in exchange.context if s.origin is Origin.USER]
        asked = frozenset(word.stem for text in users[-ASKED:] for word in read(text).words)
        question = users[-1].strip() if users else ""
        segments = (*found, *(None for _ in self.options.sources))
        return segments, Sources(texts, self._index(texts), asked, question)

    def examined(self, text: str, sources: Sources, judged: int = 0, *, alone: bool = True) -> list[Examined]:
        """Every claim of an answer that ends beyond ``judged``, in order, borne out or not. ``alone``: the
        text may be the whole answer."""
        claims = [c for c in claims_of(text, self.options.min_claim_words, alone=alone) if c.end > judged]
        found = list(examine(text, claims, sources, self.verifier, self._shift))
        if self._judge is not None:
            return second_opinions(text, found, sources, self._judge)
        return found

    def worst(self, text: str, sources: Sources) -> float:
        """The score of the most doubtful claim of a text; 1 for one that says nothing."""
        claims = list(claims_of(text, 1))
        found = examine(text, claims, sources, self.verifier, self._shift)
        return max((one.score for one in found), default=1.0)

    def alone(self, text: str, one: Examined, sources: Sources, numbers: Sequence[int]) -> float:
        """The score of a claim before some of the sources only (numbers from 0)."""
        texts = tuple(sources.texts[number] for number in numbers)
        few = replace(sources, texts=texts, index=self._index(texts))
        (found,) = examine(text, [one.claim], few, self.verifier, self._shift)
        return found.score

    def corrector(self, sources: Sources) -> Corrector | None:
        """What makes corrections of the kind the option ``correction`` names; ``None`` if that is none."""
        if self.options.correction == "none":
            return None
        writer = self.writer if self.options.correction == "endpoint" else None
        return Corrector(sources, lambda text: self.worst(text, sources), writer)

    def _finding(
        self,
        answer: Segment,
        one: Examined,
        segments: Sequence[Segment | None],
        sources: Sources,
        correction: str | None,
    ) -> Finding:
        kind = "contradiction" if one.contradicted else "not_mentioned"
        detail = one.reason.detail
        if self.options.reasoning and one.evidence is not None:
            best = one.evidence.best
            nearest = sources.texts[best.source][best.passage.start : best.passage.end]
            detail = f"{detail}; nearest in the sources: “{' '.join(nearest.split())}”"
        return Finding(
            self.name,
            f"ungrounded.{kind}",
            score=round(one.score, 4),
            span=answer.span(one.claim.start, one.claim.end),
            evidence=one.reason.reason,
            detail=detail,
            support=_support(segments, one.evidence),
            words=tuple(answer.span(start, end) for start, end in one.words),
            correction=correction,
        )

    def _miscited(self, answer: Segment, examined: Sequence[Examined], sources: Sources) -> Iterator[Finding]:
        def score(one: Examined, numbers: Sequence[int]) -> float:
            return self.alone(answer.text, one, sources, numbers)

        for wrong in miscited(answer.text, examined, len(sources.texts), score):
            yield Finding(
                self.name,
                "ungrounded.citation",
                score=round(wrong.score, 4),
                span=answer.span(wrong.start, wrong.end),
                evidence="citation",
                detail=wrong.why,
            )


def _support(segments: Sequence[Segment | None], evidence: Evidence | None) -> Span | None:
    """Where the nearest sentences stand in the request; ``None`` in a text of the policy."""
    segment = None if evidence is None else segments[evidence.best.source]
    if segment is None or evidence is None:
        return None
    return segment.span(evidence.near[0].passage.start, evidence.near[-1].passage.end)
