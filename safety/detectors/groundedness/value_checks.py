"""Numbers and dates of a claim against those of its evidence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from safety.detectors.groundedness.comparison import Case, Mark
from safety.detectors.groundedness.passage import Passage
from safety.detectors.groundedness.values import Date, Value, same, same_amount

CONTEXT = 4  # content words on either side that say what a number is about


def numbers(case: Case) -> Iterator[Mark]:
    """Numbers that differ from the source's, or that it does not have."""
    for value in case.claim.values:
        said = case.text[value.start : value.end]
        other = _in_its_place(case, value)
        if other is None:
            if value.weak or _supported(case, value):
                continue
            other = _counterpart(case, value)
        if other is not None:
            theirs = case.source[other.start : other.end]
            instead = value.start, value.end, theirs
            yield Mark("number_differs", 1, f"number differs: {said} against {theirs}", instead)
        elif _asked(case, value):
            continue
        elif case.index.holds_value(value):
            yield Mark("number_elsewhere", 1, f"number stands elsewhere in the sources: {said}")
        else:
            reason = "count_not_in_sources" if value.small else "number_not_in_sources"
            yield Mark(reason, 1, f"number not in the sources: {said}")


def _asked(case: Case, thing: Value | Date) -> bool:
    """Whether the user's own question has the figures: they may be repeated."""
    figures = {w.stem for w in case.claim.words if thing.start <= w.start < thing.end and w.numeric}
    return bool(figures) and figures <= case.asked


def _supported(case: Case, value: Value) -> bool:
    return any(same(value, other) for other in case.evidence.values) or any(
        float(date.year) in value.readings for date in case.evidence.dates if date.year
    )


def _in_its_place(case: Case, value: Value) -> Value | None:
    """The different number that the copied sentence has in the same place."""
    for slot in case.slots:
        if not slot.source or not slot.claim[0].start <= value.start < slot.claim[-1].end:
            continue
        first, last = slot.source[0].start, slot.source[-1].end
        there = [other for other in case.best.values if first <= other.start < last]
        if there and not any(_agrees(value, other) for other in there):
            return there[0]
    return None


def _agrees(value: Value, other: Value) -> bool:
    """A copy may round and bound the source's number; where both are rounded they are the same or not."""
    return same_amount(value, other) if value.relation == other.relation else same(value, other)


def _counterpart(case: Case, value: Value) -> Value | None:
    """A number of the best unit that speaks of the same thing, and that the claim has nowhere."""
    free = [
        other
        for other in case.best.values
        if not other.weak and not any(same(mine, other) for mine in case.claim.values)
    ]
    alike = [o for o in free if o.dimension == value.dimension != "" and _same_context(case, value, o)]
    if len(alike) == 1:
        return alike[0]
    after = _next_stem(case.claim, value)
    return next((o for o in free if after is not None and _next_stem(case.best, o) == after), None)


def _next_stem(passage: Passage, value: Value) -> str | None:
    """What is counted: the word right after the number."""
    word = next((w for w in passage.words if w.start >= value.end), None)
    return word.stem if word is not None and word.content and word.start - value.end <= 2 else None


def _same_context(case: Case, mine: Value | Date, theirs: Value | Date) -> bool:
    return bool(_around(case.claim, mine) & _around(case.best, theirs))


def _around(passage: Passage, thing: Value | Date) -> set[str]:
    before = [w.stem for w in passage.words if w.content and w.end <= thing.start]
    after = [w.stem for w in passage.words if w.content and w.start >= thing.end]
    return {*before[-CONTEXT:], *after[:CONTEXT]}


def dates(case: Case) -> Iterator[Mark]:
    """Dates that differ from the source's, or that it does not have."""
    known = tuple(case.evidence.dates)
    for date in case.claim.dates:
        if any(date.within(other) for other in known) or _is_a_number(case, date):
            continue
        said = case.text[date.start : date.end]
        other = _other_date(case, date)
        if other is not None:
            theirs = case.source[other.start : other.end]
            instead = date.start, date.end, theirs
            yield Mark("date_differs", 1, f"date differs: {said} against {theirs}", instead)
        elif _asked(case, date):
            continue
        elif case.index.holds_date(date):
            yield Mark("date_elsewhere", 1, f"date stands elsewhere in the sources: {said}")
        else:
            yield Mark("date_not_in_sources", 1, f"date not in the sources: {said}")


def _is_a_number(case: Case, date: Date) -> bool:
    """``2000`` may be a count there and a year here."""
    return not date.month and _has(case.evidence.values, float(date.year))


def _has(values: Iterable[Value], number: float) -> bool:
    return any(number in value.readings for value in values)


def _other_date(case: Case, date: Date) -> Date | None:
    for other in case.best.dates:
        free = other.contradicts(date) and not any(mine.within(other) for mine in case.claim.dates)
        if free and _same_context(case, date, other):
            return other
    return None
