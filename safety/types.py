"""The nouns that flow through the guard: frozen values, standard library only.

Nothing here does anything: deciding is in ``policy.model``, running in ``guard``. Offsets are code
points of the original text, half open; only wire code converts to UTF-8 or UTF-16 offsets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum


class Origin(StrEnum):
    """Where a text came from. Rules are written per origin."""

    SYSTEM = "system"
    USER = "user"
    DOCUMENT = "document"
    TOOL_RESULT = "tool_result"
    TOOL_DEFINITION = "tool_definition"
    ASSISTANT = "assistant"
    REASONING = "reasoning"
    TOOL_CALL = "tool_call"


class Stage(StrEnum):
    """Which half of an exchange is judged: what goes to the model, or what came from it."""

    INPUT = "input"
    OUTPUT = "output"


class Action(IntEnum):
    """What a rule asks for. Ordered: the strictest wins."""

    ALLOW = 0
    ANNOTATE = 1
    REDACT = 2
    BLOCK = 3

    def __str__(self) -> str:
        return self.name.lower()

    @classmethod
    def parse(cls, name: str) -> Action:
        """``"block"`` -> ``Action.BLOCK``; ``KeyError`` for any other word."""
        return cls[name.upper()]


class Ran(StrEnum):
    """Whether a detector that should have run did. Anything but ``OK`` is not clean."""

    OK = "ok"
    FAILED = "failed"  # it raised, or returned nonsense
    LATE = "late"  # its timeout or the policy's deadline passed
    SKIPPED = "skipped"  # it was not started, for the reason in ``Outcome.error``


@dataclass(frozen=True, slots=True)
class Span:
    """``[start, end)`` in code points of the string at JSON pointer ``path`` of the wire body."""

    path: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Segment:
    """The unit that is scanned: one text of one origin.

    ``start`` is where ``text`` begins inside the string at ``path``: not 0 when a string holds more
    than one origin (a question with documents embedded in it). ``judged``: in a window of a stream, so much
    of ``text`` was in an earlier window; it is there for what reaches across.
    """

    path: str
    origin: Origin
    text: str
    start: int = 0
    judged: int = 0

    def span(self, start: int, end: int) -> Span:
        """``text[start:end]`` as a span of the wire string."""
        return Span(self.path, self.start + start, self.start + end)

    def whole(self) -> Span:
        """The span of the whole segment."""
        return self.span(0, len(self.text))

    def holds(self, span: Span) -> bool:
        """Whether ``span`` begins inside this segment."""
        if span.path != self.path or span.start < self.start:
            return False
        end = self.start + len(self.text)
        return span.start < end or span.start == span.end == end

    def excerpt(self, span: Span) -> str:
        """The part of ``text`` that ``span`` covers."""
        return self.text[max(span.start - self.start, 0) : max(span.end - self.start, 0)]


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of an answer as it streams: ``text`` is appended to the string that will stand at ``path`` of
    the whole answer. ``choice`` groups the paths that are stopped together."""

    path: str
    origin: Origin
    text: str
    choice: int = 0


@dataclass(frozen=True, slots=True)
class Exchange:
    """What is judged at one stage.

    ``segments`` are judged; ``context`` is what went before (at ``output``: the input segments) and is
    read for comparison only. ``labels`` say who and where: route, model, tenant, user, conversation.
    """

    id: str
    stage: Stage
    segments: tuple[Segment, ...]
    context: tuple[Segment, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    # Filled when first asked: thousands of findings in thousands of segments must not be compared in pairs.
    _by_path: dict[str, list[Segment]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def segment_at(self, span: Span) -> Segment | None:
        """The judged segment in which ``span`` begins."""
        if not self._by_path:
            found: dict[str, list[Segment]] = {}
            for segment in self.segments:
                found.setdefault(segment.path, []).append(segment)
            self._by_path.update(found)
        return next((one for one in self._by_path.get(span.path, ()) if one.holds(span)), None)


def below(category: str, root: str) -> bool:
    """Whether ``category`` is ``root`` or lies under it (``pii`` covers ``pii.IBAN_CODE``)."""
    return category == root or category.startswith(root + ".")


@dataclass(frozen=True, slots=True)
class Finding:
    """What a detector saw.

    ``category`` is dotted, general first (``pii.EMAIL_ADDRESS``). ``score`` is 0 to 1, ``severity`` 0 to 7
    or none. ``evidence`` names what matched and never quotes the text (it may be logged); ``detail`` says
    it in words, may quote, and is masked wherever the text would be. ``support`` is the nearest evidence
    in another segment. ``words`` are those parts of the span that it is about, where not all of it is;
    ``correction`` is what may stand in its place. A finding without a span speaks of the exchange as a whole.
    """

    detector: str
    category: str
    score: float = 1.0
    span: Span | None = None
    severity: int | None = None
    evidence: str = ""
    detail: str = ""
    support: Span | None = None
    words: tuple[Span, ...] = ()
    correction: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the run of one detector went. ``detector`` is ``name@version``; ``cached`` counts segments
    answered from the memo; ``open`` are the ends of growing texts in which a finding may have begun that is
    not complete (windows of a stream only)."""

    detector: str
    findings: tuple[Finding, ...] = ()
    ran: Ran = Ran.OK
    error: str | None = None
    seconds: float = 0.0
    cached: int = 0
    open: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace ``span`` by ``replacement``; applied once, at the edge."""

    span: Span
    replacement: str


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule that fired on a finding. ``enforced`` is false in monitor mode; ``excused`` is the reason of
    the exception that let it pass."""

    rule: str
    action: Action
    finding: Finding
    enforced: bool = True
    excused: str | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The only thing a door looks at. ``would`` is the action if nothing were in monitor mode."""

    exchange: Exchange
    policy: str
    action: Action
    would: Action
    hits: tuple[Hit, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    edits: tuple[Edit, ...] = ()
    seconds: float = 0.0

    @property
    def id(self) -> str:
        """The exchange's id: what ``x-safety-event-id`` carries."""
        return self.exchange.id

    @property
    def blocked(self) -> bool:
        """Whether the text must not go on."""
        return self.action is Action.BLOCK

    @property
    def complete(self) -> bool:
        """Whether every detector that should have run did."""
        return all(outcome.ran is Ran.OK for outcome in self.outcomes)

    @property
    def deciding(self) -> tuple[Hit, ...]:
        """The hits that brought the action about."""
        return tuple(
            hit for hit in self.hits if hit.enforced and hit.excused is None and hit.action is self.action
        )

    @property
    def message(self) -> str:
        """What to tell the caller: the first deciding rule's message."""
        return next((hit.message for hit in self.deciding if hit.message), "")


@dataclass(frozen=True, slots=True)
class DocumentMarks:
    """How documents are told from the text around them.

    ``tags`` are element names whose content is a document, in a user message or closed in a system message;
    ``pointers`` are JSON pointers into the request (``*`` for any one key or index).
    """

    tags: tuple[str, ...] = ("documents", "document")
    pointers: tuple[str, ...] = ()
