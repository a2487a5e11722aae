"""Edits on text: merging them, and applying them to one string.

Pure. Applying edits to the bytes of a wire body is ``wire.jsonedit``'s work; both put the same text in the
same place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from safety.types import Edit, Segment, Span


def merge_edits(edits: Iterable[Edit]) -> tuple[Edit, ...]:
    """Sorted by place, with overlapping and nested edits made one: the widest span, and the replacement of
    the edit that begins first (of those, the longest)."""
    merged: list[Edit] = []
    for edit in sorted(edits, key=lambda e: (e.span.path, e.span.start, -e.span.end)):
        last = merged[-1] if merged else None
        if last is not None and _overlap(last.span, edit.span):
            end = max(last.span.end, edit.span.end)
            merged[-1] = Edit(Span(last.span.path, last.span.start, end), last.replacement)
        else:
            merged.append(edit)
    return tuple(merged)


def _overlap(first: Span, second: Span) -> bool:
    if first.path != second.path:
        return False
    return second.start < first.end or (first.start, first.end) == (second.start, second.end)


def apply_edits(text: str, path: str, edits: Sequence[Edit]) -> str:
    """``text`` (the whole string at ``path``) with the edits of that path applied; every other code point
    stays. ``edits`` as ``merge_edits`` returns them; ``ValueError`` for a span outside the text."""
    parts: list[str] = []
    at = 0
    for edit in edits:
        if edit.span.path != path:
            continue
        if not at <= edit.span.start <= edit.span.end <= len(text):
            raise ValueError(f"edit {edit.span} does not fit a text of {len(text)} code points")
        parts += (text[at : edit.span.start], edit.replacement)
        at = edit.span.end
    parts.append(text[at:])
    return "".join(parts)


def redacted(segment: Segment, edits: Sequence[Edit]) -> str:
    """The segment's own text with the edits inside it applied."""
    mine = [
        Edit(Span(segment.path, e.span.start - segment.start, e.span.end - segment.start), e.replacement)
        for e in edits
        if segment.holds(e.span)
    ]
    return apply_edits(segment.text, segment.path, mine)
