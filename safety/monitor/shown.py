"""Entries of the record as people see them: plain values for the templates and for the browser's script.

Labels, rule names and excerpts come from strangers: what cannot be printed is shown escaped, so that nothing
can hide or turn the direction of a line. Excerpts are masked here too unless somebody who may asked to see
them: a policy may have kept the words. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from safety.cli.terminal import printable
from safety.events.event import Entry, Event, Gap, RuleHit
from safety.events.mask import TYPE_ONLY, mask_words
from safety.policy.model import NOT_RUN
from safety.types import Action, Ran, below

OPEN, CLOSE = "‹", "›"
LINE_HITS = 3  # findings that are told in one line
_TYPED = re.compile(r"[\w.-]+ \*+")

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A finding with what stands around it. ``found`` is cut into pieces: those that the finding is about
    are true. ``masked`` says whether words are hidden."""

    before: str
    found: tuple[tuple[str, bool], ...]
    after: str
    masked: bool


def line(entry: Entry) -> Line:
    """An entry as one line of the feed or of a search: texts and numbers that JSON can hold."""
    if isinstance(entry, Event):
        return _event_line(entry)
    said: Line = {"kind": entry.kind, "id": entry.id, "at": entry.at, "time": brief(entry.at), "action": ""}
    if isinstance(entry, Gap):
        return said | {"text": gap_text(entry)}
    return said | {"text": notice_text(entry)}


def gap_text(gap: Gap) -> str:
    """What is missing, in one line."""
    events = f"{gap.lost} event{'s' * (gap.lost != 1)}"
    return printable(f"{events} missing from {clock(gap.since)} to {clock(gap.until)}: {gap.why}")


def notice_text(notice: Any) -> str:
    """What was done, by whom and to what, in one line."""
    parts = [str(getattr(notice, name, "") or "") for name in ("what", "by", "about", "detail")]
    what, by, about, detail = map(printable, parts)
    said = f"{what} by {by}" if by else what
    return ": ".join(part for part in (f"{said} ({about})" if about else said, detail) if part)


def _event_line(event: Event) -> Line:
    hits = sorted(event.hits, key=lambda hit: -int(hit.action))[:LINE_HITS]
    found = [name for name in event.categories if not below(name, NOT_RUN)]  # said by "failed"
    return {
        "kind": event.kind,
        "id": event.id,
        "at": event.at,
        "time": brief(event.at),
        "action": str(event.action),
        "would": str(event.would) if event.monitored else "",
        "stage": event.stage.value,
        "tenant": printable(event.labels.get("tenant", "")),
        "model": printable(event.labels.get("model", "")),
        "rules": [printable(rule) for rule in dict.fromkeys(hit.rule for hit in hits)],
        "categories": [printable(name) for name in found[:LINE_HITS]],
        "more": max(len(found) - LINE_HITS, 0),
        "failed": [printable(run.detector.partition("@")[0]) for run in event.ran if run.ran is not Ran.OK],
        "ms": round(event.seconds * 1000, 1),
    }


def clock(at: str) -> str:
    """A time as entries have it, to the millisecond, for people: ``2026-11-23 10:00:00.123``."""
    return printable(f"{at[:10]} {at[11:23]}".strip())


def brief(at: str) -> str:
    """The same to the second and without the year: ``23 Nov 10:00:00``."""
    month = at[5:7]
    name = _MONTHS[int(month) - 1] if month.isascii() and month.isdigit() and 1 <= int(month) <= 12 else month
    return printable(f"{at[8:10]} {name} {at[11:19]}".strip())


def excerpt(hit: RuleHit, *, raw: bool = False) -> Excerpt | None:
    """The hit's excerpt to be shown, masked unless ``raw``; nothing where none was kept."""
    if not hit.excerpt:
        return None
    before, found, after = split(hit.excerpt)
    masked = is_masked(hit)
    if not masked and not raw:
        before, after = mask_words(before), mask_words(after)
        found = _hidden(found, hit.category)
    pieces = _pieces(found, hit)
    return Excerpt(printable(before), pieces, printable(after), masked or not raw)


def split(text: str) -> tuple[str, str, str]:
    """What an excerpt holds before, in and after its signs. A text may hold such signs itself: the finding
    begins at the first opening one that the excerpt can have set, within what may stand before it."""
    before, _, rest = text.partition(OPEN)
    found, _, after = rest.rpartition(CLOSE)
    return before, found, after


def is_masked(hit: RuleHit) -> bool:
    """Whether the words of the hit's excerpt are hidden already: masking once more would change nothing."""
    before, found, after = split(hit.excerpt)
    whole = mask_words(before) == before and mask_words(after) == after
    return whole and (
        mask_words(found) == found or (_type_only(hit.category) and bool(_TYPED.fullmatch(found)))
    )


def has_raw(event: Event) -> bool:
    """Whether the event holds words as they were written."""
    return any((hit.excerpt and not is_masked(hit)) or hit.detail for hit in event.hits)


def without_raw(event: Event) -> Event:
    """The event as those may have it who did not ask to see words: details gone, excerpts masked."""
    return replace(event, hits=tuple(_covered(hit) for hit in event.hits))


def _covered(hit: RuleHit) -> RuleHit:
    if not hit.excerpt or is_masked(hit):
        return replace(hit, detail="")
    before, found, after = split(hit.excerpt)
    shown = f"{mask_words(before)}{OPEN}{_hidden(found, hit.category)}{CLOSE}{mask_words(after)}"
    return replace(hit, excerpt=shown, detail="")


def _type_only(category: str) -> bool:
    return category.partition(".")[0] in TYPE_ONLY


def _hidden(found: str, category: str) -> str:
    return f"{category.rpartition('.')[2]} ****" if _type_only(category) else mask_words(found)


def _pieces(found: str, hit: RuleHit) -> tuple[tuple[str, bool], ...]:
    """The finding cut at the words it is about. Places are known only where masking kept every length."""
    start, end = hit.start, hit.end
    if not hit.words or start is None or end is None or len(found) != end - start:
        return ((printable(found), True),)
    pieces: list[tuple[str, bool]] = []
    at = 0
    for first, last in sorted(hit.words):
        first, last = max(first - start, at), min(last - start, len(found))
        if last <= first:
            continue
        pieces += [(found[at:first], False), (found[first:last], True)]
        at = last
    pieces.append((found[at:], False))
    return tuple((printable(text), about) for text, about in pieces if text)


def decided(event: Event) -> tuple[RuleHit, ...]:
    """The hits that brought the event's action about."""
    if event.action is Action.ALLOW:
        return ()
    return tuple(
        hit for hit in event.hits if hit.enforced and hit.excused is None and hit.action is event.action
    )
