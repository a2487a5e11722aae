"""The dashboard as an application: its addresses, what lives as long as it does, and what becomes of errors.

It never judges traffic and the proxy never waits for it: both only share the record. Pages are plain
functions (``pages``); here they get threads, forms are read, and what they return becomes an answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from jinja2 import Environment
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.convertors import Convertor, register_url_convertor
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from safety.monitor.access import Sessions, Visitor
from safety.monitor.alerts.file import load_alerts
from safety.monitor.alerts.run import AlertRunner
from safety.monitor.alerts.state import state_file
from safety.monitor.bench import Bench
from safety.monitor.counting import Counting
from safety.monitor.desk import Answer, Desk, Look, Make
from safety.monitor.feed import Feed
from safety.monitor.forms import FORM_TOO_OLD, attempted, back_to, error_page, read_form
from safety.monitor.guarded import ROOT, Guarded, cookies
from safety.monitor.notes import Notes
from safety.monitor.pages import event, events, groundedness, health, now, policies, trends, users, wrong
from safety.monitor.records import Records
from safety.monitor.render import environment, html
from safety.monitor.settings import MonitorSettings
from safety.monitor.signing import SignIn
from safety.monitor.sources import source
from safety.monitor.stream import Pulse, stream
from safety.monitor.tallies import Tallies

log = logging.getLogger(__name__)

STATIC = Path(__file__).parent / "static"
THEMES = ("light", "dark", "system")
THEME = "safety_theme"
YEAR = 365 * 86400

Endpoint = Callable[[Request], Awaitable[Response]]

LOOKS: tuple[tuple[str, Make], ...] = (  # what is looked at
    (ROOT, now.page),
    (f"{ROOT}/trends", trends.page),
    (f"{ROOT}/events", events.page),
    (f"{ROOT}/event/{{id:any}}", event.page),
    (f"{ROOT}/users", users.page),
    (f"{ROOT}/user/{{key:any}}", users.one),
    (f"{ROOT}/groundedness", groundedness.page),
    (f"{ROOT}/policies", policies.page),
    (f"{ROOT}/policies/{{number:int}}", policies.one),
    (f"{ROOT}/wrong/{{id:any}}", wrong.ask),
    (f"{ROOT}/health", health.page),
)
DEEDS: tuple[tuple[str, Make], ...] = (  # what forms send
    (f"{ROOT}/event/{{id:any}}", event.unmasked),
    (f"{ROOT}/policies/{{number:int}}", policies.tried),
    (f"{ROOT}/wrong/{{id:any}}", wrong.made),
    (f"{ROOT}/diff/{{id:any}}", wrong.download),
)


class _Any(Convertor[str]):
    """A part of an address that may hold anything: ids come from clients."""

    regex = "(?s:.*)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("any", _Any())


class Monitor:
    """The application. ``close_streams`` lets go of those who watch, before the server waits for them."""

    def __init__(self, settings: MonitorSettings, sessions: Sessions | None = None) -> None:
        self.settings = settings
        self.sessions = sessions or Sessions()
        self.templates: Environment = environment()
        self.desk = Desk(
            settings,
            Records(settings.store),
            Feed(source(settings)),
            Counting(self._tallies),
            Notes(settings.store),
            Bench(settings.policies),
        )
        self.desk.alerts = self._alerts()
        signing = SignIn(settings, self.sessions, self._page)
        routes: list[BaseRoute] = [
            Route("/", _home),
            Route(f"{ROOT}/login", signing.form, methods=["GET"]),
            Route(f"{ROOT}/login", signing.sign_in, methods=["POST"]),
            Route(f"{ROOT}/logout", self._deed(signing.sign_out), methods=["POST"]),
            Route(f"{ROOT}/theme", self._deed(_themed), methods=["POST"]),
            Route(f"{ROOT}/stream", self._stream),
            Mount(f"{ROOT}/static", StaticFiles(directory=STATIC)),
            *[Route(path, self._look(make), methods=["GET"]) for path, make in LOOKS],
            *[Route(path, self._deed(make), methods=["POST"]) for path, make in DEEDS],
        ]
        self._inner = Starlette(
            routes=routes,
            lifespan=self._lifespan,
            exception_handlers={HTTPException: self._http_error, Exception: self._broken},
        )
        self._app = Guarded(self._inner, settings, self.sessions, signing.refused)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        await self._app(scope, receive, send)

    def close_streams(self) -> None:
        """End the live feeds of all who watch. Any thread of the running loop's."""
        self.desk.feed.end_watching()

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        self._pulse = Pulse(self.desk)
        self.desk.feed.start()
        if self.desk.alerts is not None:
            self.desk.alerts.start()
        counting = asyncio.create_task(self.desk.counting.run())
        yield
        counting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await counting
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self.desk.feed.close()
        self.desk.counting.close()
        self.desk.close()

    def _tallies(self) -> Tallies:
        _ = self.desk.records.query  # a record that is not there is not made here
        return Tallies(self.settings.store, user_key=self.desk.records.user_key)

    def _alerts(self) -> AlertRunner | None:
        if self.settings.alerts is None:
            return None
        loaded = load_alerts(self.settings.alerts)
        state = state_file(loaded.state, self.settings.store)
        return AlertRunner(loaded, lambda: self.desk.figures, self.desk.notes.put, state=state)

    # --- answering ---

    async def _stream(self, request: Request) -> Response:
        return stream(self.desk, self._pulse, request.headers, request.query_params)

    def _look(self, make: Make) -> Endpoint:
        async def answer(request: Request) -> Response:
            return await run_in_threadpool(self._answered, make, request, {})

        return answer

    def _deed(self, make: Make) -> Endpoint:
        async def answer(request: Request) -> Response:
            form = await read_form(request)
            visitor: Visitor = request.state.visitor
            if visitor.by != "token" and not self.sessions.form_is_ours(visitor.mark, form.get("csrf", "")):
                return self._page(request, error_page(403, FORM_TOO_OLD))
            return await run_in_threadpool(self._answered, make, request, form)

        return answer

    def _answered(self, make: Make, request: Request, form: dict[str, str]) -> Response:
        look = Look(
            visitor=request.state.visitor,
            url=_address(request),
            query=request.query_params,
            path={key: str(value) for key, value in request.path_params.items()},
            form=form,
            now=datetime.now(UTC),
        )
        return self._page(request, attempted(partial(make, self.desk, look)))

    def _page(self, request: Request, answer: Answer) -> Response:
        if isinstance(answer, Response):
            return answer
        visitor: Visitor | None = getattr(request.state, "visitor", None)
        shared = {
            "visitor": visitor,
            "theme": _theme(request.headers),
            "csrf": "" if visitor is None else self.sessions.form_token(visitor.mark),
            "url": _address(request),
            "now": datetime.now(UTC),
            "store": self.desk.records.name,
        }
        return html(self.templates, answer, shared)

    async def _http_error(self, request: Request, error: Exception) -> Response:
        return self._page(request, error_page(error.status_code if isinstance(error, HTTPException) else 500))

    async def _broken(self, request: Request, error: Exception) -> Response:
        log.error("%s: %s", request.url.path, type(error).__name__, exc_info=error)
        return self._page(request, error_page(500))


def create_monitor(settings: MonitorSettings) -> Monitor:
    """The dashboard for ``settings``. The record need not be there yet; what else is wrong is said now
    (``ConfigError``)."""
    return Monitor(settings)


async def _home(_: Request) -> Response:
    return RedirectResponse(ROOT, 307)


def _themed(_: Desk, look: Look) -> Response:
    """The light or dark look, kept in a cookie."""
    theme = look.form.get("theme", "")
    answer = RedirectResponse(back_to(look.form.get("back", "")), 303)
    if theme in THEMES:
        answer.set_cookie(THEME, theme, max_age=YEAR, path=ROOT, httponly=True, samesite="strict")
    return answer


def _theme(headers: Headers) -> str:
    theme = cookies(headers).get(THEME, "")
    return theme if theme in THEMES else "system"


def _address(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")
