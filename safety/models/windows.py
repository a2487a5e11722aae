"""Where a long text is cut and which pieces run together. Pure; it counts tokens and never sees one."""

from __future__ import annotations

from collections.abc import Sequence


def windows(count: int, size: int, overlap: int) -> list[tuple[int, int]]:
    """Half-open windows over ``count`` tokens, in order, that leave none out.

    One window when they fit into ``size``, also for none at all. Otherwise as few as it takes, of one length,
    each sharing at least ``overlap`` with the one before: a short rest would be judged without what led up to
    it, and a full-size one would judge most of it twice. ``ValueError`` unless ``0 <= overlap < size``.
    """
    if not 0 <= overlap < size:
        raise ValueError(f"windows of {size} tokens cannot overlap by {overlap}: allowed are 0 to {size - 1}")
    if count <= size:
        return [(0, count)]
    number = 1 - (size - count) // (size - overlap)  # rounded up
    length = -(-(count + (number - 1) * overlap) // number)
    starts = (at * (count - length) // (number - 1) for at in range(number))
    return [(start, start + length) for start in starts]


def batches(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """The indices of ``lengths``, the shortest first, in batches to be padded to their longest: at most
    ``budget`` tokens with the padding, or else one index alone."""
    made: list[list[int]] = []
    for at in sorted(range(len(lengths)), key=lengths.__getitem__):
        if made and (len(made[-1]) + 1) * lengths[at] <= budget:
            made[-1].append(at)
        else:
            made.append([at])
    return made
