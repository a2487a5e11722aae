"""What ``safety-layer eval`` prints on a terminal: the figures of all rows, then those of the slices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import IO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from safety.cli.terminal import printable
from safety.measure.headings import HEADINGS, NONE, RANKING, SHIPPED, SLICED
from safety.measure.metrics import Figure
from safety.measure.summary import POOLED, Card, Speed, Summary

SLICES = 15  # values of one dimension that are shown, those with the most rows
WIDTH = 110  # the least, where the output is no terminal

Line = tuple[str, str, Card]  # slice, category, figures


def show(summary: Summary, file: IO[str]) -> None:
    """Prints the tables."""
    console = Console(file=file, highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, WIDTH)
    _say(console, f"{summary.policy}, {len(summary.results):,} rows")
    lines = [("", name, card) for name, card in _distinct(summary.cards)]
    console.print(_table("how well scores tell apart", lines, RANKING))
    console.print(_table("at the shipped threshold", lines, SHIPPED))
    for dimension, values in summary.slices.items():
        console.print(_table(f"by {dimension}", list(_largest(values)), SLICED))
        if len(values) > SLICES:
            _say(console, f"and {len(values) - SLICES} more: see --report or --json")
    for line in _notes(summary):
        _say(console, line)


def _say(console: Console, line: str) -> None:
    console.print(printable(line), markup=False, soft_wrap=True)


def _distinct(cards: Mapping[str, Card]) -> Iterator[tuple[str, Card]]:
    """The cards, but for pools that say what one of their members says."""
    for name, card in cards.items():
        members = [cards[member].figures for member in POOLED.get(name, ()) if member in cards]
        if card.figures not in members:
            yield name, card


def _largest(values: Mapping[str, Mapping[str, Card]]) -> Iterator[Line]:
    """The lines of the values with the most rows."""
    sizes = {value: max(card.observed.n for card in cards.values()) for value, cards in values.items()}
    for value in sorted(values, key=lambda value: (-sizes[value], value))[:SLICES]:
        yield from ((value, name, card) for name, card in _distinct(values[value]))


def _table(title: str, lines: Sequence[Line], columns: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None)
    sliced = any(value for value, _, _ in lines)
    if sliced:
        table.add_column("", overflow="fold", max_width=34)
    table.add_column("category")
    for heading in ("rows", "positive", *(HEADINGS[name] for name in columns)):
        table.add_column(heading, justify="right")
    shown = None
    for value, name, card in lines:
        first = [Text("" if value == shown else printable(value))] if sliced else []
        counts = (f"{card.observed.n:,}", f"{card.observed.positives:,}")
        table.add_row(*first, Text(printable(name)), *counts, *(_cell(card.figures[c]) for c in columns))
        shown = value
    return table


def _cell(figure: Figure) -> str:
    """The value, and below it the interval."""
    if figure.value is None:
        return NONE
    if figure.low is None or figure.high is None:
        return f"{figure.value:.3f}"
    return f"{figure.value:.3f}\n{_short(figure.low)}–{_short(figure.high)}"


def _short(value: float) -> str:
    """Two digits, without the 0 in front of the point."""
    return f"{value:.2f}".removeprefix("0")


def _notes(summary: Summary) -> Iterator[str]:
    for name, gap in summary.gaps.items():
        yield (
            f"identity gap, {name}: {gap.value:.3f} (false positive rate of {gap.highest} less that of"
            f" {gap.lowest}; {gap.groups} groups)"
        )
    for category, count in summary.not_looked_for.items():
        yield f"not looked for: {category}, of which {count:,} rows speak: no rule asks for it there"
    yield f"could not run: {len(summary.failed):,} rows"
    yield _speed(summary.speed)


def _speed(speed: Speed) -> str:
    rate = NONE if speed.rows_per_second is None else f"{speed.rows_per_second:,.1f}"
    return (
        f"speed: {rate} rows/s; one by one ({speed.sampled} rows):"
        f" mean {speed.mean:.2f}, p50 {speed.p50:.2f}, p95 {speed.p95:.2f}, p99 {speed.p99:.2f} ms"
    )
