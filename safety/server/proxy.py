"""The proxy: one request in, one guarded answer out, one event per stage.

A thin caller: the codec reads and writes the protocol, the guard judges, the upstream fetches. It decides
nothing about texts. What it refuses by itself is what cannot be judged: bodies that cannot be read, paths
that are not configured, replies that are too large.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from safety.errors import WireError
from safety.guard import Guard, new_id
from safety.server.http import (
    ClientError,
    ClientGone,
    Headers,
    Receive,
    Scope,
    Send,
    Watch,
    answer,
    begin,
    header,
    header_size,
    piece,
    read_body,
)
from safety.server.streaming import Relay
from safety.server.upstream import Endpoint, Reply, Timeouts, Upstream, UpstreamError
from safety.types import Action, Exchange, Stage, Verdict
from safety.wire.codec import Codec, Refusal, Request

log = logging.getLogger(__name__)

UPSTREAM_STATUS = {"timeout": 504, "unreachable": 502, "died": 502, "too_large": 502}
JSON: Headers = [(b"content-type", b"application/json")]


@dataclass(frozen=True, slots=True)
class Caps:
    """What is taken at most: bytes of request headers, request body and whole reply; texts per request."""

    headers: int = 64 * 1024
    body: int = 8 * 1024 * 1024
    reply: int = 32 * 1024 * 1024
    segments: int = 4096


@dataclass(frozen=True, slots=True)
class Settings:
    """How the proxy runs. ``passthrough`` holds ``METHOD /path`` patterns (``*`` for anything) that go to the
    upstream unjudged; everything else that no codec speaks is refused."""

    endpoints: tuple[Endpoint, ...]
    passthrough: tuple[str, ...] = ()
    caps: Caps = Caps()
    timeouts: Timeouts = Timeouts()


@dataclass(slots=True)
class _Call:
    """One request on its way."""

    id: str
    scope: Scope
    receive: Receive
    send: Send
    guard: Guard
    codec: Codec | None
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        path: str = self.scope["path"]
        return path

    @property
    def query(self) -> str:
        query: bytes = self.scope["query_string"]
        return query.decode("latin-1")


class Proxy:
    """An ASGI application. ``guard`` is asked for once per request, so that a policy can be exchanged."""

    def __init__(self, guard: Callable[[], Guard], codecs: Iterable[Codec], settings: Settings) -> None:
        self._guard = guard
        self._settings = settings
        self._codecs: Mapping[str, Codec] = {path: codec for codec in codecs for path in codec.paths}
        self._upstreams = [Upstream(e, settings.timeouts) for e in settings.endpoints]
        self._by_model = {m: u for u in self._upstreams for m in u.endpoint.models}

    async def close(self) -> None:
        """Close the connections to the endpoints."""
        for upstream in self._upstreams:
            await upstream.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request; other kinds of connection are refused."""
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008, "reason": "only HTTP is guarded"})
            return
        codec, named = self._codec(scope)
        call = _Call(new_id(), scope, receive, send, self._guard(), codec)
        call.labels = {"route": f"{scope['method']} {call.path}", **named}
        try:
            await self._serve(call)
        except ClientError as error:
            await self._refuse(call, error.status, error.code, str(error), Stage.INPUT)
        except WireError as error:
            await self._refuse(call, error.status, error.code, str(error), Stage.INPUT)
        except ClientGone:
            await self._note(call, Stage.INPUT, Action.BLOCK, "proxy.client_closed", "during the request")
        except Exception as error:  # a fault of our own must not let anything pass, nor go unseen
            log.exception("request %s failed", call.id)
            why = f"internal error: {type(error).__name__}"
            await self._refuse(call, 500, "internal_error", why, Stage.INPUT)

    def _codec(self, scope: Scope) -> tuple[Codec | None, dict[str, str]]:
        """The codec for the path, and what the path itself says (Azure names the model there)."""
        if scope["method"] != "POST":
            return None, {}
        codec = self._codecs.get(scope["path"])
        if codec is not None:
            return codec, {}
        for template, other in self._codecs.items():
            if (named := _templated(template, scope["path"])) is not None:
                return other, {"model": named["deployment"]} if "deployment" in named else {}
        return None, {}

    async def _serve(self, call: _Call) -> None:
        caps = self._settings.caps
        if header_size(call.scope) > caps.headers:
            raise ClientError(431, "headers_too_large", f"the request headers are over {caps.headers} bytes")
        if call.codec is None:
            await self._pass(call)
            return
        if header(call.scope, b"content-encoding") not in (b"", b"identity"):
            raise ClientError(
                415, "unsupported_encoding", "a compressed body cannot be judged: send it plain"
            )
        body = await read_body(call.receive, caps.body, self._settings.timeouts.body)
        request = call.codec.read_request(
            body, id=call.id, labels=call.labels, marks=call.guard.policy.documents
        )
        call.labels = dict(request.exchange.labels)
        if len(request.exchange.segments) > caps.segments:
            raise ClientError(413, "too_many_texts", f"the request holds over {caps.segments} texts")
        verdict = await call.guard.acheck(request.exchange)
        if verdict.blocked:
            await self._send_refusal(call, call.codec.refuse_request(verdict), verdict)
            return
        if verdict.edits:
            body = call.codec.apply(body, verdict.edits)
        await self._forward(call, call.codec, request, body)

    async def _forward(self, call: _Call, codec: Codec, request: Request, body: bytes) -> None:
        watch = Watch(call.receive)
        relay: Relay | None = None
        try:
            async with watch:
                reply = await self._open(call, request.model, body)
                try:
                    _require_plain(reply)
                    if reply.status == 200 and reply.header(b"content-type").startswith("text/event-stream"):
                        relay = Relay(call.guard, codec, request)
                        await self._stream(call, reply, relay)
                        return
                    answered = await reply.read(self._settings.caps.reply)
                finally:
                    reply.close()
            # Nothing to cancel any more: what was fetched is judged and recorded, whoever listens.
            await self._whole(call, codec, request, reply, answered)
        except UpstreamError as error:
            await self._failed(call, error)
        except WireError as error:
            await self._refuse(call, 502, f"upstream_{error.code}", str(error), Stage.OUTPUT)
        except asyncio.CancelledError:
            if not _hung_up(watch):
                raise
            if relay is not None:
                await relay.finish("client_closed")
            else:
                await self._note(call, Stage.OUTPUT, Action.ALLOW, "proxy.client_closed", "before the answer")

    async def _open(self, call: _Call, model: str, body: bytes) -> Reply:
        headers = [(k, v) for k, v in call.scope["headers"] if k != b"accept-encoding"]
        headers.append((b"accept-encoding", b"identity"))  # what comes back must be readable
        return await self._upstream(model).open("POST", call.path, call.query, headers, body)

    def _upstream(self, model: str) -> Upstream:
        """The endpoint that serves ``model``, else the first one: a client cannot name any other."""
        return self._by_model.get(model, self._upstreams[0])

    async def _whole(self, call: _Call, codec: Codec, request: Request, reply: Reply, body: bytes) -> None:
        if reply.status != 200:
            # An error of the endpoint holds no answer; the client's SDK needs it as it is.
            why = f"the endpoint said {reply.status}"
            await self._note(call, Stage.OUTPUT, Action.ALLOW, "upstream.status", why)
            await self._answer(call, reply.status, reply.headers, body)
            return
        verdict = await call.guard.acheck(codec.read_response(body, request))
        if verdict.blocked:
            body = codec.refuse_response(body, verdict)
        elif verdict.edits:
            body = codec.apply(body, verdict.edits)
        await self._answer(call, 200, reply.headers, body, verdict)

    async def _stream(self, call: _Call, reply: Reply, relay: Relay) -> None:
        await begin(call.send, 200, [*_without_length(reply.headers), _event_id(call.id)])
        async for data in relay.run(reply.chunks()):
            await piece(call.send, data)
        await piece(call.send, b"", more=False)

    async def _pass(self, call: _Call) -> None:
        """Send a request to the endpoint unjudged, if the configuration says so; with an event."""
        wanted = f"{call.scope['method']} {call.path}"
        if not any(fnmatchcase(wanted, allowed) for allowed in self._settings.passthrough):
            raise ClientError(404, "path_not_guarded", f"{wanted} is not guarded and not passed through")
        body = await read_body(call.receive, self._settings.caps.body, self._settings.timeouts.body)
        noted = await self._note(call, Stage.INPUT, Action.ALLOW, "proxy.passed_through", wanted)
        if noted.blocked:
            await self._error(call, 503, "record_unavailable", "events cannot be recorded at present")
            return
        watch = Watch(call.receive)
        try:
            async with watch:
                reply = await self._upstreams[0].open(
                    call.scope["method"], call.path, call.query, call.scope["headers"], body
                )
                try:
                    headers = [*_without_length(reply.headers), _event_id(call.id)]
                    await begin(call.send, reply.status, headers)
                    async for data in reply.chunks():
                        await piece(call.send, data)
                    await piece(call.send, b"", more=False)
                finally:
                    reply.close()
        except UpstreamError as error:
            await self._failed(call, error)
        except asyncio.CancelledError:
            if not _hung_up(watch):
                raise

    async def _failed(self, call: _Call, error: UpstreamError) -> None:
        await self._refuse(
            call, UPSTREAM_STATUS[error.code], f"upstream_{error.code}", str(error), Stage.OUTPUT
        )

    async def _refuse(self, call: _Call, status: int, code: str, message: str, stage: Stage) -> None:
        """Answer with an error in the protocol's own shape, and put it on record."""
        await self._note(call, stage, Action.BLOCK, f"proxy.{code}", message)
        await self._error(call, status, code, message)

    async def _error(self, call: _Call, status: int, code: str, message: str) -> None:
        codec = call.codec or next(iter(self._codecs.values()))
        refusal = codec.error(status, code, message, call.id)
        await self._answer(call, refusal.status, JSON, refusal.body)

    async def _note(self, call: _Call, stage: Stage, action: Action, category: str, why: str) -> Verdict:
        exchange = Exchange(call.id, stage, (), labels=call.labels)
        return await call.guard.anote(exchange, action, category, why)

    async def _send_refusal(self, call: _Call, refusal: Refusal, verdict: Verdict) -> None:
        headers = [(b"content-type", refusal.content_type.encode())]
        await self._answer(call, refusal.status, headers, refusal.body, verdict)

    async def _answer(
        self, call: _Call, status: int, headers: Headers, body: bytes, verdict: Verdict | None = None
    ) -> None:
        own = [_event_id(call.id)]
        if verdict is not None:
            own.append((b"x-safety-action", str(verdict.action).encode()))
        await answer(call.send, status, [*_without_length(headers), *own], body)


