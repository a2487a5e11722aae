"""Drawings on the server, as inline SVG: lines over time, and small ones in a table's row.

A line is told from the others by its colour, its dashes, the shape of its points and its name, so that no one
of them alone matters. Names come from strangers: everything is escaped here, and nothing carries a style, so
that the pages' content policy holds. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from markupsafe import Markup

WIDTH, HEIGHT = 960, 320
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 16, 34
LINES = 8  # more than so many cannot be told apart
_DASHES = ("", "9 4", "2 4", "12 4 2 4", "6 3 1 3 1 3", "16 5", "4 2", "1 3")
_MOST_POINTS = 60  # with a shape of their own; of more, only those that are not 0


@dataclass(frozen=True, slots=True)
class Line:
    """A line's name and its values, one per point in time."""

    name: str
    values: Sequence[float]


Href = Callable[[str, int], str]  # where a line's point leads to: name and number of the point


def lines_chart(
    title: str, starts: Sequence[datetime], step: float, lines: Sequence[Line], href: Href | None = None
) -> Markup:
    """The first ``LINES`` lines over time. ``starts``: where each point's ``step`` (in seconds) begins."""
    top = nice(max((max(line.values, default=0) for line in lines), default=0))
    drawn = lines[:LINES]
    inner = [_grid(top), _times(starts, step)]
    inner += [_curve(at, line, top) for at, line in enumerate(drawn)]
    inner += [_points(at, line, top, starts, step, href) for at, line in enumerate(drawn)]
    said = "; ".join(f"{line.name}: {_number(sum(line.values))}" for line in drawn) or "nothing"
    return Markup(
        '<svg class="chart" viewBox="0 0 {w} {h}" role="{role}" aria-label="{label}" data-chart>{inner}</svg>'
    ).format(w=WIDTH, h=HEIGHT, role="group", label=f"{title}. {said}.", inner=Markup("").join(inner))


def legend_mark(at: int) -> Markup:
    """What line number ``at`` looks like, beside its name."""
    return Markup(
        '<svg class="legend-mark s{at}" viewBox="0 0 44 16" width="44" height="16" aria-hidden="true">'
        '<line x1="2" y1="8" x2="42" y2="8" stroke-dasharray="{dash}"/>{shape}</svg>'
    ).format(at=at, dash=_DASHES[at % LINES], shape=_shape(at, 22, 8, 4.5))


def spark(values: Sequence[float], words: str) -> Markup:
    """A line without axes, 120 by 28; ``words`` say what it shows."""
    top = max(max(values, default=0), 1e-9)
    across = 116 / max(len(values) - 1, 1)
    points = " ".join(f"{2 + i * across:.1f},{26 - 24 * value / top:.1f}" for i, value in enumerate(values))
    return Markup(
        '<svg class="spark" viewBox="0 0 120 28" width="120" height="28" role="img" aria-label="{words}">'
        '<polyline points="{points}"/></svg>'
    ).format(words=words, points=points)


def bar(share: float, words: str = "") -> Markup:
    """A share from 0 to 1 as a bar, 100 by 10; the number stands beside it."""
    width = 100 * min(max(share, 0.0), 1.0)
    return Markup(
        '<svg class="bar" viewBox="0 0 100 10" width="100" height="10" {said} preserveAspectRatio="none">'
        '<rect class="bar-back" width="100" height="10" rx="2"/>'
        '<rect class="bar-fill" width="{width:.1f}" height="10" rx="2"/></svg>'
    ).format(
        width=width,
        said=Markup('role="img" aria-label="{}"').format(words) if words else Markup('aria-hidden="true"'),
    )


def nice(value: float) -> float:
    """The first round number that is not below ``value``; at least 4, so that quarters are whole."""
    if value <= 4:
        return 4.0
    power = 1.0
    while True:
        for factor in (1, 2, 4, 6, 8):
            if power * factor >= value:
                return power * factor
        power *= 10


# --- parts --------------------------------------------------------------------------------------------------


def _x(at: int, count: int) -> float:
    inside = WIDTH - LEFT - RIGHT
    return LEFT + (inside / 2 if count < 2 else inside * at / (count - 1))


def _y(value: float, top: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top)


