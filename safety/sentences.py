"""Where sentences and lines end, in a text that may still be growing.

Every boundary stands on a character that is not white space (or at the very end of a finished text), and
what decides it lies between the boundary before and a bounded look ahead. Two things follow, and tests hold
them:

* prefix-stable: a boundary found in a prefix of a text is a boundary of the text;
* forgetful: after a boundary the rest is cut as if it were a text of its own.

A line break ends a unit, because list items, table rows and lines of code are units; but a single one
between a small letter (or comma) and an unindented small letter is a wrapped paragraph and is passed over.
White space after a stop belongs to the sentence before, and so do closing quotes, brackets and citations
like ``[1]``. After an abbreviation, an initial or a number the next word decides; after ``。！？`` nothing
needs to follow.

It does not parse: an abbreviation it does not know ends a sentence when a capital follows, a sentence that
begins without a space after the stop is not seen, and a block of code is cut at its lines.
"""

from __future__ import annotations

import re

_WIDE = "。！？｡！？"
_STOPS = ".!?…؟।॥۔" + _WIDE
_BREAKS = "\n\r\u2028\u2029"
_CLOSERS = "\"'”’»›)\\]}*_`~）」』】》〉＂¹²³⁰⁴-⁹"
_CITATION_TEXT = r"\d[\d, –-]{0,19}"
_CANDIDATE = re.compile(f"[{_STOPS}{_BREAKS}]")
_AFTER_STOP = re.compile(
    rf"(?P<stop>[{_STOPS}]++)(?P<close>[{_CLOSERS}]*+)"
    rf"(?P<cite>(?:[ \t]*\[{_CITATION_TEXT}\]|[{_CLOSERS}])*+)(?P<space>\s*+)"
)
_AFTER_BREAK = re.compile(r"\s++")
_OPEN_CITATION = re.compile(r"\[(?:\d[\d, –-]{0,19})?")
_LAST_WORD = re.compile(r"[^\s\"'“”‘’«»‹›(\[{¿¡*_`~|>#]+\Z")
_NEXT_WORD = re.compile(r"[^\W\d_]{1,15}")
_MARKER = re.compile(r"(?:\d{1,3}(?:\.\d{1,3}){0,3}|[^\W\d_]|[ivxIVX]{1,5})\Z")
_BEFORE_MARKER = re.compile(r"[\s#>*_|(\[-]*\Z")
_WIDE_END = re.compile(rf"[{_WIDE}](?:[{_CLOSERS}]|[ \t]*\[{_CITATION_TEXT}\])*+\Z")
_WORD_REACH = 24  # how far back from a stop is read


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Never the end of a sentence. Lower case; dots inside as written.
_NEVER = _words(
    "dr mr mrs mx prof dra sr sra srta st ste mme mlle mgr sig sig.ra dott dott.ssa avv arch hr fr dipl "
    "gen capt lt sgt cmdr adm maj rev hon pres gov sen e.g i.e eg ie vs cf viz resp bzw vgl z.b d.h u.a "
    "z.t s.o s.u o.ä i.d.r inkl exkl incl excl zzgl ggf evtl sog ej p.ej p.ex par.ex insb abb dgl geb "
    "gest gegr"
)
# The end of a sentence only when a common first word follows: "Acme Inc. The ..." but "Acme Inc. Berlin".
_MAYBE = _words(
    "inc ltd co corp llc plc bros jr sr ms a.m p.m u.s u.k u.n e.u d.c b.c a.d ph.d m.d b.a m.a al "
    "op.cit ibid dept ave blvd rd mio mrd str gmbh s.a s.p.a s.r.l ltda cía ee.uu etc usw usf ecc ff "
    "u.s.a n.b j.-c approx ca mt ft univ min max"
)
# Stand before a number: "No. 5", "S. 12", "Fig. 3", "Sept. 3".
_BEFORE_NUMBER = _words(
    "no nos nr nº n p pp pg pág págs s seite fig figs abb tab vol vols art arts sec sect ch chap kap "
    "cap bd eq ref refs num núm tel ext par abs jan feb mar apr jun jul aug sep sept oct okt nov dec "
    "dez ene abr dic janv févr avr juil déc giu lug ott fev mai ca approx"
)
# First words of sentences that are never the second part of a name.
_STARTERS = _words(
    "The This That These Those It He She They We You I In On At For From With By As If When While After "
    "Before Since But And So However There Here His Her Its Their Our My Your What Who Why How No Yes "
    "Not Then Thus Also Each Every All Some Most Many Both A An To Of Although Because According Please "
    "Other Der Die Das Ein Eine Es Er Sie Wir Ich Im Am Auf Bei Mit Nach Aber Und Dies Diese Dieser El "
    "La Los Las Un Una En Por Para Con Pero Le Les Des Une Il Elle Ils Elles Nous Vous Ce Cette Ces "
    "Dans Pour Avec Mais Lo Gli Uno Nel Nella Per Ma Questo Questa O Os As Um Uma Na Ele Ela Eles Este "
    "Esta Isso Mas"
)
# "12. März", "19. Jahrhundert": the stop makes an ordinal, not an end.
_AFTER_ORDINAL = _words(
    "Januar Jänner Februar März April Mai Juni Juli August September Oktober November Dezember Jan Feb "
    "Mrz Apr Jun Jul Aug Sep Sept Okt Nov Dez Jahrhundert Jahrhunderts Jh Jahrtausend Lebensjahr "
    "Geburtstag Kapitel Auflage Platz Runde Spieltag Klasse Stock Etage Mal Bezirk"
)


