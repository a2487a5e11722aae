"""Credentials in a text: the expressions of detect-secrets and some of our own, behind a search for the few
texts that must stand in a match.

A secret without a prefix or a name ("it is 9f86d081…") is found only with ``entropy``, which is off: it takes
every hash for a secret. Secrets in other encodings are not seen, and nobody is asked whether a key works.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ahocorasick_rs import AhoCorasick

from safety.detectors.base import Detector
from safety.detectors.normalise import bare, readings
from safety.detectors.secrets import assignments, keyblocks, library
from safety.detectors.secrets.placeholders import is_placeholder
from safety.detectors.secrets.rules import OWN, Found, Rule
from safety.detectors.text import best, fold_case
from safety.types import Exchange, Finding

_QUOTE = re.compile(r"['\"]")
_TAIL = 2 * keyblocks.LONGEST  # code points of a growing text that are looked at, invisible ones included
_ENTROPY_SCORE = 0.5
_ENTROPY_LEAST = 20  # code points; a shorter text has too little to measure
_OPEN_TOKEN = re.compile(r"[0-9A-Za-z_.~+/=:@-]{0,4095}[0-9A-Za-z_~+/=:@-]\Z")
_OPEN_ASSIGNMENT = re.compile(
    r"(?:pass(?:word|wd|phrase|code)|pwd|passwort|kennwort|senha|contraseña|token|secret|key)\w{0,20}[\"'\]]{0,2}"
    r"(?:\s{0,3}(?:=>|:=|[=:]{1,2}|\bis\b)(?:\s{0,3}|\s{0,3}[\"'`]?\S{1,200})|\s{0,3})\Z",
    re.IGNORECASE,
)

KINDS = tuple(
    dict.fromkeys(
        (
            *library.KINDS,
            *(rule.kind for rule in OWN),
            keyblocks.KIND,
            assignments.KIND,
            *library.ENTROPY_KINDS,
        )
    )
)

# At an anchor: what is found there.
_Reader = Callable[[str, int], Iterable[Found]]


@dataclass(frozen=True, slots=True)
class SecretsOptions:
    """``keywords``: also values assigned to a word such as "password". ``entropy``: also quoted strings that
    look random. ``skip``: kinds not looked for, as after the dot of a category. ``allow``: texts never
    reported. ``min_score``: the least score that is reported."""

    keywords: bool = True
    entropy: bool = False
    skip: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    min_score: float = 0.5


class Secrets(Detector):
    """Findings ``secret.<kind>``, each with the exact span of the secret."""

    name = "secrets"
    categories = tuple(f"secret.{kind}" for kind in KINDS)
    Options = SecretsOptions

    def __init__(self, options: SecretsOptions | None = None) -> None:
        super().__init__(options)
        chosen: SecretsOptions = self.options
        rules = [*library.rules(), *OWN]
        blocks = keyblocks.KeyBlocks(library.private_key_headers())
        named = assignments.Assignments(library.assignments(), library.sequential())
        exact: list[tuple[str, _Reader]] = [
            (anchor, _reader(rule)) for rule in rules if not rule.folded for anchor in rule.anchors
        ]
        exact += [(anchor, _block_reader(blocks)) for anchor in (keyblocks.PEM, keyblocks.PUTTY)]
        folded = [(anchor, _reader(rule)) for rule in rules if rule.folded for anchor in rule.anchors]
        if chosen.keywords:
            folded += [(anchor, named.find) for anchor in assignments.ANCHORS]
        self._exact = _Index(exact)
        self._folded = _Index(folded)
        self._entropy = library.entropy() if chosen.entropy else ()
        self._ignored = frozenset(chosen.skip), frozenset(chosen.allow), float(chosen.min_score)

    @classmethod
    def categories_of(cls, options: SecretsOptions) -> tuple[str, ...]:
        off = {
            *options.skip,
            *(() if options.keywords else (assignments.KIND,)),
            *(() if options.entropy else library.ENTROPY_KINDS),
        }
        return tuple(f"secret.{kind}" for kind in KINDS if kind not in off)

    def detect(self, batch: Sequence[Exchange]) -> list[list[Finding]]:
        return [
            [
                Finding(self.name, f"secret.{f.kind}", f.score, segment.span(f.start, f.end), evidence=f.kind)
                for segment in exchange.segments
                for f in self.find(segment.text)
            ]
            for exchange in batch
        ]

    def find(self, text: str) -> list[Found]:
        """The secrets in ``text``, in order, none overlapping another; offsets in code points."""
        skip, allowed, least = self._ignored
        found = (
            f._replace(start=start, end=end)
            for reading in readings(text)
            for f in self._all(reading.text)
            if f.score >= least and f.kind not in skip and reading.text[f.start : f.end] not in allowed
            for start, end in (reading.original(f.start, f.end),)
        )
        return best(found)

    def pending(self, text: str) -> int | None:
        skipped = 0 if text.isascii() else max(len(text) - _TAIL, 0)
        tail = bare(text[skipped:])
        starts = list(_open_from(tail.text))
        return skipped + tail.original(min(starts), min(starts) + 1)[0] if starts else None

    def _all(self, text: str) -> Iterator[Found]:
        yield from self._exact.read(text, text)
        yield from self._folded.read(fold_case(text), text)
        if self._entropy and _QUOTE.search(text):
            yield from self._random(text)

    def _random(self, text: str) -> Iterator[Found]:
        for kind, pattern, bits, limit in self._entropy:
            for match in pattern.finditer(text):
                value = match[2]
                if len(value) >= _ENTROPY_LEAST and bits(value) > limit and not is_placeholder(value):
                    yield Found(*match.span(2), kind, _ENTROPY_SCORE)


class _Index:
    """Anchors and what to do at each."""

    def __init__(self, readers: Sequence[tuple[str, _Reader]]) -> None:
        by_anchor: dict[str, list[_Reader]] = {}
        for anchor, reader in readers:
            by_anchor.setdefault(anchor, []).append(reader)
        self._readers = tuple(by_anchor.values())
        self._anchors = AhoCorasick(list(by_anchor))

    def read(self, haystack: str, text: str) -> Iterator[Found]:
        """What stands at the anchors of ``haystack``, which is ``text`` or its lower case. Anchors inside
        what the same reader has found are passed over."""
        done: dict[_Reader, int] = {}
        for which, start, _ in self._anchors.find_matches_as_indexes(haystack, overlapping=True):
            for reader in self._readers[which]:
                if start < done.get(reader, 0):
                    continue
                for found in reader(text, start):
                    done[reader] = max(found.end, done.get(reader, 0))
                    yield found


def _reader(rule: Rule) -> _Reader:
    def read(text: str, anchor: int) -> Iterator[Found]:
        for start, end in rule.find(text, anchor):
            if not is_placeholder(text[start:end]):
                yield Found(start, end, rule.kind, rule.score)

    return read


def _block_reader(blocks: keyblocks.KeyBlocks) -> _Reader:
    def read(text: str, anchor: int) -> Iterator[Found]:
        found = blocks.find(text, anchor)
        if found is not None:
            yield found

    return read


def _open_from(text: str) -> Iterator[int]:
    """Where a block, a token and an assignment begin that have not ended."""
    block = keyblocks.open_from(text)
    token = _OPEN_TOKEN.search(text, max(len(text) - 4096, 0))
    assigned = _OPEN_ASSIGNMENT.search(text, max(len(text) - 300, 0))
    yield from () if block is None else (block,)
    yield from (match.start() for match in (token, assigned) if match)