def _grid(top: float) -> Markup:
    parts = []
    for quarter in range(5):
        value = top * quarter / 4
        y = f"{_y(value, top):.1f}"
        parts.append(
            Markup(
                '<line class="grid" x1="{x1}" y1="{y}" x2="{x2}" y2="{y}"/>'
                '<text class="tick" x="{tx}" y="{y}" dy="0.35em" text-anchor="end">{said}</text>'
            ).format(x1=LEFT, x2=WIDTH - RIGHT, y=y, tx=LEFT - 8, said=_number(value))
        )
    return Markup("").join(parts)


def _times(starts: Sequence[datetime], step: float) -> Markup:
    """Up to seven times along the bottom."""
    count = len(starts)
    every = max(-(-count // 7), 1)
    form = "%H:%M" if step < 3600 * 6 and count * step <= 86400 * 1.5 else "%d %b"
    if form == "%d %b" and step < 86400 and count * step <= 86400 * 8:
        form = "%d %b %H:%M"
    parts = [
        Markup('<text class="tick" x="{x:.1f}" y="{y}" text-anchor="{anchor}">{said}</text>').format(
            x=_x(at, count),
            y=HEIGHT - 10,
            anchor=_anchor(at, count),
            said=starts[at].astimezone(UTC).strftime(form),
        )
        for at in range(0, count, every)
    ]
    return Markup("").join(parts)


def _anchor(at: int, count: int) -> str:
    if at == 0:
        return "start"
    return "end" if at == count - 1 else "middle"


def _curve(at: int, line: Line, top: float) -> Markup:
    count = len(line.values)
    points = " ".join(f"{_x(i, count):.1f},{_y(value, top):.1f}" for i, value in enumerate(line.values))
    return Markup('<polyline class="curve s{at}" points="{points}" stroke-dasharray="{dash}"/>').format(
        at=at, points=points, dash=_DASHES[at % LINES]
    )


def _points(
    at: int, line: Line, top: float, starts: Sequence[datetime], step: float, href: Href | None
) -> Markup:
    count = len(line.values)
    parts = []
    for i, value in enumerate(line.values):
        if value == 0 and (count > _MOST_POINTS or at > 0):
            continue
        shape = _shape(at, _x(i, count), _y(value, top), 4)
        said = f"{line.name}: {_number(value)} from {starts[i].astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        mark = Markup('<g class="point s{at}"><title>{said}</title>{shape}</g>').format(
            at=at, said=said, shape=shape
        )
        if href is not None and value:
            mark = Markup('<a href="{to}" aria-label="{said}">{mark}</a>').format(
                to=href(line.name, i), said=said, mark=mark
            )
        parts.append(mark)
    return Markup("").join(parts)


def _shape(at: int, x: float, y: float, r: float) -> Markup:
    """The shape of line number ``at``'s points around (x, y)."""
    kind = at % LINES
    if kind == 0:
        return Markup('<circle cx="{:.1f}" cy="{:.1f}" r="{:.1f}"/>').format(x, y, r)
    outline = _OUTLINES[kind - 1]
    path = " ".join(f"{x + r * dx:.1f},{y + r * dy:.1f}" for dx, dy in outline)
    return Markup('<polygon points="{}"/>').format(path)


_OUTLINES: tuple[tuple[tuple[float, float], ...], ...] = (
    ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),  # square
    ((0, -1.2), (1.1, 0.9), (-1.1, 0.9)),  # triangle
    ((0, -1.3), (1.1, 0), (0, 1.3), (-1.1, 0)),  # diamond
    ((-1.1, -0.9), (1.1, -0.9), (0, 1.2)),  # triangle on its head
    (  # plus
        *((-0.4, -1.2), (0.4, -1.2), (0.4, -0.4), (1.2, -0.4), (1.2, 0.4), (0.4, 0.4)),
        *((0.4, 1.2), (-0.4, 1.2), (-0.4, 0.4), (-1.2, 0.4), (-1.2, -0.4), (-0.4, -0.4)),
    ),
    ((-1.3, -0.6), (1.3, -0.6), (1.3, 0.6), (-1.3, 0.6)),  # wide
    (  # cross
        *((-1.2, -0.7), (-0.7, -1.2), (0, -0.5), (0.7, -1.2), (1.2, -0.7), (0.5, 0)),
        *((1.2, 0.7), (0.7, 1.2), (0, 0.5), (-0.7, 1.2), (-1.2, 0.7), (-0.5, 0)),
    ),
)


def _number(value: float) -> str:
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.1f}"
