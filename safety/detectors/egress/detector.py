"""The detector: what each construct of an answer gives away, and to whom."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple, Self, cast

from safety.detectors.base import Detector, Scope
from safety.detectors.canary import Canary
from safety.detectors.egress.constructs import Construct, Kind, constructs
from safety.detectors.egress.opening import open_at
from safety.detectors.egress.payload import Part, Weight, parts
from safety.detectors.egress.seen import RUN, Finder, Seen, Squeezed, Trust, Value
from safety.detectors.egress.target import HIERARCHIC, Hosts, Target, parse
from safety.detectors.normalise import decoded
from safety.detectors.pii import Pii
from safety.detectors.secrets import Secrets
from safety.types import Exchange, Finding, Origin, Segment, Span, Stage

TOOL = "tool_argument"
KEPT = 8  # contexts remembered: a stream asks once per window with the same one
_JUDGED = frozenset((Origin.ASSISTANT, Origin.REASONING, Origin.TOOL_CALL))

# Score by how the address is reached, who named the host before, and what it carries (nothing, something
# opaque, something readable). 0 is no finding. What loads needs no click; a tool is called at once, but by
# the application, for a purpose.
_SCORES: dict[str, dict[Trust, tuple[float, float, float]]] = {
    "loads": {
        Trust.NOBODY: (0.5, 0.7, 0.9),
        Trust.OUTSIDE: (0.3, 0.6, 0.9),
        Trust.CALLER: (0.0, 0.3, 0.7),
    },
    "link": {Trust.NOBODY: (0.2, 0.4, 0.6), Trust.OUTSIDE: (0.0, 0.1, 0.5), Trust.CALLER: (0.0, 0.0, 0.4)},
    TOOL: {Trust.NOBODY: (0.0, 0.3, 0.5), Trust.OUTSIDE: (0.0, 0.1, 0.5), Trust.CALLER: (0.0, 0.0, 0.3)},
}
_DISGUISED_HOST = 0.6  # at least, for https://bank.example@evil.example/
_INSIDE = {"loads": 0.6, "link": 0.3, TOOL: 0.6}  # loopback and private addresses
_METADATA = 0.95
# What the words of the exchange score: in a path they may be the title of the page that is linked to.
_RUN_IN_PATH = {"loads": 0.8, "link": 0.4, TOOL: 0.4}
_RUN = {"loads": 0.95, "link": 0.95, TOOL: 0.6}
_VALUE = {"canary": 1.0, "secrets": 1.0}
_OTHER_VALUE = 0.95
# In the arguments of a tool call, and if the user gave it.
_ARGUMENT = {"canary": (0.95, 0.95), "secrets": (0.95, 0.6)}
_OTHER_ARGUMENT = (0.6, 0.3)
_SCHEMES = {"javascript": 0.9, "vbscript": 0.9, "data": 0.9, "file": 0.6}
_OTHER_SCHEME = 0.3
_HARMLESS = frozenset(("", "tel", "sms", "about", "cid"))
_PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/bmp")


@dataclass(frozen=True, slots=True)
class EgressOptions:
    """``allow_hosts``: where data may go, ``example.com`` (that host alone) or ``*.example.com`` (all below
    it). Cloud metadata addresses are reported even so."""

    allow_hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        Hosts(self.allow_hosts)


class Leak(NamedTuple):
    """What a payload shares with the exchange: the score, where the exchange has it, and what it is."""

    score: float
    support: Span
    what: str


class Egress(Detector):
    """Findings ``egress.markdown_image``, ``.link``, ``.html``, ``.tool_argument``, ``.scheme`` and
    ``.internal_address`` say how data could leave; ``egress.data`` that something of this exchange does, with
    its place there as ``support``. Each spans the whole construct."""

    name = "egress"
    categories = tuple(f"egress.{kind}" for kind in (*Kind, TOOL, "scheme", "internal_address", "data"))
    scope = Scope.EXCHANGE
    uses = ("canary", "secrets", "pii")
    Options = EgressOptions
    options: EgressOptions

    def __init__(self, options: EgressOptions | None = None, finders: Sequence[Finder] | None = None) -> None:
        """``finders`` say what is sensitive: by default all that ``canary``, ``secrets`` and ``pii`` find."""
        super().__init__(options)
        self._allowed = Hosts(self.options.allow_hosts)
        self.finders = (Canary(), Secrets(), Pii()) if finders is None else tuple(finders)
        self._seen = lru_cache(KEPT)(self._read)

    @classmethod
    def make(cls, options: Any, others: Mapping[str, Detector]) -> Self:
        """What is sensitive is what the policy's own ``canary``, ``secrets`` and ``pii`` find."""
        return cls(options, [cast(Finder, others[name]) for name in cls.uses])

    def _read(self, context: tuple[Segment, ...]) -> Seen:
        return Seen(context, self.finders)

    def detect(self, batch: Sequence[Exchange]) -> list[list[Finding]]:
        return [list(self._findings(exchange)) for exchange in batch]

    def pending(self, text: str) -> int | None:
        return open_at(text)

    def _findings(self, exchange: Exchange) -> Iterator[Finding]:
        if exchange.stage is not Stage.OUTPUT:
            return
        judged = [segment for segment in exchange.segments if segment.origin in _JUDGED]
        judge: _Judge | None = None
        for segment in judged:
            found = constructs(segment.text)
            called = segment.origin is Origin.TOOL_CALL
            if judge is None and (found or called):
                judge = _Judge(self._seen(exchange.context), self._allowed)
            if judge is not None:
                for one in found:
                    yield from judge.construct(segment, one)
                if called:
                    yield from judge.arguments(segment)


