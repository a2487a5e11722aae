"""Pages into HTML: one Jinja2 environment that escapes everything."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import Response

from safety.cli.terminal import printable
from safety.monitor.charts import bar, legend_mark, spark
from safety.monitor.desk import Page
from safety.monitor.guarded import ROOT
from safety.monitor.shown import clock

FOLDER = Path(__file__).parent / "templates"

NAVIGATION = (  # key, path, name, the letter behind "g" that leads there
    ("now", ROOT, "Now", "n"),
    ("trends", f"{ROOT}/trends", "Trends", "t"),
    ("events", f"{ROOT}/events", "Events", "e"),
    ("users", f"{ROOT}/users", "Users", "u"),
    ("groundedness", f"{ROOT}/groundedness", "Groundedness", "r"),
    ("policies", f"{ROOT}/policies", "Policies", "p"),
    ("health", f"{ROOT}/health", "Health", "h"),
)


def environment() -> Environment:
    """The environment of all templates."""
    made = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {
        "root": ROOT,
        "navigation": NAVIGATION,
        "bar": bar,
        "legend_mark": legend_mark,
        "spark": spark,
    }
    made.filters |= {
        "plain": lambda text: printable(str(text)),
        "clock": clock,
        "count": lambda number: f"{number:,}",
        "percent": _percent,
        "ms": _ms,
        "size": _size,
        "ago": _ago,
        "segment": lambda text: quote(_utf8(str(text)), safe=""),
        "query": address,
    }
    return made


def html(templates: Environment, page: Page, shared: dict[str, Any]) -> Response:
    """The answer. What UTF-8 cannot say (half of a surrogate pair from a client) becomes a question mark."""
    values = {"title": page.title, "at": page.at, **shared, **page.values}
    text = templates.get_template(page.template).render(values)
    return Response(text.encode("utf-8", "replace"), page.status, media_type="text/html; charset=utf-8")


def address(path: str, **query: Any) -> str:
    """``path`` with a query; what is empty is left out, lists are repeated."""
    pairs = [
        (key, _utf8(str(one)))
        for key, value in query.items()
        for one in (value if isinstance(value, list | tuple) else [value])
        if one not in ("", None)
    ]
    return f"{path}?{urlencode(pairs)}" if pairs else path


def _utf8(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _percent(share: float) -> str:
    percent = share * 100
    return f"{percent:.0f} %" if percent in (0, 100) or percent >= 10 else f"{percent:.1f} %"


def _ms(value: float | None) -> str:
    if value is None:
        return "–"
    if value >= 1000:
        return f"{value / 1000:.1f} s"
    return f"{value:.0f} ms" if value >= 10 else f"{value:.1f} ms"


def _size(count: int) -> str:
    value = float(count)
    for unit in ("B", "KB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def _ago(at: datetime, now: datetime) -> str:
    seconds = max((now - at).total_seconds(), 0)
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"
