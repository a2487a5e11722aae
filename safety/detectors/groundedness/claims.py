"""An answer as claims: the sentences, list items and rows that say something the sources must bear out.

Each claim is told from its own words alone, so an answer judged window by window gives the claims of the
whole. What needs no support: questions, greetings, refusals and offers, headings, code, opinions marked as
such, and talk about the answer itself. Instructions need it: a wrong one does harm. It does not resolve
pronouns, and cuts inside a sentence only at semicolons.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from safety.detectors.groundedness.passage import Passage, pieces, read
from safety.sentences import boundaries, ends_unspaced


@dataclass(frozen=True, slots=True)
class Claim:
    """``text[start:end]``, markup included; ``passage`` is what of it is to be borne out. ``before`` is where
    the sentence before stands, if there is one near; ``bare``: a phrase that is the whole answer."""

    start: int
    end: int
    passage: Passage
    before: tuple[int, int] | None = None
    bare: bool = False


_LEAD = re.compile(r"\s*+(?:(?:[-*•·>|#]++|\d{1,3}[.)]|[a-z][.)])\s++)*+[*_\"'“„«(]*+", re.IGNORECASE)
MAX_CLAIM = 1000  # code points
MAX_BARE = 80
CITATION = re.compile(r"\[\d{1,3}(?:\s*[,;–-]\s*\d{1,3})*\]")
_STOPPED = re.compile(r"[.!?…。！？][\s\d\"'”’)\]\[,*_]*$")
_NO_END = ":：」』）"  # of a phrase
REACH = 300  # code points: a longer sentence before is not brought along
_SEMICOLON = re.compile(r";\s+")
# What the source is said to say: "According to the source, ...". Not part of the claim.
_ATTRIBUTION = re.compile(
    r"(?:(?:according to|based on|as (?:stated|mentioned|described|noted|shown) in|from) "
    r"(?:the|these|this|your|our) (?:\w+ ){0,2}(?:sources?|documents?|texts?|context|passages?|articles?|"
    r"information|reports?|abstract|table|data)(?: provided)?[,:]?|"
    r"(?:according to|based on|as stated in|in|from) (?:passages?|sources?|documents?) #?\d+"
    r"(?:(?:,| and|, and) #?\d+)*[,:]?|"
    r"(?:the|this) (?:source|text|document|passage|article|context|abstract|table) "
    r"(?:says|states|mentions|notes|reports|shows|indicates|explains|describes) that)\s+",
    re.IGNORECASE,
)
# Said to or about the reader or the answer: nothing a source could bear out.
_GREETING = (
    r"(?:hi|hello|hey|dear|thanks|thank you|welcome|you're welcome|sure|certainly|of course|absolutely|"
    r"okay|ok|great question|good question|sorry|hallo|guten tag|danke|gerne|bonjour|merci|"
    r"hola|gracias|"
    r"ciao|grazie|olá|obrigad[oa]|claro)\b[^.!?]{0,24}[.!,:]?\s*$|"
    r"(?:yes|no|ja|nein|oui|non|sí|sì|sim|não)\W*$"
)
_REFUSAL = (
    r"(?:i|we)\s(?:can(?:not|['’]t)|couldn['’]t|could not|do(?:n['’]t| not)|did(?:n['’]t| not)|have no|lack|"
    r"am (?:sorry|unable|not)|are (?:unable|sorry)|apologi[sz]e)\b",
    r"(?:i|we)['’](?:m|re) (?:sorry|afraid|unable|not)\b",
)
_FIRST_PERSON = (
    r"(?:i|we)(?:['’](?:m|re|ll|d|ve)|\s(?:am|are|can|could|do|will|would|hope|suggest|recommend|need))\b"
)
_TO_THE_READER = (
    r"(?:please|let me|let['’]s|feel free|if you|(?:do not|don['’]t) hesitate|here (?:is|are)\b|hope this|"
    r"below (?:is|are)\b|to (?:summari[sz]e|conclude|answer)|in (?:short|summary|conclusion)[,:]?\s*$)"
)
_SOURCE_IS_SILENT = (
    r"(?:the|these|this|your|those)\s(?:\w+\s){0,2}"
    r"(?:sources?|documents?|context|passages?|information|texts?|"
    r"articles?)\s(?:provided\s)?(?:does|do|did|is|are)(?:\s?n['’]?o?t)\b",
    r"there is (?:no|not enough) (?:\w+\s){0,2}(?:information|mention|evidence|data)\b",
    r"it (?:is|seems|appears) (?:that )?(?:not )?(?:clear|unclear|mentioned|stated|specified)\b",
    r"(?:as an?|being an?)\s(?:ai|language model|assistant)\b",
)
_OTHER_LANGUAGES = (
    r"(?:ich (?:kann|bin|habe|weiß)|leider|bitte|hier (?:ist|sind)|je (?:ne|peux|suis)|désolé|voici|"
    r"lo siento|no puedo|por favor|aquí|mi dispiace|non posso|ecco|desculpe|não posso|aqui est|"
    r"申し訳|すみません|抱歉|对不起|您好|你好)"
)
_NO_CLAIM = re.compile(
    "|".join((_GREETING, *_REFUSAL, *_SOURCE_IS_SILENT, _OTHER_LANGUAGES)),
    re.IGNORECASE,
)
# Offers and talk to the reader; what they say is still to be borne out when it holds a number or a date.
_NO_CLAIM_WITHOUT_FIGURES = re.compile("|".join((_FIRST_PERSON, _TO_THE_READER)), re.IGNORECASE)
_OPINION = re.compile(
    r"\b(?:in my (?:opinion|view)|i (?:think|believe|feel|guess)|arguably)\b", re.IGNORECASE
)
_CODE = re.compile(
    r"^\s*(?:```|~~~|\$ |>>> |def |class |import |#include)|[{};]\s*$|[\w\])]\s?(?:==|=>|->|:=|\+=)\s"
)
_QUESTION = ("?", "？", "؟")


def claims_of(text: str, min_words: int, *, alone: bool = False) -> Iterator[Claim]:
    """The claims of ``text``, in order. With fewer than ``min_words`` content words, numbers and dates
    together a sentence is none. ``alone``: the text may be all there is, so that a phrase without a stop
    (a short answer to a question) is a claim."""
    phrase = _phrase(text) if alone else None
    told = 0 if phrase is None else _told(phrase.passage)
    if phrase is not None and told >= max(1, min_words - 1) and _STOPPED.search(text) is None:
        yield phrase
        return
    found = False
    for claim in _claims(text, min_words):
        found = True
        yield claim
    if phrase is not None and not found and told >= min_words:
        yield phrase


def _claims(text: str, min_words: int) -> Iterator[Claim]:
    start, before = 0, None
    uncited = CITATION.sub(lambda found: " " * len(found[0]), text)
    for end in boundaries(text, final=True):
        for clause_start, clause_end in _clauses(text, start, end):
            claim = _claim(text, uncited, clause_start, clause_end, min_words)
            if claim is not None:
                yield replace(claim, before=before)
        before = (start, end) if end - start <= REACH else None
        start = end


def _phrase(text: str) -> Claim | None:
    """A phrase that is the whole answer. What has come of a growing text ends with a blank, or in Chinese and
    Japanese with a stop, so it is no phrase."""
    start = len(text) - len(text.lstrip())
    if not text[start:] or len(text) > MAX_BARE or text[-1].isspace() or text[-1] in _NO_END:
        return None
    if ends_unspaced(text):
        return None
    if text[start] == "#" or len(boundaries(text, final=True)) > 1 or _needs_none(text, text):
        return None
    return Claim(start, len(text), read(text, start), bare=True)


def _told(passage: Passage) -> int:
    """How many content words, numbers and dates it holds."""
    return sum(word.content for word in passage.words) + len(passage.values) + len(passage.dates)


def _clauses(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The sentence cut at semicolons between clauses of four words or more, outside brackets; what is
    longer than any sentence is cut at blanks."""
    for first, last in pieces(text, start, end, MAX_CLAIM):
        for match in _SEMICOLON.finditer(text, first, last):
            left, right = text[first : match.start()], text[match.end() : last]
            if left.count(" ") >= 3 and right.count(" ") >= 3 and left.count("(") == left.count(")"):
                yield first, match.start()
                first = match.end()
        yield first, last


