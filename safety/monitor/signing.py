"""Signing in and out, and the answer to those who have not."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import Scope

from safety.monitor.access import Refused, Sessions, role_of, trusted
from safety.monitor.desk import Answer, Desk, Look, Page
from safety.monitor.forms import FORM_TOO_OLD, back_to, error_page, read_form
from safety.monitor.guarded import ROOT, SESSION, cookies
from safety.monitor.settings import MonitorSettings

VISIT = "safety_visit"  # ties the form to sign in to a browser that has no session yet
SLOWER = 0.3  # seconds that a wrong token costs

Render = Callable[[Request, Answer], Response]


class SignIn:
    """The form to sign in, and what it does. ``render`` makes answers of pages."""

    def __init__(self, settings: MonitorSettings, sessions: Sessions, render: Render) -> None:
        self._settings, self._sessions, self._render = settings, sessions, render

    async def form(self, request: Request) -> Response:
        """The form."""
        return self._form(request, back_to(request.query_params.get("to", "")), "")

    async def sign_in(self, request: Request) -> Response:
        """With the right token: a session. Otherwise the form again, after a while."""
        form = await read_form(request)
        to = back_to(form.get("to", ""))
        visit = cookies(request.headers).get(VISIT, "")
        if not visit or not self._sessions.form_is_ours(visit, form.get("csrf", "")):
            return self._form(request, to, FORM_TOO_OLD)
        role = role_of(self._settings, form.get("token", "").strip())
        if role is None:
            await asyncio.sleep(SLOWER)
            return self._form(request, to, "That token is not known here.")
        name = " ".join(form.get("name", "").split()) or str(role)
        answer = RedirectResponse(to, 303)
        session = self._sessions.begin(name, role, time.time())
        self._keep(request, answer, SESSION, session)
        answer.delete_cookie(VISIT, path=ROOT, httponly=True, samesite="strict")
        return answer

    def sign_out(self, _: Desk, look: Look) -> Response:
        """The session is no longer one."""
        self._sessions.end(look.visitor.mark, time.time())
        answer = RedirectResponse(f"{ROOT}/login", 303)
        answer.delete_cookie(SESSION, path=ROOT, httponly=True, samesite="strict")
        return answer

    def refused(self, scope: Scope, why: Refused) -> Response:
        """The answer to those who may not look: the form for people, words for programs."""
        request = Request(scope)
        if "text/html" not in request.headers.get("accept", ""):
            return PlainTextResponse(why.why, why.status, {"www-authenticate": "Bearer"})
        if why.status != 401 or request.method != "GET":
            return self._render(request, error_page(why.status, why.why))
        return self._form(request, back_to(_asked_for(scope)), "", 401)

    def _form(self, request: Request, to: str, problem: str, status: int | None = None) -> Response:
        visit = secrets.token_urlsafe(16)
        values = {
            "to": to,
            "problem": problem,
            "token": self._sessions.form_token(visit),
            "has_tokens": bool(self._settings.token_viewer or self._settings.token_editor),
        }
        code = status or (403 if problem else 200)
        answer = self._render(request, Page("login.html", "Sign in", values=values, status=code))
        self._keep(request, answer, VISIT, visit)
        return answer

    def _keep(self, request: Request, answer: Response, name: str, value: str) -> None:
        answer.set_cookie(
            name, value, path=ROOT, httponly=True, samesite="strict", secure=self._encrypted(request)
        )

    def _encrypted(self, request: Request) -> bool:
        """Whether the browser speaks HTTPS, here or to a proxy that is believed."""
        peer = None if request.client is None else request.client.host
        said = request.headers.get("x-forwarded-proto", "") if trusted(self._settings, peer) else ""
        return request.url.scheme == "https" or said == "https"


def _asked_for(scope: Scope) -> str:
    query = scope["query_string"].decode("latin-1")
    return f"{scope['path']}?{query}" if query else str(scope["path"])
