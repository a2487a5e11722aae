"""Tables of figures for model cards."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from safety.cli.terminal import printable
from safety.measure.metrics import Figure, Observed, auc, average_precision, false_alarms, recall, recall_at

LEAST = 15  # rows of a slice below which its figures say nothing
WORST = 10  # mistakes that a card shows
CUT = 160  # characters of each

_FIGURES: Mapping[str, Callable[[Observed], Figure]] = {
    "auc": auc,
    "average precision": average_precision,
    "recall at 1 % false alarms": lambda seen: recall_at(seen, 0.01),
    "recall": lambda seen: recall(seen.labels, seen.fired),
    "false alarms": lambda seen: false_alarms(seen.labels, seen.fired),
}


def figures(seen: Observed) -> dict[str, float | None]:
    """The figures as data."""
    values = {name: figure(seen).value for name, figure in _FIGURES.items()}
    return {"rows": seen.n, "positives": seen.positives, **values}


def table(title: str, slices: Iterable[tuple[str, Observed]]) -> Iterator[str]:
    """The figures of each slice, in lines of Markdown."""
    yield f"| {title} | rows | positive | {' | '.join(_FIGURES)} |\n|---|--:|--:|{'--:|' * len(_FIGURES)}"
    for name, seen in slices:
        cells = (shown(figure(seen)) for figure in _FIGURES.values())
        yield f"| {plain(name)} | {seen.n} | {seen.positives} | {' | '.join(cells)} |"


def shown(figure: Figure) -> str:
    """A figure in three digits."""
    return "–" if figure.value is None else f"{figure.value:.3f}"


def plain(text: str) -> str:
    """A text from strangers on one line, with nothing in it that ends a cell or a piece of code."""
    return printable(" ".join(text.split())).replace("`", "'").replace("|", "/")
