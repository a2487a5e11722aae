"""The ``hidden_text`` detector: text that a model reads and a person does not see.

Unicode tag characters, runs of variation selectors, zero-width characters and soft hyphens inside words, bidi
controls, words spelled with look-alikes, encoded passages, and HTML that a browser does not show. The score
says how sure smuggling is: emoji sequences, flags, joiners of scripts that need them, a byte order mark,
images in base64 and ordinary hyphenation stay below 0.5 or unreported. Whether the hidden text is an attack
is for ``prompt_shield``, which reads it too. The system prompt is the application's own and is not judged.

Not found: white text by a style sheet elsewhere, text in images, bits hidden in spaces or in word choice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import re2

from safety.detectors.base import Scope
from safety.detectors.normalise import Reading, ReadingDetector, View
from safety.detectors.normalise.characters import FLAG, LOOK_ALIKES, VARIATION, ZERO_WIDTH
from safety.detectors.normalise.patterns import PatternSet
from safety.types import Exchange, Finding, Origin, Segment

MIN_SCORE = 0.2  # weaker suspicions are not reported
MAX_PLACES = 64  # findings of one kind in one segment; the last one then covers the rest
DETAIL = 200  # code points of hidden text that are quoted
KINDS = (
    *("tag_characters", "variation_selectors", "zero_width", "soft_hyphens", "bidi", "confusables"),
    *("encoded", "unread", "invisible_html"),
)


@dataclass(frozen=True, slots=True)
class _Hidden:
    """A suspicion: ``kind`` below ``hidden_text``, place, score, and what it says if that can be read."""

    kind: str
    start: int
    end: int
    score: float
    says: str = ""


class HiddenText(ReadingDetector):
    """Finds smuggled text."""

    name = "hidden_text"
    categories = tuple(f"hidden_text.{kind}" for kind in KINDS)
    scope = Scope.SEGMENT

    def detect(self, batch: Sequence[Exchange]) -> list[list[Finding]]:
        return [
            [
                self._finding(segment, hidden)
                for segment in exchange.segments
                if segment.origin is not Origin.SYSTEM
                for hidden in _hidden(segment.text, self.reader.read(segment.text))
            ]
            for exchange in batch
        ]

    def _finding(self, segment: Segment, hidden: _Hidden) -> Finding:
        return Finding(
            self.name,
            f"{self.name}.{hidden.kind}",
            hidden.score,
            segment.span(hidden.start, hidden.end),
            evidence=hidden.kind,
            detail=hidden.says[:DETAIL],
        )


def _hidden(text: str, reading: Reading) -> Iterator[_Hidden]:
    found: list[Iterator[_Hidden]] = [_encoded(text, reading)]
    if not text.isascii():
        present = _PRESENT.match(text.encode("utf-8", "surrogatepass"))
        found += [_INVISIBLE_CHECKS[check][1](text) for check in sorted(present)]
    if "<" in text or "[//]" in text:
        found.append(_invisible_html(text))
    for kind in found:
        places = [hidden for hidden in kind if hidden.score >= MIN_SCORE]
        yield from places[:MAX_PLACES]
        if len(places) > MAX_PLACES:
            rest = places[MAX_PLACES:]
            yield _Hidden(rest[0].kind, rest[0].start, rest[-1].end, max(h.score for h in rest))


def _step(count: int, steps: tuple[tuple[int, float], ...]) -> float:
    """The score of the highest step that ``count`` reaches."""
    return max((score for least, score in steps if count >= least), default=0.0)


_TAGS = re.compile("[\U000e0000-\U000e007f]+")


def _tag_characters(text: str) -> Iterator[_Hidden]:
    """No writing system uses tag characters; three flags do."""
    bare = FLAG.sub(lambda flag: " " * len(flag[0]), text)
    for run in _TAGS.finditer(bare):
        says = "".join(chr(ord(char) - 0xE0000) for char in run[0] if char >= "\U000e0020")
        yield _Hidden("tag_characters", *run.span(), 0.98 if len(run[0]) > 3 else 0.9, says)


_SELECTORS = re.compile(f"[{VARIATION}]{{2,}}")


def _variation_selectors(text: str) -> Iterator[_Hidden]:
    """One selector may follow a character; more in a row carry something else."""
    for run in _SELECTORS.finditer(text):
        yield _Hidden("variation_selectors", *run.span(), _step(len(run[0]), ((2, 0.4), (3, 0.7), (4, 0.95))))


# Between letters, digits and marks of scripts that need no joiners: Latin, Greek, Cyrillic. Elsewhere they
# belong: emoji, Arabic, the Indic scripts, Thai line breaks.
_ZERO_WIDTH = re.compile(rf"(?<=[!-~\u00a1-\u052f\s])[{ZERO_WIDTH}]+(?=[!-~\u00a1-\u052f\s])")
_IN_WORD = re.compile(rf"(?<=[A-Za-z0-9\u00c0-\u052f])[{ZERO_WIDTH}]+(?=[A-Za-z0-9\u00c0-\u052f])")
_LONG_RUN = re.compile(f"[{ZERO_WIDTH}]{{8,}}")
_OFTEN = ((1, 0.25), (2, 0.4), (4, 0.65), (8, 0.85))


def _zero_width(text: str) -> Iterator[_Hidden]:
    """Scored by how often words are cut; long runs carry bits."""
    score = max(
        _step(sum(1 for _ in islice(_IN_WORD.finditer(text), 8)), _OFTEN),
        0.2 if _ZERO_WIDTH.search(text) else 0.0,
    )
    for run in _ZERO_WIDTH.finditer(text) if score else ():
        yield _Hidden("zero_width", *run.span(), 0.9 if len(run[0]) > 7 else score)
    for run in _LONG_RUN.finditer(text):
        if not _ZERO_WIDTH.match(text, run.start()):
            yield _Hidden("zero_width", *run.span(), 0.9)


# Hyphenation leaves syllables: two lone letters in a row are none.
_SOFT_HYPHENS = re.compile("[A-Za-z]\u00ad(?:[A-Za-z]\u00ad){2,}[A-Za-z]")


def _soft_hyphens(text: str) -> Iterator[_Hidden]:
    for run in _SOFT_HYPHENS.finditer(text):
        yield _Hidden("soft_hyphens", *run.span(), 0.7, run[0].replace("\u00ad", ""))


_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_OVERRIDES = "\u202d\u202e"


def _bidi(text: str) -> Iterator[_Hidden]:
    """Overrides reorder what is seen (Trojan Source, CVE-2021-42574); the other controls belong in text
    written from right to left and nowhere else."""
    first = _BIDI.search(text)
    if first is None:
        return
    belongs = _RIGHT_TO_LEFT.search(text) is not None
    for mark in _BIDI.finditer(text, first.start()):
        override = mark[0] in _OVERRIDES
        score = (0.45 if belongs else 0.75) if override else (0.0 if belongs else 0.5)
        yield _Hidden("bidi", *mark.span(), score)


_MIXED = re.compile(f"[A-Za-z][{''.join(LOOK_ALIKES)}]|[{''.join(LOOK_ALIKES)}][A-Za-z]")
_WORD = re.compile(r"[^\W\d_]{3,}")


def _confusables(text: str) -> Iterator[_Hidden]:
    """Words of Latin letters and letters of another script that look like them."""
    words = [word for word in _WORD.finditer(text) if _disguised(word[0])]
    score = _step(len(words), ((1, 0.35), (2, 0.55), (4, 0.75)))
    for word in words:
        says = "".join(LOOK_ALIKES.get(char, char) for char in word[0])
        yield _Hidden("confusables", *word.span(), score, says)


def _disguised(word: str) -> bool:
    if word.isascii() or not _MIXED.search(word):
        return False
    return all(char < "\u0250" or char in LOOK_ALIKES for char in word)


# Each check with the characters without which it finds nothing: one pass tells which to run.
_INVISIBLE_CHECKS: tuple[tuple[str, Callable[[str], Iterator[_Hidden]]], ...] = (
    (_TAGS.pattern, _tag_characters),
    (f"[{VARIATION}][{VARIATION}]", _variation_selectors),
    (f"[{ZERO_WIDTH}]", _zero_width),
    ("[A-Za-z]\u00ad[A-Za-z]\u00ad", _soft_hyphens),
    (_BIDI.pattern, _bidi),
    (_MIXED.pattern, _confusables),
)
_PRESENT = PatternSet([pattern for pattern, _ in _INVISIBLE_CHECKS])

# How sure it is that a passage was encoded to hide it. Base64 and hexadecimal have everyday uses.
_ENCODINGS = {
    "base64": 0.3,
    "hex": 0.35,
    "binary": 0.35,
    "rot13": 0.45,
    "reversed": 0.45,
}
_NESTED = 0.2  # added when something is encoded twice
# Two words. Exactly two letters on each side: an open count would read a long run once per letter of it.
_SPEAKS = re.compile(r"[^\W\d_]{2}\s[^\W\d_]{2}")
# Escapes of plain letters: nobody needs them.
_NEEDLESS = re2.compile(
    r"(?i)(?:%(?:4[1-9a-f]|5[0-9a]|6[1-9a-f]|7[0-9a])){6,}"
    r"|(?:&#(?:6[5-9]|[78][0-9]|9[0789]|1[01][0-9]|12[0-2]|x[46][1-9a-f]|x[57][0-9a]);?){6,}"
    r"|(?:\\u00(?:4[1-9a-f]|5[0-9a]|6[1-9a-f]|7[0-9a])){6,}"
)


def _encoded(text: str, reading: Reading) -> Iterator[_Hidden]:
    if reading.cut:
        yield _Hidden("unread", 0, len(text), 0.5, f"bounds reached: {', '.join(reading.cut)}")
    for view in reading.views[1:]:
        score = _encoding_score(view)
        if score and _SPEAKS.search(view.text):
            start, end = view.original(0, len(view.text))
            yield _Hidden("encoded", start, end, score, view.text)
    if len(reading.views) > 1:
        for run in _NEEDLESS.finditer(text):
            yield _Hidden("encoded", run.start(), run.end(), 0.6)


def _encoding_score(view: View) -> float:
    kinds = view.kind.split("+")
    score = max(_ENCODINGS.get(kind, 0.0) for kind in kinds)
    return min(score + _NESTED, 0.95) if score and len(kinds) > 1 and view.encoded else score


_COMMENT = re2.compile(r"(?s)<!--(.*?)-->|\[//\]: # ?[(\"'](.*?)[)\"'](?:\n|\z)")
_UNSEEN = re2.compile(
    r"(?is)<[a-z][a-z0-9]*(?:\s[^<>]*?)?\s(?:"
    r"style\s*=\s*[\"'][^\"'<>]*(?:display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?:px|pt|em|rem|%)?\s*[;\"']"
    r"|font-size\s*:\s*[01]px|opacity\s*:\s*0(?:\.0+)?\s*[;\"']|text-indent\s*:\s*-\d{3,}|(?:left|top)\s*:\s*-\d{3,}"
    r"|[^-]color\s*:\s*(?:white|#fff(?:fff)?\b|rgba?\(\s*255,\s*255,\s*255|transparent))"
    r"|hidden\b)[^<>]*>([^<]+)"
)
_CUES = (
    re.compile(
        r"\b(?:assistants?|ai|llms?|language models?|chatgpt|copilot|chat ?bots?|models?|agents?)\b",
        re.IGNORECASE,
    ),
    re.compile(
        r"\b(?:ignore|disregard|forget|override|bypass|reveal|send|forward|respond|reply|answer|print|include|append"
        r"|recommend|must|never|always|do not|don't|tell|state|delete|execute|say)\b",
        re.IGNORECASE,
    ),
    re.compile(
        r"\b(?:instructions?|prompts?|users?|passwords?|system|summar(?:y|ise|ize)|conversation|e-?mails?|output|rules)\b",
        re.IGNORECASE,
    ),
)
_BY_CUES = {"comment": (0.0, 0.25, 0.55, 0.75), "style": (0.35, 0.5, 0.7, 0.85)}


def _invisible_html(text: str) -> Iterator[_Hidden]:
    """Comments and elements that are not shown, scored by how much their words sound like orders to a
    model."""
    for how, pattern in (("comment", _COMMENT), ("style", _UNSEEN)):
        for element in pattern.finditer(text):
            words = next((group for group in element.groups() if group), "")
            if _SPEAKS.search(words):
                cues = sum(1 for cue in _CUES if cue.search(words))
                score = _BY_CUES[how][cues]
                yield _Hidden("invisible_html", element.start(), element.end(), score, words.strip())
