"""Alerts in words, and strangers' names made harmless for whatever shows them.

Names of tenants, models and routes come from clients. In a log or a mail they must not begin a line or a
header of their own; in a chat they must not mention anybody, nor become a link, a picture or markup. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from safety.cli.terminal import printable
from safety.monitor.alerts.rules import Alert, Condition, Measure

SHOWN = 10  # names in one alert; the rest is counted
MOST_NAME, MOST_TEXT = 80, 400  # code points
_ZERO_WIDTH_SPACE = "\u200b"

_WHAT = {
    Measure.COUNT: "count of {of}",
    Measure.RATE: "{of} per minute",
    Measure.SHARE: "share of {of}",
    Measure.LATENCY: "{quantile:g} quantile of {of}",
    Measure.NOT_RUN: "runs of {of} that did not succeed",
    Measure.USER_SCORE: "score",
    Measure.LOST: "events that could not be recorded",
}


def title(alert: Alert) -> str:
    """One line: what, how bad, whom about. Safe to print."""
    about = f" ({clean(alert.subject)})" if alert.subject else ""
    test = "TEST, " if alert.test else ""
    return f"[{test}{alert.status.upper()}] {alert.severity}: {clean(alert.rule, MOST_NAME)}{about}"


def reading_text(when: Condition, subject: str, value: float | None) -> str:
    """What was read, and what it is compared with. Names in it are as they came."""
    over = span(when.over)
    if when.measure is Measure.FIRST_HIT:
        return f"{when.of} seen for the first time: {subject}"
    if when.measure is Measure.BEHIND:
        return f"the counts are {span(value or 0.0)} behind the record ({bound(when)})"
    if when.measure is Measure.ABSENCE:
        seen = "no" if not value else f"{value:g}"
        return f"{seen} {_of(when)} in {over}"
    what = _WHAT[when.measure].format(of=_of(when), quantile=when.quantile)
    said = "not known: too little to judge" if value is None else number(when, value)
    return f"{what} over {over} is {said} ({bound(when)})"


def bound(when: Condition) -> str:
    """``above 5 %``: the comparison in the value's own unit."""
    return f"{when.bound.how.replace('_', ' ')} {number(when, when.bound.value)}"


def number(when: Condition, value: float) -> str:
    """``value`` with its unit."""
    if when.measure is Measure.SHARE:
        return f"{value * 100:.3g} %"
    if when.measure is Measure.LATENCY:
        return f"{value:.4g} ms"
    if when.measure is Measure.BEHIND:
        return span(value)
    return f"{value:.0f}" if value == round(value) else f"{value:.4g}"


def gone(rule: str) -> str:
    """Why something is resolved whose rule is no more."""
    return f"the alert {rule} was taken out of the file"


def several(names: Sequence[str]) -> str:
    """The first few names in one line."""
    more = len(names) - SHOWN
    shown = ", ".join(clean(name, MOST_NAME) for name in names[:SHOWN])
    return f"{shown} and {more} more" if more > 0 else shown


def span(seconds: float) -> str:
    """``10 min``, ``36 h``, ``7 d``: the largest unit of which it is a whole number, from two on."""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds // length:g} {unit}"
    return f"{seconds:.4g} s"


def _of(when: Condition) -> str:
    if when.measure is Measure.NOT_RUN:
        return when.name or ("one detector" if when.each else "all detectors")
    named = " each" if when.each else ""
    return f"{when.of}{named}" if when.name is None else f"{when.of}{named} {when.name}"


# --- strangers' names ---------------------------------------------------------------------------------------


def clean(text: str, most: int = MOST_TEXT) -> str:
    """One line of visible characters, cut to ``most``."""
    shown = printable(text)
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def chat(text: str) -> str:
    """``text`` as code of Slack's markup, in which nothing of it means anything.

    ``&``, ``<`` and ``>`` are escaped as Slack asks (https://api.slack.com/docs/message-formatting), which
    undoes its mentions and links. Mattermost mentions a bare ``@name`` and renders Markdown whatever the
    message says about ``parse``: so it stands in backticks, and ``@`` and ``://`` are broken up.
    """
    shown = clean(text).replace("`", "'")
    for found, put in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        shown = shown.replace(found, put)
    for sign in ("@", "://"):
        shown = shown.replace(sign, f"{sign[0]}{_ZERO_WIDTH_SPACE}{sign[1:]}")
    return f"`{shown}`"