def _hung_up(watch: Watch) -> bool:
    """Whether the task was cancelled because the client hung up; if so the task lives on."""
    task = asyncio.current_task()
    if watch.gone and task is not None:
        task.uncancel()
    return watch.gone


def _require_plain(reply: Reply) -> None:
    encoding = reply.header(b"content-encoding")
    if encoding not in ("", "identity"):
        raise WireError("unsupported_encoding", f"the reply is encoded as {encoding}: it cannot be judged")


def _without_length(headers: Headers) -> Headers:
    return [(name, value) for name, value in headers if name.lower() != b"content-length"]


def _event_id(exchange_id: str) -> tuple[bytes, bytes]:
    return b"x-safety-event-id", exchange_id.encode()


def _templated(template: str, path: str) -> dict[str, str] | None:
    """What a codec's ``{placeholders}`` stand for in ``path``, each one path segment; ``None`` where the path
    has another form."""
    if "{" not in template:
        return None
    wanted, given = template.split("/"), path.split("/")
    if len(wanted) != len(given):
        return None
    named = {w.strip("{}"): g for w, g in zip(wanted, given, strict=True) if w.startswith("{") and g}
    return (
        named if all(w == g or w.strip("{}") in named for w, g in zip(wanted, given, strict=True)) else None
    )
