"""The proxy: one request in, one guarded answer out, one event per stage.

A thin caller: the codec reads and writes the protocol, the guard judges, the upstream fetches. It decides
nothing about texts. What it refuses by itself is what cannot be judged: bodies that cannot be read, paths
that are not configured or ambiguous, redirects, replies that are too large.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

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
    beside,
    foreign_charset,
    header,
    header_size,
    piece,
    read_body,
    without_length,
)
from safety.server.paths import Paths
from safety.server.streaming import Relay
from safety.server.upstream import Endpoint, Reply, Timeouts, Upstream, UpstreamError
from safety.types import Action, Exchange, Stage, Verdict
from safety.wire.codec import Codec, Refusal, Request

log = logging.getLogger(__name__)

_STATUS = {"timeout": 504}  # 502 for all else
STOP_SECONDS = 5.0  # for what a server that stops still has to judge and record


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
    """One request on its way. ``stage`` is the first one without an event, none once both have theirs;
    ``begun`` says that an answer is going out, so that no other can."""

    id: str
    scope: Scope
    receive: Receive
    send: Send
    guard: Guard
    labels: dict[str, str]
    codec: Codec | None = None
    stage: Stage | None = Stage.INPUT
    begun: bool = False
    relay: Relay | None = None

    @property
    def raw_path(self) -> str:
        """The path as it came: ASCII, percent-encoded."""
        raw: bytes = self.scope["raw_path"]
        return raw.decode("latin-1")

    @property
    def query(self) -> str:
        query: bytes = self.scope["query_string"]
        return query.decode("latin-1")

    @property
    def unrecorded(self) -> Stage | None:
        """The stage that an event is still owed for."""
        return None if self.relay is not None and self.relay.recorded else self.stage

    def recorded(self) -> None:
        """The stage has its event."""
        self.stage = Stage.OUTPUT if self.stage is Stage.INPUT else None


class Proxy:
    """An ASGI application. ``guard`` is asked for once per request, so that a policy can be exchanged."""

    def __init__(self, guard: Callable[[], Guard], codecs: Iterable[Codec], settings: Settings) -> None:
        self._guard = guard
        self._settings = settings
        self._codecs = tuple(codecs)
        self._paths = Paths(self._codecs, settings.passthrough)
        self._upstreams = [Upstream(e, settings.timeouts) for e in settings.endpoints]
        self._by_model = {m: u for u in self._upstreams for m in u.endpoint.models}
        self._running: set[asyncio.Task[Any]] = set()

    async def close(self) -> None:
        """Wait until requests that were broken off are on record; close the connections to the endpoints."""
        if self._running:
            await asyncio.wait(self._running, timeout=STOP_SECONDS)
        for upstream in self._upstreams:
            await upstream.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request; other kinds of connection are refused."""
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008, "reason": "only HTTP is guarded"})
            return
        # A copy: uvicorn adds a chunked body's trailers to the list after the headers have been looked at.
        scope = {**scope, "headers": list(scope["headers"])}
        call = _Call(new_id(), scope, receive, send, self._guard(), {})
        call.labels["route"] = f"{scope['method']} {call.raw_path}"
        running = {task for task in (asyncio.current_task(),) if task is not None}
        self._running |= running
        try:
            await self._attempt(call)
        except asyncio.CancelledError:  # a client that hung up was seen to before: the server stops
            await self._stopped(call)
            raise
        finally:
            self._running -= running

    async def _attempt(self, call: _Call) -> None:
        try:
            await self._serve(call)
        except (ClientError, WireError) as error:
            await self._refuse(call, error.status, error.code, str(error))
        except ClientGone:
            await self._note(call, Action.BLOCK, "proxy.client_closed", "during the request")
        except Exception as error:  # a fault of our own must not let anything pass, nor go unseen
            log.exception("request %s failed", call.id)
            await self._fault(call, f"internal error: {type(error).__name__}")

    async def _serve(self, call: _Call) -> None:
        caps, scope = self._settings.caps, call.scope
        if header_size(scope) > caps.headers:
            raise ClientError(431, "headers_too_large", f"the request headers are over {caps.headers} bytes")
        call.codec, named = self._paths.route(scope["method"], scope["raw_path"], scope["path"])
        if call.codec is None:
            await self._pass(call)
            return
        if "deployment" in named:  # Azure names the model in the path
            call.labels["model"] = named["deployment"]
        if header(scope, b"content-encoding") not in (b"", b"identity"):
            raise ClientError(
                415, "unsupported_encoding", "a compressed body cannot be judged: send it plain"
            )
        if foreign_charset(header(scope, b"content-type")):
            raise ClientError(415, "unsupported_charset", "the charset is not UTF-8, which alone is judged")
        await self._judge(call, call.codec)

    async def _judge(self, call: _Call, codec: Codec) -> None:
        caps = self._settings.caps
        body = await read_body(call.receive, caps.body, self._settings.timeouts.body)
        request = await beside(
            body, codec.read_request, id=call.id, labels=call.labels, marks=call.guard.policy.documents
        )
        call.labels = dict(request.exchange.labels)
        if len(request.exchange.segments) > caps.segments:
            raise ClientError(413, "too_many_texts", f"the request holds over {caps.segments} texts")
        verdict = await self._check(call, request.exchange)
        if verdict.blocked:
            await self._send_refusal(call, codec.refuse_request(verdict), verdict)
            return
        await self._forward(call, codec, request, await beside(body, codec.apply, verdict.edits))

    async def _check(self, call: _Call, exchange: Exchange) -> Verdict:
        (verdict,) = await call.guard.ajudge((exchange,))
        return await self._record(call, call.guard.arecord(verdict))

    async def _record(self, call: _Call, recording: Awaitable[Verdict]) -> Verdict:
        """The verdict in force. The event is there before the wait until it is durable: whoever breaks that
        off must not make a second one."""
        try:
            verdict = await recording
        except asyncio.CancelledError:
            call.recorded()
            raise
        call.recorded()
        return verdict

    async def _forward(self, call: _Call, codec: Codec, request: Request, body: bytes) -> None:
        watch = Watch(call.receive)
        try:
            async with watch:
                reply = await self._open(call, request.model, body)
                try:
                    reply.require_answer_or_error()
                    if reply.ok and reply.streams:
                        await self._stream(call, codec, request, reply)
                        return
                    fetched = await reply.read(self._settings.caps.reply)
                finally:
                    reply.close()
            # Nothing to cancel any more: what was fetched is judged and recorded, whoever listens.
            await (self._whole if reply.ok else self._error_reply)(call, codec, request, reply, fetched)
        except UpstreamError as error:
            await self._failed(call, error)
        except WireError as error:
            await self._refuse(call, 502, f"upstream_{error.code}", str(error))
        except asyncio.CancelledError:
            if not watch.hung_up():
                raise
            await self._broken_off(call, Action.ALLOW, "client_closed")

    async def _open(self, call: _Call, model: str, body: bytes) -> Reply:
        headers = [(k, v) for k, v in call.scope["headers"] if k != b"accept-encoding"]
        headers.append((b"accept-encoding", b"identity"))  # what comes back must be readable
        return await self._upstream(model).open("POST", call.raw_path, call.query, headers, body)

    def _upstream(self, model: str) -> Upstream:
        """The endpoint that serves ``model``, else the first one: a client cannot name any other."""
        return self._by_model.get(model, self._upstreams[0])

    async def _whole(self, call: _Call, codec: Codec, request: Request, reply: Reply, body: bytes) -> None:
        reply.require_plain()
        verdict = await self._check(call, await beside(body, codec.read_response, request))
        if verdict.blocked:
            body = await beside(body, codec.refuse_response, verdict)
        else:
            body = await beside(body, codec.apply, verdict.edits)
        await self._answer(call, reply.status, reply.headers, body, verdict)

    async def _error_reply(
        self, call: _Call, codec: Codec, request: Request, reply: Reply, body: bytes
    ) -> None:
        """An error of the endpoint's own. SDKs need it as it is, but gateways quote texts in it."""
        status = {"upstream_status": str(reply.status)}
        call.labels |= status
        kept = [(name, value) for name, value in reply.headers if name.lower() == b"retry-after"]
        try:
            reply.require_plain()
            if reply.streams:
                raise WireError("event_stream", "an error is no stream", status=502)
            exchange = await beside(body, codec.read_error, request)
        except WireError as error:
            why = f"the model endpoint answered {reply.status} with what cannot be judged ({error.code})"
            await self._refuse(call, reply.status, "upstream_error", why, kept)
            return
        verdict = await self._check(call, replace(exchange, labels={**exchange.labels, **status}))
        if verdict.blocked:
            why = (
                f"the model endpoint answered {reply.status}; what it said was blocked by the content policy"
            )
            await self._error(call, reply.status, "upstream_error", why, kept, verdict)
            return
        body = await beside(body, codec.apply, verdict.edits)
        await self._answer(call, reply.status, reply.headers, body, verdict)

    async def _stream(self, call: _Call, codec: Codec, request: Request, reply: Reply) -> None:
        reply.require_plain()
        call.relay = Relay(call.guard, codec, request)
        await self._begin(call, reply)
        async for data in call.relay.run(reply.chunks()):
            await piece(call.send, data)
        await piece(call.send, b"", more=False)

    async def _begin(self, call: _Call, reply: Reply) -> None:
        call.begun = True
        await begin(call.send, reply.status, [*without_length(reply.headers), _event_id(call.id)])

    async def _pass(self, call: _Call) -> None:
        """Send a request to the endpoint unjudged; with an event, and one more if that breaks off."""
        body = await read_body(call.receive, self._settings.caps.body, self._settings.timeouts.body)
        if await self._note(call, Action.ALLOW, "proxy.passed_through", call.labels["route"]) is Action.BLOCK:
            await self._error(call, 503, "record_unavailable", "events cannot be recorded at present")
            return
        watch = Watch(call.receive)
        try:
            async with watch:
                reply = await self._upstreams[0].open(
                    call.scope["method"], call.raw_path, call.query, call.scope["headers"], body
                )
                try:
                    await self._begin(call, reply)
                    async for data in reply.chunks():
                        await piece(call.send, data)
                    await piece(call.send, b"", more=False)
                finally:
                    reply.close()
        except UpstreamError as error:
            await self._failed(call, error)
        except asyncio.CancelledError:
            if not watch.hung_up():
                raise
            await self._broken_off(call, Action.ALLOW, "client_closed")

    async def _stopped(self, call: _Call) -> None:
        """Put on record what a stopping server breaks off; no second cancellation keeps that from it."""
        action = Action.ALLOW if call.begun else Action.BLOCK
        recording = asyncio.create_task(self._broken_off(call, action, "server_stopped"))
        try:
            await asyncio.wait_for(asyncio.shield(recording), STOP_SECONDS)
        except Exception:  # there is nobody left to tell
            log.exception("the end of request %s is not on record", call.id)

    async def _broken_off(self, call: _Call, action: Action, end: str) -> None:
        if call.relay is not None:
            await self._finish(call, call.relay, end, f"the stream ended ({end})")
            return
        when = "during the answer" if call.begun else "before the answer"
        await self._note(call, action, f"proxy.{end}", when)

    async def _finish(self, call: _Call, relay: Relay, end: str, why: str) -> None:
        try:
            await relay.finish(end)
        except Exception:  # the same fault again, most likely
            log.exception("the stream of request %s cannot be judged to its end", call.id)
            await self._note(call, Action.BLOCK, "proxy.internal_error", why)

    async def _failed(self, call: _Call, error: UpstreamError) -> None:
        await self._refuse(call, _STATUS.get(error.code, 502), f"upstream_{error.code}", str(error))

    async def _fault(self, call: _Call, why: str) -> None:
        """After a fault of our own nothing of the answer goes out any more; a stream says that it failed."""
        if call.relay is None or not call.begun:
            await self._refuse(call, 500, "internal_error", why)
            return
        await self._finish(call, call.relay, "internal_error", why)
        await piece(call.send, call.relay.fail("internal_error", why), more=False)

    async def _refuse(
        self, call: _Call, status: int, code: str, message: str, headers: Headers | None = None
    ) -> None:
        """Answer with an error in the protocol's own shape, and put it on record. An answer that has begun
        is cut instead: left incomplete, it makes uvicorn close the connection."""
        await self._note(call, Action.ALLOW if call.begun else Action.BLOCK, f"proxy.{code}", message)
        if not call.begun:
            await self._error(call, status, code, message, headers)

    async def _error(
        self,
        call: _Call,
        status: int,
        code: str,
        message: str,
        headers: Headers | None = None,
        verdict: Verdict | None = None,
    ) -> None:
        codec = call.codec or self._codecs[0]
        refusal = codec.error(status, code, message, call.id)
        await self._send_refusal(call, refusal, verdict, headers or [])

    async def _note(self, call: _Call, action: Action, category: str, why: str) -> Action:
        """Record what happened in the stage that has no event yet, if there is one; the action in force."""
        stage = call.unrecorded
        if stage is None:
            return action
        exchange = Exchange(call.id, stage, (), labels=call.labels)
        return (await self._record(call, call.guard.anote(exchange, action, category, why))).action

    async def _send_refusal(
        self,
        call: _Call,
        refusal: Refusal,
        verdict: Verdict | None,
        headers: Iterable[tuple[bytes, bytes]] = (),
    ) -> None:
        kind = (b"content-type", refusal.content_type.encode())
        await self._answer(call, refusal.status, [*headers, kind], refusal.body, verdict)

    async def _answer(
        self, call: _Call, status: int, headers: Headers, body: bytes, verdict: Verdict | None = None
    ) -> None:
        own = [_event_id(call.id)]
        if verdict is not None:
            own.append((b"x-safety-action", str(verdict.action).encode()))
        call.begun = True
        await answer(call.send, status, [*without_length(headers), *own], body)


def _event_id(exchange_id: str) -> tuple[bytes, bytes]:
    return b"x-safety-event-id", exchange_id.encode()
