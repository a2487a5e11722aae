"""A real proxy on a real port, in front of an endpoint that the test scripts."""

from __future__ import annotations

import socket
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from typing import Any

from fastapi import FastAPI
from upstreams import Script, ScriptedUpstream

from safety.detectors.base import Detector
from safety.detectors.registry import load_registry
from safety.events.event import Event
from safety.events.memory import MemoryLog
from safety.events.recorder import Recorder
from safety.guard import Guard
from safety.policy.detectors import build
from safety.policy.file import policy_from_text
from safety.server.proxy import Proxy, Settings
from safety.server.run import Background
from safety.server.upstream import Endpoint
from safety.wire.codec import Codec
from safety.wire.openai import OpenAICodec

POLICY = """
version: 1
name: test
detectors:
  blocklist:
    lists:
      stop: {terms: [forbidden, "two words"]}
      hide: {terms: [hidden]}
rules:
  - {id: stop, when: {category: blocklist.stop}, action: block, message: not that}
  - {id: hide, when: {category: blocklist.hide}, action: redact, replacement: "[HIDDEN]"}
"""


class Rig:
    """A scripted endpoint, the proxy in front of it, and the record."""

    def __init__(self, upstream: ScriptedUpstream, proxy: Background, log: MemoryLog) -> None:
        self.upstream, self.proxy, self.log = upstream, proxy, log

    @property
    def url(self) -> str:
        return self.proxy.url

    def raw(self, data: bytes) -> bytes:
        """What comes back for these bytes until the proxy closes the connection."""
        host, port = self.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=20) as sock:
            sock.sendall(data)
            return b"".join(iter(lambda: sock.recv(65536), b""))

    def events(self, count: int) -> list[Event]:
        """The events, once there are ``count``: an observed stream is judged after it has left."""
        end = time.monotonic() + 10
        while len(self.log.events) < count:
            assert time.monotonic() < end, f"{count} events did not come within 10 s"
            time.sleep(0.01)
        return list(self.log.events)

    def stages(self) -> list[tuple[str, str]]:
        """Stage and action of every event so far."""
        return [(str(e.stage), str(e.action)) for e in self.log.events]

    def categories(self) -> list[str]:
        return [hit.category for e in self.log.events for hit in e.hits]


class RigMaker:
    """Makes rigs and takes them down again."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def __call__(
        self,
        script: Script,
        policy: str = POLICY,
        detectors: Sequence[Detector] = (),
        recorder: Recorder | None = None,
        url: str | None = None,
        guard: Guard | None = None,
        codec: Codec | None = None,
        **settings: Any,
    ) -> Rig:
        upstream = self._stack.enter_context(ScriptedUpstream(script))
        log = MemoryLog()
        judge = self._guard(policy, detectors, guard)
        judge.recorder = recorder or log
        endpoint = Endpoint("test", url or upstream.url)
        proxy = Proxy(lambda: judge, (codec or OpenAICodec(),), Settings((endpoint,), **settings))

        @asynccontextmanager
        async def lifespan(_: FastAPI) -> AsyncIterator[None]:
            yield
            await proxy.close()

        app = FastAPI(lifespan=lifespan, openapi_url=None)
        app.mount("/", proxy)
        return Rig(upstream, self._stack.enter_context(Background(app, "127.0.0.1", 0)), log)

    def _guard(self, policy: str, detectors: Sequence[Detector], given: Guard | None) -> Guard:
        """``given``'s policy, detectors and memo in a guard of the rig's own, or one made of ``policy``."""
        if given is not None:
            return self._stack.enter_context(Guard(given.policy, given.detectors, memo=given.memo))
        parsed = policy_from_text(policy).policy
        return self._stack.enter_context(Guard(parsed, [*build(parsed, load_registry()), *detectors]))