class _Judge:
    """Judges what is found in the answers of one exchange."""

    def __init__(self, seen: Seen, allowed: Hosts) -> None:
        self._seen = seen
        self._allowed = allowed

    def construct(self, segment: Segment, one: Construct) -> Iterator[Finding]:
        """The findings of one construct."""
        if segment.origin is Origin.TOOL_CALL:
            one = replace(one, url=_unescaped(one.url))
        if segment.start:
            # A later window of a stream: a fence in it may close what an earlier window opened, so that what
            # follows loads.
            one = replace(one, inert=False)
        reach = _reach(segment, one)
        span = segment.span(one.start, one.end)
        target = parse(one.url)
        if target.scheme not in HIERARCHIC and target.scheme != "mailto":
            yield from _scheme(span, one, target)
            return
        where = target.place
        named = self._seen.named(target.host) if target.host else Trust.NOBODY
        if where == "metadata":
            yield _finding("internal_address", _METADATA, span, f"{one.form}: metadata service")
        if not target.host or self._allowed.cover(target.host):
            return
        if where in ("loopback", "private") and named is not Trust.CALLER:
            yield _finding("internal_address", _INSIDE[reach], span, f"{one.form}: {where} address")
        yield from self._carried(span, one, target, reach, named)

    def _carried(
        self, span: Span, one: Construct, target: Target, reach: str, named: Trust
    ) -> Iterator[Finding]:
        written = self._seen.wrote(one.url)
        payload = () if written else parts(target)
        weight = max((part.weight for part in payload), default=Weight.NONE)
        leaks = [leak for part in payload for leak in self._leaks(part, reach, named)]
        leak = max(leaks, key=lambda leak: leak.score, default=None)
        score = _SCORES[reach][max(named, written)][weight]
        notes = [one.form, weight.name.lower() + " payload"] if weight else [one.form]
        if "." in target.user and target.scheme != "mailto" and written is not Trust.CALLER:
            score = max(score, _DISGUISED_HOST)
            notes.append("another host's name before the host")
        if leak is not None:
            score = max(score, leak.score)
            yield Finding("egress", "egress.data", leak.score, span, evidence=leak.what, support=leak.support)
        if score > 0:
            yield _finding(TOOL if reach == TOOL else one.kind, score, span, ", ".join(notes))

    def _leaks(self, part: Part, reach: str, named: Trust) -> Iterator[Leak]:
        """What ``part`` shares with the exchange, as it stands or decoded."""
        for number, text in enumerate(part.readings):
            how = f"{part.where}, decoded" if number else part.where
            value = self._seen.value_in(text)
            if value is not None:
                yield Leak(_VALUE.get(value.kind, _OTHER_VALUE), value.span, f"{value.kind} in {how}")
            titled = number == 0 and part.where in ("path", "fragment")
            if titled and named and reach != "loads":
                continue
            run = self._seen.run_in(text, RUN + 4 if titled else RUN)
            if run is not None:
                yield Leak((_RUN_IN_PATH if titled else _RUN)[reach], run, f"text in {how}")

    def arguments(self, segment: Segment) -> Iterator[Finding]:
        """Secrets and personal data of the exchange in the arguments of a tool call, encoded ones too."""
        values = {value.squeezed: value for value in self._seen.values}
        given = {value.squeezed for value in self._seen.values if value.origin is Origin.USER}
        told: set[tuple[str, int, int]] = set()
        for kind, text, back in _readings(segment.text) if values else ():
            for value in values.values():
                for start, end in text.places(value.squeezed):
                    place = (value.squeezed, *back(start, end))
                    if place not in told:
                        told.add(place)
                        yield _argument(segment.span(*place[1:]), value, kind, value.squeezed in given)


def _readings(text: str) -> Iterator[tuple[str, Squeezed, Callable[[int, int], tuple[int, int]]]]:
    """The text as it stands and what is encoded in it: the encoding, the text, the way back."""
    yield "", Squeezed(text), lambda start, end: (start, end)
    for view in decoded(text):
        yield view.kind, Squeezed(view.text), view.original


def _argument(span: Span, value: Value, kind: str, given: bool) -> Finding:
    """``given``: the user wrote it too, so that it may be meant for the tool."""
    usual, if_given = _ARGUMENT.get(value.kind, _OTHER_ARGUMENT)
    evidence = f"{value.kind} ({kind})" if kind else value.kind
    return replace(_finding(TOOL, if_given if given else usual, span, evidence), support=value.span)


def _reach(segment: Segment, one: Construct) -> str:
    if segment.origin is Origin.TOOL_CALL:
        return TOOL
    return "link" if one.kind is Kind.LINK or one.inert else "loads"


def _unescaped(url: str) -> str:
    """The address without the escapes of JSON."""
    try:
        return str(json.loads(f'"{url}"'))
    except ValueError:
        return url


def _scheme(span: Span, one: Construct, target: Target) -> Iterator[Finding]:
    picture = target.scheme == "data" and target.path.lower().startswith(_PICTURES)
    if target.scheme not in _HARMLESS and not picture:
        score = _SCHEMES.get(target.scheme, _OTHER_SCHEME)
        yield _finding(
            "scheme", min(score, 0.3) if one.inert else score, span, f"{one.form}: scheme not of the web"
        )


def _finding(kind: str, score: float, span: Span, evidence: str) -> Finding:
    return Finding(Egress.name, f"egress.{kind}", score, span, evidence=evidence)
