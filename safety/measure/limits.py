"""Limits that a measurement must keep, such as ``prompt_attack.recall>=0.9``.

A limit on what cannot be computed is not kept: a figure that is not there is no proof.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from safety.errors import ConfigError
from safety.measure.summary import FIGURES, Summary

_LIMIT = re.compile(
    r"(?P<category>\w+(?:\.\w+)*)\.(?P<metric>\w+)(?P<sign><=|>=)(?P<bound>[-+.\w]+)", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Limit:
    """``text`` is how it was written."""

    text: str
    category: str
    metric: str
    least: bool
    bound: float

    @classmethod
    def parse(cls, text: str) -> Self:
        """A limit as written on the command line; ``ConfigError`` for anything else."""
        match = _LIMIT.fullmatch("".join(text.split()))
        if match is None:
            raise ConfigError(
                f"--limit {text!r}: not a limit: CATEGORY.METRIC>=VALUE or CATEGORY.METRIC<=VALUE"
            )
        if match["metric"] not in FIGURES:
            allowed = ", ".join(FIGURES)
            raise ConfigError(f"--limit {text!r}: no metric {match['metric']!r}: one of {allowed}")
        return cls(
            text, match["category"], match["metric"], match["sign"] == ">=", _bound(text, match["bound"])
        )

    def broken(self, summary: Summary) -> str | None:
        """Why it is not kept, in one line, or ``None``."""
        value = summary.figure(self.category, self.metric).value
        if value is None:
            return f"{self.text}: cannot be computed from these rows"
        kept = value >= self.bound if self.least else value <= self.bound
        return None if kept else f"{self.text}: it is {value:.4g}"


def _bound(text: str, written: str) -> float:
    try:
        bound = float(written)
    except ValueError:
        bound = math.nan
    if not math.isfinite(bound):
        raise ConfigError(f"--limit {text!r}: {written!r} is no number: such as 0.9")
    return bound


def check_categories(limits: Iterable[Limit], known: Iterable[str]) -> None:
    """``ConfigError`` for a limit on a category of which nobody has heard: it is mistyped."""
    names = sorted(set(known))
    for limit in limits:
        if limit.category not in names:
            allowed = ", ".join(names)
            raise ConfigError(f"--limit {limit.text!r}: no category {limit.category!r}: one of {allowed}")
