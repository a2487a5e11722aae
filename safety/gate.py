"""The stream gate: holds back what is not yet judged. Pure: no clock, no I/O, no detectors.

An answer arrives as items (server-sent events, strings), each carrying deltas of one or more growing
texts. The gate cuts each text at sentence ends, hands out what is due to be judged, and releases items in
their order once all their text is judged. Where it cuts depends on the text alone, never on how it was
chunked, so any chunking gives the same judgements and the same released text.

Windows overlap, so that a finding across a sentence end is seen; the whole answer is judged once more when
it is complete, so the verdict is the one the whole would get.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeAlias, TypeVar

from safety.policy.model import StreamMode, StreamPolicy
from safety.redact import merge_edits
from safety.sentences import boundaries
from safety.types import Action, Delta, Edit, Exchange, Hit, Origin, Outcome, Segment, Span, Stage, Verdict

T = TypeVar("T")

# A sentence end near ``max_hold`` may need what follows to be recognised; more is never waited for.
LOOKAHEAD = 200
# An unfinished finding is waited for over at most so many windows' worth of text.
MAX_PENDING = 8


@dataclass(frozen=True, slots=True)
class Released(Generic[T]):
    """An item that may go out. ``texts`` replaces its deltas' texts, one each; ``None``: unchanged."""

    item: T
    texts: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Cut:
    """Here the answer of ``choices`` ends: nothing of theirs follows."""

    choices: tuple[int, ...]
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Note:
    """A footnote to the answer of ``choice``: rules that annotate what was released before it."""

    choice: int
    verdict: Verdict
    hits: tuple[Hit, ...]


Outgoing: TypeAlias = Released[T] | Cut | Note


@dataclass(frozen=True, slots=True)
class _Held(Generic[T]):
    item: T
    deltas: tuple[tuple[_Channel, int, str], ...]  # channel, where the text begins in it, text
    choices: frozenset[int]  # the answers it speaks of


@dataclass(slots=True)
class _Channel:
    """One growing text. All positions count code points from its beginning."""

    path: str
    origin: Origin
    choice: int
    parts: list[str] = field(default_factory=list)
    tail: str = ""  # the text from ``base`` on
    base: int = 0
    length: int = 0
    cuts: list[int] = field(default_factory=lambda: [0])  # where windows ended; the last is due up to
    judged: int = 0
    open: int | None = None  # where a finding may have begun that no window has completed
    releasable: int = 0
    edits: list[Edit] = field(default_factory=list)

    def add(self, text: str, windowed: bool) -> int:
        """Append; returns where ``text`` begins."""
        at = self.length
        self.parts.append(text)
        if windowed:
            self.tail += text
        self.length += len(text)
        return at

    def segment(self, start: int, end: int) -> Segment:
        """A window as a segment."""
        text = self.tail[start - self.base : end - self.base]
        return Segment(self.path, self.origin, text, start, max(self.judged - start, 0))

    def whole(self) -> Segment:
        """All there is so far."""
        return Segment(self.path, self.origin, "".join(self.parts))

    def cut(self, max_hold: int) -> int | None:
        """Where the next window ends, or ``None`` when more text is needed to say."""
        begin = self.cuts[-1]
        rest = self.tail[begin - self.base : begin - self.base + max_hold + LOOKAHEAD]
        end = next(iter(boundaries(rest)), None)
        if end is not None and end <= max_hold:
            return begin + end
        if len(rest) < max_hold + LOOKAHEAD:
            return None
        blank = max(rest.rfind(" ", 0, max_hold), rest.rfind("\n", 0, max_hold))
        return begin + (blank + 1 if blank > 0 else max_hold)

    def next_window(self, policy: StreamPolicy) -> Segment | None:
        """The next window: the new sentence, with judged text before it for overlap."""
        end = self.cut(policy.max_hold)
        if end is None:
            return None
        start = self.cuts[-1]
        reach = min(start - policy.overlap, start if self.open is None else self.open)
        for earlier in reversed(self.cuts[:-1]):
            if start <= reach:
                break
            start = earlier
        self.cuts = [c for c in self.cuts if c >= start] + [end]
        if start - self.base > len(self.tail) // 2:  # not at every window: each time is a copy of the rest
            self.tail = self.tail[start - self.base :]
            self.base = start
        return self.segment(start, end)


