"""*Trends*: what was counted over time, by one property."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from safety.cli.terminal import printable
from safety.errors import ConfigError
from safety.monitor.charts import Line, lines_chart
from safety.monitor.desk import Desk, Look, Page
from safety.monitor.figures import Figures, Series
from safety.monitor.folding import REST
from safety.monitor.guarded import ROOT
from safety.monitor.pages.period import RANGES, Period, period
from safety.monitor.render import address

MOST = 7  # lines, and one for all others
POINTS = 48  # of a line: more cannot be told apart, nor clicked
OTHERS = "all others"


@dataclass(frozen=True, slots=True)
class Property:
    """What events can be counted by: the key to search them by (none: not searched), and whether counts by
    action are kept."""

    words: str
    key: str = ""
    by_action: bool = True


PROPERTIES = {
    "action": Property("action", "action", False),
    "category": Property("category", "category"),
    "severity": Property("severity", "category", False),
    "rule": Property("rule", "rule"),
    "tenant": Property("tenant", "tenant"),
    "model": Property("model", "model"),
    "route": Property("route", "route"),
    "policy": Property("policy version", "policy"),
    "failed": Property("detector not run", "failed", False),
}
ACTIONS = ("", "block", "redact", "annotate", "allow")


def page(desk: Desk, look: Look) -> Page:
    """A chart, the same as a table, and how long judging took in that time."""
    by = look.asked("by", "category")
    if by not in PROPERTIES:
        raise ConfigError(f"by={by!r}: one of {', '.join(PROPERTIES)}")
    known, asked = PROPERTIES[by], period(look, "24h")
    action = look.asked("action") if known.by_action else ""
    if action not in ACTIONS:
        raise ConfigError(f"action={action!r}: one of {', '.join(ACTIONS[1:])}")
    series = coarser(_series(desk.figures, by, action, asked), POINTS)
    values: dict[str, Any] = {
        "by": by,
        "known": known,
        "properties": PROPERTIES,
        "action": action,
        "actions": ACTIONS,
        "range": asked,
        "ranges": RANGES,
        "series": series,
        "latency": desk.figures.percentiles("added_ms", asked.since, asked.until),
        **_drawn(series, by, action, known, asked),
    }
    return Page("trends.html", "Trends", "trends", values)


def _series(figures: Figures, by: str, action: str, asked: Period) -> Series:
    if not action:
        return figures.series(by, asked.since, asked.until, most=MOST)
    pairs = figures.top(f"{by}+action", asked.since, asked.until, 1000)
    names = [name for name, _ in pairs if name.endswith(f"|{action}")][: MOST + 1]
    found = figures.series(f"{by}+action", asked.since, asked.until, names=names)
    plain = {name.rpartition("|")[0]: counts for name, counts in found.counts.items()}
    return Series(found.step_seconds, found.starts, plain)


def coarser(series: Series, most: int) -> Series:
    """The same with neighbouring points added up, so that there are at most ``most``."""
    by = -(-len(series.starts) // most)
    if by < 2:
        return series
    counts = {
        name: [sum(line[at : at + by]) for at in range(0, len(line), by)]
        for name, line in series.counts.items()
    }
    return Series(series.step_seconds * by, series.starts[::by], counts)


def _drawn(series: Series, by: str, action: str, known: Property, asked: Period) -> dict[str, Any]:
    names = list(series.counts)
    shown = {name: OTHERS if name == REST else printable(name) or "(none)" for name in names}
    behind = {words: name for name, words in shown.items()}

    def at_point(words: str, at: int) -> str:
        since = series.starts[at]
        return _events(
            known, by, action, behind[words], since, since + timedelta(seconds=series.step_seconds)
        )

    def whole(name: str) -> str:
        return _events(known, by, action, name, asked.since, asked.until)

    lines = [Line(shown[name], series.counts[name]) for name in names]
    what = "Events" + (f" with action {action}" if action else "") + f" by {known.words}"
    return {
        "chart": lines_chart(
            f"{what}, last {asked.words}", series.starts, series.step_seconds, lines, at_point
        ),
        "what": what,
        "rows": [(shown[name], sum(series.counts[name]), whole(name), series.counts[name]) for name in names],
        "total": sum(sum(counts) for counts in series.counts.values()),
        "table": [
            (f"{start:%Y-%m-%d %H:%M}", [series.counts[name][at] for name in names])
            for at, start in enumerate(series.starts)
            if any(series.counts[name][at] for name in names)
        ],
    }


def _events(known: Property, by: str, action: str, name: str, since: datetime, until: datetime) -> str:
    """Where the events are that were counted."""
    asked: dict[str, Any] = {"since": _stamp(since), "until": _stamp(until)}
    if action:
        asked["action"] = action
    if name != REST and known.key:
        asked[known.key] = name.rpartition(".")[0] if by == "severity" else name
    return address(f"{ROOT}/events", **asked)


def _stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
