"""Masking: what of a judged text may stand in the record.

A person reading the record must see what kind of sentence was caught and where; the record must not become
a second copy of what people wrote. So words keep their length, their first and their last letter, and what
is personal or secret keeps only its type. At most three neighbouring code points of the original survive.

Pure. It does not decide whether to mask (the policy's ``raw_excerpts`` does) and does not make text safe to
print: raw excerpts may hold control characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from safety.types import Segment, Span

AROUND = 40  # code points of the text on either side of a finding
LONGEST = 160  # code points of the finding itself
HEAD = 120  # of those, how many come from its beginning
BULLET = "•"

# Roots of categories whose words are the very thing that must not be kept.
TYPE_ONLY = frozenset({"pii", "secret", "secrets", "canary", "egress"})

_STARS = ((8, 4), (24, 8))  # up to so many code points: so many stars
_MOST_STARS = 16
_ENDINGS = ".,;:?!"
_QUOTED = re.compile(r"""'[^']*'?|"[^"]*"?|`[^`]*`?""")
_WORD = re.compile(r"\w{4,}")


def excerpt(segment: Segment, span: Span, category: str, *, raw: bool = False) -> str:
    """The words at ``span`` between ``‹`` and ``›``, with up to 40 code points of the segment on either
    side. Unless ``raw``, all is masked; of a category under ``TYPE_ONLY`` only type and rough length stay."""
    start, end = (min(max(at - segment.start, 0), len(segment.text)) for at in (span.start, span.end))
    before, after = segment.text[max(start - AROUND, 0) : start], segment.text[end : end + AROUND]
    words = segment.text[start:end]
    if raw:
        return f"{before}‹{_clipped(words)}›{after}"
    type_only = category.partition(".")[0] in TYPE_ONLY
    masked = _typed(words, category) if type_only else mask_words(_clipped(words))
    return f"{mask_words(before)}‹{masked}›{mask_words(after)}"


def mask_words(text: str) -> str:
    """Every word as its first letter, bullets and its last letter; white space as one blank."""
    parts = (_mask_word(word) for word in text.split())
    lead = " " if text[:1].isspace() else ""
    trail = " " if text[-1:].isspace() and not text.isspace() else ""
    return f"{lead}{' '.join(parts)}{trail}"


def mask_error(error: str, texts: Iterable[str]) -> str:
    """An exception's message without what it quotes: quoted parts, and words that stand in ``texts``. The
    type before the first colon stays."""
    kind, colon, message = error.partition(":")
    if not colon or not kind.isidentifier():
        kind, colon, message = "", "", error
    known = tuple(texts)
    message = _QUOTED.sub("'…'", message)

    def masked(match: re.Match[str]) -> str:
        word = match.group()
        return _mask_word(word) if any(word in text for text in known) else word

    return kind + colon + _WORD.sub(masked, message)


def _mask_word(word: str) -> str:
    # One or two letters are never both kept: a text of spaced-out letters must not survive.
    if len(word) == 1:
        return BULLET
    first = word[0] if word[0].isalpha() else BULLET
    if len(word) == 2:
        return first + BULLET
    last = word[-1] if word[-1].isalpha() or word[-1] in _ENDINGS else BULLET
    return first + BULLET * (len(word) - 2) + last


def _typed(words: str, category: str) -> str:
    stars = next((stars for most, stars in _STARS if len(words) <= most), _MOST_STARS)
    return f"{category.rpartition('.')[2]} {'*' * stars}"


def _clipped(words: str) -> str:
    if len(words) <= LONGEST:
        return words
    return f"{words[:HEAD]} … {words[HEAD - LONGEST :]}"
