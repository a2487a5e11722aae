"""What was measured, as tables for a person or as JSON for a program."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version

Cell = str | float | None


@dataclass
class Table:
    """One section. A row has one cell per column; ``None`` is left empty."""

    title: str
    columns: Sequence[str]
    rows: list[Sequence[Cell]] = field(default_factory=list)
    notes: Sequence[str] = ()

    def text(self) -> str:
        """Aligned columns: words to the left, figures to the right."""
        lines = [list(self.columns), *([_shown(cell) for cell in row] for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        left = [all(isinstance(row[i], str) for row in self.rows) for i in range(len(widths))]
        body = [
            "  ".join(c.ljust(w) if go else c.rjust(w) for c, w, go in zip(line, widths, left, strict=True))
            for line in lines
        ]
        rule = "-" * len(body[0])
        return "\n".join(
            [self.title, rule, body[0].rstrip(), rule, *(b.rstrip() for b in body[1:]), *self.notes]
        )

    def records(self) -> list[dict[str, Cell]]:
        """One object per row."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


def of_target(value: float, target: float | None) -> tuple[Cell, Cell]:
    """The target and the share of it that was used; 1 or less is met."""
    return (None, None) if target is None else (target, f"{value / target:.2f} x")


def machine() -> str:
    """Where and on what this was measured."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("aiohttp", "fastapi", "uvicorn", "uvloop"))
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores shared by client, proxy and endpoint, load before {load:.1f}; "
        f"Python {platform.python_version()}, {packages}"
    )


def as_json(about: str, tables: Sequence[Table]) -> str:
    """All of it."""
    return json.dumps({"machine": about, **{t.title: t.records() for t in tables}}, indent=1)


def _shown(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell
    return f"{cell:,.0f}" if abs(cell) >= 100 else f"{cell:,.1f}" if abs(cell) >= 10 else f"{cell:,.2f}"
