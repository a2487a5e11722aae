"""The outermost layer: who may come in, and the headers that every answer carries.

Bare ASGI, so that nothing gets past it: not an error page, not a file, not a stream.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from safety.monitor.access import Asked, Refused, Sessions, Visitor, admit, misdirected
from safety.monitor.settings import MonitorSettings

SESSION = "safety_session"
ROOT = "/monitor"
FREE = (f"{ROOT}/login", f"{ROOT}/static/")  # for those who have not signed in: the form, and its looks

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# https://cheatsheetseries.owasp.org/cheatsheets/HTTP_Headers_Cheat_Sheet.html
HEADERS = {
    "content-security-policy": CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "x-frame-options": "DENY",
}

Refuse = Callable[[Scope, Refused], Response]


class Guarded:
    """``app`` behind the decision of ``access.admit``. Who was let in is ``scope["state"]["visitor"]``;
    ``refuse`` makes the answer for others."""

    def __init__(
        self,
        app: ASGIApp,
        settings: MonitorSettings,
        sessions: Sessions,
        refuse: Refuse,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._app, self._settings, self._sessions = app, settings, sessions
        self._refuse, self._clock = refuse, clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the application's life."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, _with_headers(scope, send))
        else:  # nothing here speaks over web sockets
            await send({"type": "websocket.close", "code": 1008})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        found = self._admit(scope, headers)
        if isinstance(found, Refused):
            await self._refuse(scope, found)(scope, receive, send)
            return
        scope.setdefault("state", {})["visitor"] = found
        await self._app(scope, receive, send)

    def _admit(self, scope: Scope, headers: Headers) -> Visitor | Refused | None:
        if headers.get("sec-fetch-site") in ("cross-site", "same-site") and scope["method"] != "GET":
            return Refused(403, "a form of another site: nothing was done")
        path = scope["path"]
        if any(path == free or (free.endswith("/") and path.startswith(free)) for free in FREE):
            return misdirected(self._settings, headers.get("host", ""))
        return admit(self._settings, self._asked(scope, headers))

    def _asked(self, scope: Scope, headers: Headers) -> Asked:
        settings, client = self._settings, scope.get("client")
        scheme, _, token = headers.get("authorization", "").partition(" ")
        return Asked(
            host=headers.get("host", ""),
            peer=None if client is None else client[0],
            bearer=token.strip() if scheme.lower() == "bearer" else None,
            session=self._sessions.read(cookies(headers).get(SESSION, ""), self._clock()),
            user=headers.getlist(settings.oidc_header) if settings.oidc_header else (),
            roles=headers.getlist(settings.oidc_role_header) if settings.oidc_role_header else (),
        )


def cookies(headers: Headers) -> dict[str, str]:
    """The cookies of a request; none where they cannot be read."""
    jar: SimpleCookie = SimpleCookie()
    try:
        jar.load(headers.get("cookie", ""))
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in jar.items()}


def _with_headers(scope: Scope, send: Send) -> Callable[[Message], Awaitable[None]]:
    static = scope["path"].startswith(FREE[1])

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            headers["cache-control"] = "no-cache" if static else "no-store"
        await send(message)

    return sent
