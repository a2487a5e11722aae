"""Citations such as ``[2]`` or ``[1, 3]``: whether the cited source bears the sentence out, and which would.

Numbers count the sources of the exchange from 1, in their order. Other ways to cite (footnotes, names, links)
are not known here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from safety.detectors.groundedness.examine import UNGROUNDED, Examined

_CITED = re.compile(r"\[(\d{1,3}(?:\s*[,;–-]\s*\d{1,3})*)\]")
_BEHIND = re.compile(
    r"(?:[ \t]{0,4}+\[\d[^\[\]\n]{0,40}\]){0,9}+"
)  # not on the next line: that lists sources
_NUMBER = re.compile(r"(\d+)(?:\s*[–-]\s*(\d+))?")
_MOST = 20  # sources that one pair of brackets may name


@dataclass(frozen=True, slots=True)
class Miscited:
    """``text[start:end]`` cites what does not bear the claim out, for the reason ``why``."""

    claim: Examined
    start: int
    end: int
    score: float
    why: str


def cited(text: str, one: Examined) -> Iterator[tuple[int, int, list[int]]]:
    """The brackets in a claim or right behind it, and the numbers they name."""
    end = one.claim.end
    behind = _BEHIND.match(text, end)
    for found in _CITED.finditer(text, one.claim.start, behind.end() if behind else end):
        yield found.start(), found.end(), _numbers(found[1])


def _numbers(inside: str) -> list[int]:
    numbers: list[int] = []
    for first, last in _NUMBER.findall(inside):
        ends = sorted((int(first), int(last or first)))
        numbers += range(ends[0], ends[1] + 1)
        if len(numbers) >= _MOST:
            break
    return numbers[:_MOST]


def miscited(
    text: str, examined: Sequence[Examined], count: int, score: Callable[[Examined, Sequence[int]], float]
) -> Iterator[Miscited]:
    """Citations of claims that the sources together bear out and the cited ones alone do not. ``count`` is
    how many sources there are; ``score`` judges a claim before some of them (numbers from 0). All that one
    claim cites is taken together: each may bear out a part of it."""
    read_to = 0  # a bracket belongs to the first claim it stands in or behind
    for one in examined:
        brackets = [found for found in cited(text, one) if found[0] >= read_to]
        if brackets:
            read_to = brackets[-1][1]
            yield from _wrong(one, brackets, count, score)


def _wrong(
    one: Examined,
    brackets: Sequence[tuple[int, int, list[int]]],
    count: int,
    score: Callable[[Examined, Sequence[int]], float],
) -> Iterator[Miscited]:
    named = sorted({number - 1 for *_, numbers in brackets for number in numbers if 1 <= number <= count})
    alone = score(one, named) if named and not one.ungrounded else 0.0
    for start, end, numbers in brackets:
        if not all(1 <= number <= count for number in numbers):
            yield Miscited(one, start, end, 1.0, f"no such source: there are {count}")
        elif alone >= UNGROUNDED:
            yield Miscited(one, start, end, alone, "the cited source does not say it, another does")