def boundaries(text: str, start: int = 0, *, final: bool = False) -> list[int]:
    """The ends of the complete sentences and lines of ``text`` that begin at ``start`` or later.

    Offsets are code points and lie behind the white space that follows the sentence. ``start`` is 0 or a
    boundary found before: only what comes after it is read. Without ``final`` nothing is said about an end
    that the next characters may still undo; with it, the end of the text is a boundary too.
    """
    ends: list[int] = []
    at = begin = start
    while (hit := _CANDIDATE.search(text, at)) is not None:
        stop = hit.start()
        tail = (_AFTER_BREAK if text[stop] in _BREAKS else _AFTER_STOP).match(text, stop)
        if tail is None or (at := tail.end()) >= len(text):
            break
        decided = _ends_here(text, begin, stop, tail, final)
        if decided is None:
            break
        if decided:
            ends.append(at)
            begin = at
    if final and len(text) > begin:
        ends.append(len(text))
    return ends


def ends_unspaced(text: str) -> bool:
    """Whether a text ends with a stop behind which a sentence may end without white space."""
    return _WIDE_END.search(text) is not None


def _ends_here(text: str, begin: int, stop: int, tail: re.Match[str], final: bool) -> bool | None:
    """Whether a sentence ends with ``tail``; ``None`` when more text is needed to say."""
    if tail.re is _AFTER_BREAK:
        return not _wraps(text, begin, stop, tail.end())
    end = tail.end()
    if not final and (cite := _OPEN_CITATION.match(text, end)) and cite.end() == len(text):
        return None
    marks, closed, space = tail["stop"], bool(tail["close"]), tail["space"]
    if marks[-1] in _WIDE:
        return not (closed and "ぁ" <= text[end] <= "ゟ")
    if not space:
        return False
    if any(mark in space for mark in _BREAKS):
        return True
    if text[end] in ",;:)]}|":
        return False
    if marks == ".":
        return _full_stop(text, begin, stop, end, closed, final)
    return not (text[end].islower() and (closed or marks[-1] in ".…"))


def _wraps(text: str, begin: int, stop: int, end: int) -> bool:
    """Whether the line break at ``stop`` is one inside a wrapped paragraph."""
    before = text[max(begin, stop - _WORD_REACH) : stop].rstrip(" \t")
    small = before.endswith(",") or before[-1:].islower()
    return small and " " in before and text[stop:end] in ("\n", "\r\n") and text[end].islower()


def _full_stop(text: str, begin: int, stop: int, end: int, closed: bool, final: bool) -> bool | None:
    """The same for one ``.`` with white space after it."""
    reach = max(begin, stop - _WORD_REACH)
    found = _LAST_WORD.search(text, reach, stop)
    if found is None:
        return not text[end].islower()
    word = found[0]
    if not closed and _MARKER.match(word) and _opens(text, begin, found.start()):
        return False  # "1. ", "a. ", "## 2.1. ": the marker of an item belongs to the item
    folded = word.lower()
    follows = text[end]
    if folded in _NEVER and not closed:
        return False
    if follows.isdigit():
        return closed or not (folded in _BEFORE_NUMBER or _short_number(word))
    if follows.islower():
        return not closed and len(word) > 3 and word.isalpha() and folded not in _MAYBE
    if closed or not (len(word) == 1 or _short_number(word) or folded in _MAYBE or _initials(word)):
        return True
    return _next_word_decides(text, end, word, final)


def _opens(text: str, begin: int, at: int) -> bool:
    """Whether nothing but markup lies between ``begin`` and ``at``."""
    return at - begin <= _WORD_REACH and _BEFORE_MARKER.match(text, begin, at) is not None


def _short_number(word: str) -> bool:
    return len(word) <= 2 and word.isdigit()


def _initials(word: str) -> bool:
    """``U.S``, ``J.R.R``, ``z.B``: single letters with dots between."""
    parts = word.split(".")
    return len(parts) > 1 and all(len(part) == 1 and part.isalpha() for part in parts)


def _next_word_decides(text: str, end: int, word: str, final: bool) -> bool | None:
    following = _NEXT_WORD.match(text, end)
    if following is None:
        return True
    if following.end() == len(text) and not final:
        return None
    if _short_number(word):
        return following[0] not in _AFTER_ORDINAL
    return following[0] in _STARTERS
