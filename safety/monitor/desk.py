"""What pages are made with and of: the desk they share, the look that asked, the page that comes out.

A page is a plain function of desk and look; it knows nothing of sockets, threads or templates' engine, and
runs on a thread of its own, so that it may ask the database.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from starlette.datastructures import QueryParams
from starlette.responses import Response

from safety.monitor.access import Visitor
from safety.monitor.alerts.run import AlertRunner
from safety.monitor.bench import Bench
from safety.monitor.counting import Counting
from safety.monitor.feed import Feed
from safety.monitor.figures import Figures
from safety.monitor.notes import Notes
from safety.monitor.records import Records
from safety.monitor.settings import MonitorSettings


@dataclass(slots=True)
class Desk:
    """What all pages share; lives as long as the application."""

    settings: MonitorSettings
    records: Records
    feed: Feed
    counting: Counting
    notes: Notes
    bench: Bench
    alerts: AlertRunner | None = None
    _figures: Figures | None = None

    @property
    def figures(self) -> Figures:
        """The counts. ``StoreError`` when there is no record yet."""
        if self._figures is None:
            _ = self.records.query  # says better what is missing
            self._figures = Figures(self.settings.store)
        return self._figures

    def close(self) -> None:
        """Let go of all that is held."""
        if self.alerts is not None:
            self.alerts.close()
        self.notes.close()
        self.records.close()
        self.bench.close()
        if self._figures is not None:
            self._figures.close()


@dataclass(frozen=True, slots=True)
class Look:
    """One request, as pages see it. ``path`` holds what stands in the address, ``url`` is the address itself
    (path and query), ``form`` what was sent."""

    visitor: Visitor
    url: str
    query: QueryParams = field(default_factory=QueryParams)
    path: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def asked(self, name: str, default: str = "") -> str:
        """One value of the query, without blanks around it."""
        return self.query.get(name, default).strip()

    def all(self, name: str) -> list[str]:
        """All values of the query that are not empty, in order; commas separate as well."""
        values = (part.strip() for value in self.query.getlist(name) for part in value.split(","))
        return list(dict.fromkeys(value for value in values if value))


@dataclass(frozen=True, slots=True)
class Page:
    """A template and what it needs. ``at`` names the place in the navigation."""

    template: str
    title: str
    at: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200


Answer = Page | Response
Make = Callable[[Desk, Look], Answer]


class NotThere(Exception):
    """What was asked for is not there; says what."""


class NotAllowed(Exception):
    """The visitor may not do that; says what it takes."""


def editor_only(look: Look) -> None:
    """``NotAllowed`` for everybody but editors."""
    if not look.visitor.may_edit:
        raise NotAllowed("this takes the role of an editor: sign in with the editor's token")
