"""The page that ``safety-layer ground --html`` writes: the answer, and beside it the sources.

Each doubtful claim is a link to its nearest evidence, which links back. All texts are escaped, and what is
invisible in them is spelled out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby

from safety.cli.grounding import Grounding, Nearest, Piece, Source, kind, lines_of
from safety.detectors.groundedness.examine import Examined
from safety.measure.page import escaped, page
from safety.measure.style import STYLE

TITLE = "What the sources do not bear out"
PAGE_STYLE = (
    STYLE
    + """
:root { --hint: #fff1b8; --aim: #ffd75e; }
@media (prefers-color-scheme: dark) { :root { --hint: #453a12; --aim: #77631a; } }
.sides { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 0 2rem; }
@media (max-width: 48rem) { .sides { grid-template-columns: minmax(0, 1fr); } }
.text { white-space: pre-wrap; overflow-wrap: anywhere; max-width: 60rem; }
h3 { overflow-wrap: anywhere; }
li { margin: .5rem 0; overflow-wrap: anywhere; }
u { text-decoration: underline wavy var(--bad); text-underline-offset: .2em; }
a.doubt { color: inherit; text-decoration: none; }
a.doubt:hover, a.doubt:focus { background: var(--shade); }
sup { color: var(--bad); font-weight: 600; }
mark { background: var(--hint); color: inherit; }
a.doubt:target, mark:target, li:target { background: var(--aim); }
mark:has(:target) { background: var(--aim); }
"""
)


def ground_page(grounding: Grounding, question: str = "") -> str:
    """The page; ``question`` (empty: none) stands above the answer."""
    told = f'<p class="{"bad" if grounding.doubtful else "soft"}">{escaped(grounding.summary)}</p>'
    asked = f"<h2>The question</h2>{_text(question)}" if question else ""
    body = (
        f"<h1>{TITLE}</h1>{told}{asked}"
        f'<div class="sides"><section><h2>The answer</h2>{_answer(grounding)}{_notes(grounding)}</section>'
        f"<section><h2>The sources</h2>{''.join(_sources(grounding))}</section></div>"
        f"{''.join(_rewritten(grounding))}"
    )
    return page(TITLE, PAGE_STYLE, body)


def _rewritten(grounding: Grounding) -> Iterator[str]:
    for title, text in (("Corrected", grounding.corrected), ("Cited", grounding.cited)):
        if text is not None:
            yield f"<h2>{title}</h2>{_text(text or '(nothing is left)')}"


def _text(text: str) -> str:
    return f'<div class="text" dir="auto">{_shown(text)}</div>'


def _shown(text: str) -> str:
    """A text from strangers as HTML, line by line."""
    return "\n".join(escape(line) for line in lines_of(text))


# --- the answer -------------------------------------------------------------------------------------------


def _answer(grounding: Grounding) -> str:
    doubtful = dict(grounding.doubtful)
    parts = []
    for number, pieces in groupby(grounding.pieces(), key=lambda piece: piece.claim):
        inner = "".join(_piece(piece) for piece in pieces)
        parts.append(_link(number, inner, grounding.nearest(doubtful[number])) if number else inner)
    return f'<div class="text" dir="auto">{"".join(parts)}</div>'


def _piece(piece: Piece) -> str:
    return f"<u>{_shown(piece.text)}</u>" if piece.wrong else _shown(piece.text)


def _link(number: int, inner: str, place: Nearest | None) -> str:
    """A claim that leads to its evidence, or to what is said of it where there is none."""
    target = f"note-{number}" if place is None else f"evidence-{number}"
    return (
        f'<a class="doubt" id="claim-{number}" href="#{target}" aria-describedby="note-{number}">{inner}'
        f"<sup>{number}</sup></a>"
    )


def _notes(grounding: Grounding) -> str:
    notes = "".join(_note(grounding, number, one) for number, one in grounding.doubtful)
    return f"<h2>Claims that are not borne out</h2><ol>{notes}</ol>" if notes else ""


def _note(grounding: Grounding, number: int, one: Examined) -> str:
    place = grounding.nearest(one)
    if place is not None:
        start, end = grounding.where(place)
        name = f"<bdi>{escaped(grounding.sources[place.number - 1].name)}</bdi>"
        nearest = f'nearest: <a href="#evidence-{number}">[{place.number}] {name} {start}-{end}</a>'
    else:
        nearest = "" if one.reason.reason == "no_evidence" else "no source speaks of this"
    return (
        f'<li id="note-{number}"><b>{one.score:.2f} {kind(one)}</b>:'
        f' <bdi>{escaped(one.reason.detail)}</bdi> <span class="soft">{nearest}</span>'
        f' <a href="#claim-{number}" aria-label="Back to claim {number}">↩</a></li>'
    )


# --- the sources ------------------------------------------------------------------------------------------


def _sources(grounding: Grounding) -> Iterator[str]:
    places = [(number, grounding.nearest(one)) for number, one in grounding.doubtful]
    for at, source in enumerate(grounding.sources, 1):
        found: dict[tuple[int, int], list[int]] = {}
        for number, place in places:
            if place is not None and place.number == at:
                found.setdefault((place.start, place.end), []).append(number)
        yield (
            f'<article id="source-{at}"><h3>[{at}] <bdi>{escaped(source.name)}</bdi></h3>'
            f'<div class="text" dir="auto">{"".join(_marked(source, found))}</div></article>'
        )


def _marked(source: Source, found: dict[tuple[int, int], list[int]]) -> Iterator[str]:
    """The source with its evidence marked: places of whole sentences, so none reaches into another."""
    at = 0
    for (start, end), numbers in sorted(found.items()):
        yield _shown(source.text[at:start])
        yield _evidence(_shown(source.text[start:end]), numbers)
        at = end
    yield _shown(source.text[at:])


def _evidence(inner: str, numbers: Sequence[int]) -> str:
    """One sentence may be the nearest to several claims, and each needs a place to lead to."""
    first, *others = numbers
    places = "".join(f'<span id="evidence-{number}"></span>' for number in others)
    back = " ".join(
        f'<a href="#claim-{number}" aria-label="Back to claim {number}">↩{number}</a>' for number in numbers
    )
    return f'<mark id="evidence-{first}">{places}{inner} {back}</mark>'
