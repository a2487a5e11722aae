"""An answer written anew: with its ungrounded claims corrected or left out, or with citations behind the
others. Nothing outside those places changes. Pure; what stands in a claim's place is handed in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from safety.detectors.groundedness.citations import cited
from safety.detectors.groundedness.examine import Examined

_BEHIND = re.compile(r";?\s*")
_STOPS = ".!?…。！？"
_CLOSERS = "\"'”’»)*_`"
# Where a sentence stops, with what closes behind it, or the last bar of a table's row; the stop of "U.S."
# belongs to the word.
_TAIL = re.compile(rf"\s*(?:(?<!\.[^\W\d_])[{_STOPS}]+[{_CLOSERS}]*|\|)?\s*\Z")
_ENDING = re.compile(rf"[\s{_STOPS}{_CLOSERS}]*\Z")


def corrected_text(
    text: str, examined: Iterable[Examined], correction: Callable[[Examined], str | None]
) -> str:
    """``text`` with each of its claims that is not borne out replaced by its ``correction``. Where there is
    none the claim is left out, with the blanks or the semicolon that set it off. ``examined`` are the claims
    in the order of the text."""
    done, at = "", 0
    for one in examined:
        if one.ungrounded:
            done += text[at : one.claim.start]
            instead = correction(one)
            if instead is None:
                done, at = _left_out(done, text, one.claim.end)
            else:
                done, at = done + instead, one.claim.end
    return done + text[at:]


def _left_out(done: str, text: str, end: int) -> tuple[str, int]:
    """What is written so far, and where ``text`` goes on, when the claim that ends at ``end`` is left out."""
    behind = _BEHIND.match(text, end)
    blanks = "" if behind is None else behind[0]
    before = done.rstrip()
    apart = done[len(before) :]
    if before.endswith(";") and "\n" not in apart and not blanks.startswith(";"):
        stop = text[end - 1]  # of a sentence that now ends a clause earlier
        return before[:-1] + (stop if stop in _STOPS else ""), end
    opens = not before or "\n" in apart
    if end + len(blanks) < len(text) and (opens or "\n" not in blanks):
        return done, end + len(blanks)
    return before, end


def cited_text(text: str, examined: Iterable[Examined]) -> str:
    """``text`` with `` [n]`` behind each claim that is borne out, before the stop that ends it: ``n`` is the
    number of the source, from 1, in which the nearest evidence stands. Citations that are there already stay,
    and what they name is not added again: another number goes right behind them (``[1][2]``)."""
    done, at = "", 0
    for place, citation in sorted(found for one in examined for found in _citation(text, one)):
        done += text[at:place] + citation
        at = place
    return done + text[at:]


def _citation(text: str, one: Examined) -> Iterable[tuple[int, str]]:
    """Where a claim's citation goes, and the citation; nothing where none is due."""
    if one.ungrounded or one.evidence is None:
        return
    number = one.evidence.best.source + 1
    there = list(cited(text, one))
    if any(number in numbers for _, _, numbers in there):
        return
    last = there[-1][1] if there else None
    if last is not None and _ENDING.match(text[last : one.claim.end]):
        yield last, f"[{number}]"
        return
    tail = _TAIL.search(text[one.claim.start : one.claim.end])
    place = one.claim.end if tail is None else one.claim.start + tail.start()
    yield place, f" [{number}]"