def _claim(text: str, uncited: str, start: int, end: int, min_words: int) -> Claim | None:
    """The claim of a clause. ``uncited`` is ``text`` without citations, whose numbers say nothing."""
    piece = text[start:end]
    end -= len(piece) - len(piece.rstrip())
    start += len(piece) - len(piece.lstrip())
    lead = _LEAD.match(text, start, end)
    words_at = lead.end() if lead else start
    body = text[words_at:end]
    if not body or _needs_none(text[start:end], body):
        return None
    said = _ATTRIBUTION.match(text, words_at, end)
    passage = read(uncited, said.end() if said else words_at, end)
    if _told(passage) < min_words or _is_heading(uncited[start:end].rstrip() or text[start:end], passage):
        return None
    if _NO_CLAIM_WITHOUT_FIGURES.match(body) and not passage.values and not passage.dates:
        return None
    return Claim(start, end, passage)


def _needs_none(whole: str, body: str) -> bool:
    return (
        body.rstrip("\"'”’)*_ ").endswith(_QUESTION)
        or _NO_CLAIM.match(body) is not None
        or _OPINION.search(body) is not None
        or _CODE.search(whole) is not None
    )


def _is_heading(piece: str, passage: Passage) -> bool:
    if piece.startswith("#") or piece.endswith((":", "：", ":**")):
        return True
    if piece[-1] in ".!。！|" or passage.values or passage.dates:
        return False
    return len(passage.words) <= 4 and not piece.startswith(("-", "*", "•"))
