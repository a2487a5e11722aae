"""Which of very many names are kept, and what the others come to.

Names come from clients, so that there may be any number of them. Of one dimension in one step the largest
``KEEP`` stay, half of the places going first to those that were acted on most (a user who sends ten attacks
must not vanish behind two hundred who send a thousand clean messages); the others become one name, ``REST``.
A name stays or goes in all pairs of its dimension at once, so that its shares stay true. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from safety.monitor.dimensions import LABELS

KEEP = 200  # names per step and dimension that stay when there are more than FOLD_AT
FOLD_AT = 300  # more than KEEP: a name that has just come must have time to grow
REST = "…"

# Dimensions whose names come from outside or are many, and what their names stand beside in pairs.
OPEN = (*LABELS, *"policy rule category root severity blocked_by failed notice".split())
BESIDE = ("action", "would", "ran")

Row = tuple[str, str]  # dimension (with the step's prefix), name


def family(of: str) -> tuple[str, ...]:
    """The dimension ``of`` and its pairs."""
    return (of, *(f"{of}+{beside}" for beside in BESIDE))


def folded(of: str, rows: Mapping[Row, int]) -> tuple[list[Row], Counter[Row]]:
    """The rows of ``of`` and its pairs that go, and what is to be added to the rest instead."""
    stay = _stay(of, rows)
    gone: list[Row] = []
    rest: Counter[Row] = Counter()
    for (dimension, name), count in rows.items():
        key, beside = (name, "") if dimension == of else _parted(name)
        if key not in stay:
            gone.append((dimension, name))
            rest[dimension, REST + beside] += count
    return gone, rest


def _stay(of: str, rows: Mapping[Row, int]) -> set[str]:
    sizes: Counter[str] = Counter()
    acted: Counter[str] = Counter()
    for (dimension, name), count in rows.items():
        if dimension == of:
            sizes[name] += count
        elif dimension.endswith(("+action", "+would")):
            acted[_parted(name)[0]] += count
    for counts in (sizes, acted):
        counts.pop(REST, None)
    stay = {*_largest(acted)[: KEEP // 2]}
    stay |= {*[key for key in _largest(sizes) if key not in stay][: KEEP - len(stay)]}
    return stay | {REST}


def _largest(counts: Counter[str]) -> list[str]:
    return sorted(counts, key=lambda key: (-counts[key], key))


def _parted(name: str) -> tuple[str, str]:
    """``"acme|block"`` as ``("acme", "|block")``."""
    key, bar, beside = name.rpartition("|")
    return key, bar + beside