class Gate(Generic[T]):
    """The gate of one answer. ``request`` is the exchange at input; ``choices`` is how many answers were
    asked for."""

    def __init__(self, request: Exchange, policy: StreamPolicy, choices: int = 1) -> None:
        self._output = replace(
            request,
            stage=Stage.OUTPUT,
            segments=(),
            context=request.context + request.segments,
        )
        self._policy = policy
        self._choices = choices
        self._channels: dict[str, _Channel] = {}
        self._queue: deque[_Held[T] | Cut | Note] = deque()
        self._noted: set[tuple[str, Span]] = set()
        self._stopped: set[int] = set()
        self._closed = False
        self._settled = False

    @property
    def over(self) -> bool:
        """Whether every choice has been stopped."""
        return len(self._stopped) >= self._choices

    def so_far(self) -> Exchange:
        """All text that has arrived, as one exchange at output."""
        segments = tuple(c.whole() for c in self._channels.values() if c.length)
        return replace(self._output, segments=segments)

    def feed(self, item: T, deltas: Iterable[Delta], choices: Iterable[int] = ()) -> None:
        """An item has arrived; ``choices`` are those it speaks of without a delta (how one of them ended)."""
        held = []
        for delta in deltas:
            channel = self._channels.get(delta.path)
            if channel is None:
                channel = _Channel(delta.path, delta.origin, delta.choice)
                self._channels[delta.path] = channel
            held.append((channel, channel.add(delta.text, self._cuts(channel)), delta.text))
        spoken_of = frozenset(choices) | {channel.choice for channel, _, _ in held}
        self._queue.append(_Held(item, tuple(held), spoken_of))

    def close(self) -> None:
        """No more items will arrive."""
        self._closed = True

    def due(self) -> list[Exchange]:
        """What must be judged before anything else can leave. Each is to be settled, in this order."""
        if self.over or self._settled:
            return []
        if self._closed:
            return [self.so_far()]
        windows = []
        for channel in self._channels.values():
            if not self._cuts(channel) or channel.choice in self._stopped:
                continue
            if channel.judged < channel.cuts[-1]:
                continue  # how far back the next window must reach is known when the last one is settled
            if (window := channel.next_window(self._policy)) is not None:
                windows.append(replace(self._output, segments=(window,)))
        return windows

    def _cuts(self, channel: _Channel) -> bool:
        """Whether the channel's text is judged in windows. Arguments of a tool call are not: they are of no
        use before they are complete, and what they carry out is only seen in complete JSON."""
        return self._policy.mode is not StreamMode.BUFFERED and channel.origin is not Origin.TOOL_CALL

    def settle(self, window: Exchange, verdict: Verdict) -> None:
        """``window`` was judged. Where a finding may have begun that is not complete (``Outcome.open``),
        nothing leaves from there on."""
        if self._closed:
            self._settled = True
        holding = self._policy.mode is not StreamMode.OBSERVE
        stop = self._blocked(window, verdict) if verdict.blocked and holding else set()
        for segment in window.segments:
            channel = self._channels[segment.path]
            if channel.choice in stop | self._stopped:
                continue
            if holding and not self._edit(channel, verdict.edits):
                stop.add(channel.choice)
                continue
            channel.judged = max(channel.judged, segment.start + len(segment.text))
            channel.releasable = self._limit(channel, verdict.outcomes)
        if stop - self._stopped:
            self._queue.append(Cut(tuple(sorted(stop - self._stopped)), verdict))
            self._stopped |= stop
        self._queue.extend(self._notes(verdict))

    def _notes(self, verdict: Verdict) -> list[Note]:
        """The footnotes that are due: one per choice that goes on, each rule and place once."""
        due: dict[int, list[Hit]] = {}
        for hit in verdict.hits:
            span = hit.finding.span
            if span is None or hit.action is not Action.ANNOTATE or not hit.enforced or hit.excused:
                continue
            channel = self._channels.get(span.path)
            if channel and channel.choice not in self._stopped and (hit.rule, span) not in self._noted:
                self._noted.add((hit.rule, span))
                due.setdefault(channel.choice, []).append(hit)
        return [Note(choice, verdict, tuple(hits)) for choice, hits in sorted(due.items())]

    def _blocked(self, window: Exchange, verdict: Verdict) -> set[int]:
        """The choices that the deciding findings point into; all of the window for one without a place."""
        paths = [hit.finding.span and hit.finding.span.path for hit in verdict.deciding]
        if not paths or any(path not in self._channels for path in paths):
            paths = [segment.path for segment in window.segments]
        return {self._channels[path].choice for path in paths if path}

    def _edit(self, channel: _Channel, edits: Sequence[Edit]) -> bool:
        """Note the edits; false when one begins in text that has left already and is not known: what
        should have been taken out is partly out, so the rest must not follow."""
        known = channel.edits  # sorted, none overlapping another
        for edit in edits:
            span = edit.span
            if span.path != channel.path:
                continue
            first = max(bisect_right(known, span.start, key=_start) - 1, 0)
            last = bisect_left(known, span.end, key=_start)
            if any(_inside(span, one.span) for one in known[first:last]):
                continue
            if span.start < channel.releasable:  # not what was sent: that depends on the chunks
                return False
            known[first:last] = merge_edits([*known[first:last], edit])
        return True

    def _limit(self, channel: _Channel, outcomes: Iterable[Outcome]) -> int:
        if self._closed:
            return channel.length
        open_from = [o.start for outcome in outcomes for o in outcome.open if o.path == channel.path]
        limit = min(channel.judged, *open_from) if open_from else channel.judged
        if channel.judged - limit > MAX_PENDING * self._policy.max_hold:
            limit = channel.judged
        channel.open = limit if limit < channel.judged else None
        at = bisect_left(channel.edits, limit, key=_start) - 1
        if at >= 0 and limit < channel.edits[at].span.end:
            limit = channel.edits[at].span.start
        return max(limit, channel.releasable)

    def release(self) -> list[Outgoing[T]]:
        """What may go out now, in order."""
        ready: list[Outgoing[T]] = []
        while self._queue:
            head = self._queue[0]
            if isinstance(head, Cut | Note):
                ready.append(head)
            elif self._policy.mode is StreamMode.OBSERVE:
                ready.append(Released(head.item))
            elif self._holds(head):
                break
            elif (piece := self._piece(head)) is not None:
                ready.append(piece)
            self._queue.popleft()
        return ready

    def _holds(self, held: _Held[T]) -> bool:
        if not held.deltas and self._policy.mode is StreamMode.BUFFERED and self._channels:
            return not (self._settled or self.over)
        return any(
            at + len(text) > channel.releasable and channel.choice not in self._stopped
            for channel, at, text in held.deltas
        )

    def _piece(self, held: _Held[T]) -> Released[T] | None:
        """The item as it may go out: edits applied, and cut off where a stopped choice ends. ``None`` when
        nothing of it may."""
        texts = tuple(_released_text(channel, at, text) for channel, at, text in held.deltas)
        gone = self.over or (held.choices and held.choices <= self._stopped)
        if gone and not any(texts):
            return None
        unchanged = all(new == old for new, (_, _, old) in zip(texts, held.deltas, strict=True))
        return Released(held.item, None if unchanged else texts)


def _start(edit: Edit) -> int:
    return edit.span.start


def _inside(inner: Span, outer: Span) -> bool:
    return inner.path == outer.path and outer.start <= inner.start and inner.end <= outer.end


def _released_text(channel: _Channel, at: int, text: str) -> str:
    """``text`` (at ``at`` of the channel) up to what may be released, with the edits applied: each
    replacement stands where its span begins, maybe in an earlier piece."""
    here, end = at, min(at + len(text), channel.releasable)
    parts: list[str] = []
    first = max(bisect_right(channel.edits, at, key=_start) - 1, 0)
    for edit in channel.edits[first : bisect_left(channel.edits, end, key=_start)]:
        span = edit.span
        if span.end <= here:
            continue
        if span.start >= here:
            parts += (text[here - at : span.start - at], edit.replacement)
        here = span.end
    if here < end:
        parts.append(text[here - at : end - at])
    return "".join(parts)
