"""*Users*: whom to look at first, by what of theirs was against the policy."""

from __future__ import annotations

from starlette.responses import RedirectResponse

from safety.monitor.desk import Answer, Desk, Look, NotThere, Page
from safety.monitor.guarded import ROOT
from safety.monitor.pages.period import RANGES, period
from safety.monitor.render import address

LINES = 50


def page(desk: Desk, look: Look) -> Page:
    """Keyed names, how often, a score and where it is going."""
    asked = period(look, "7d")
    values = {
        "range": asked,
        "ranges": RANGES,
        "rows": desk.figures.users(asked.since, asked.until, LINES),
        "keyed": desk.records.keyed,
        "most": LINES,
    }
    return Page("users.html", "Users", "users", values)


def one(desk: Desk, look: Look) -> Answer:
    """The events of the user that is counted under the key in the address."""
    labels = desk.records.user_labels(look.path["key"])
    if not labels:
        raise NotThere("No event of that user is in the record any more.")
    return RedirectResponse(address(f"{ROOT}/events", user=labels), 303)
