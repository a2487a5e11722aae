"""The application: the proxy, its health page, and what lives as long as they do.

FastAPI carries the control plane; the proxy is mounted as a bare ASGI application beside it, because the
framework's routing and response objects would cost more than the proxy itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
from collections.abc import AsyncIterator

from fastapi import FastAPI

from safety.detectors.registry import load_registry
from safety.events.log import EventLog
from safety.events.recorder import Recorder
from safety.guard import Guard
from safety.memo import Memo
from safety.policy.cases import require, run_cases
from safety.policy.detectors import build
from safety.policy.file import LoadedPolicy, load_policy
from safety.policy.watch import PolicyWatch
from safety.pool import Pool
from safety.server.config import Configuration
from safety.server.proxy import Proxy
from safety.wire.openai import OpenAICodec

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0


class Guards:
    """The guard in force. A changed policy file takes effect once it loads and its own tests pass; until
    then the last good one stays, and ``problem`` says why."""

    def __init__(self, policy: str, recorder: Recorder) -> None:
        self._registry = load_registry()
        self._recorder = recorder
        self._memo = Memo()
        self._pool = Pool()  # outlives a guard: requests that began under the old policy end under it
        self._watch: PolicyWatch[Guard] = PolicyWatch(
            policy,
            self._guard,
            load=lambda path: load_policy(path, self._registry),
        )

    def _guard(self, loaded: LoadedPolicy) -> Guard:
        detectors = build(loaded.policy, self._registry)
        guard = Guard(loaded.policy, detectors, memo=self._memo, pool=self._pool)
        require(run_cases(guard.check, loaded.cases))
        guard.recorder = self._recorder  # only now: the policy's own tests are no events
        return guard

    @property
    def current(self) -> Guard:
        """The guard that new requests get."""
        return self._watch.current.made

    @property
    def problem(self) -> str | None:
        """Why the policy file as it stands is not in force, if so."""
        return None if self._watch.problem is None else self._watch.problem.message

    def poll(self) -> None:
        """Look whether the policy has changed."""
        before = self.problem
        if self._watch.poll():
            log.warning("policy %s is now in force", self.current.policy.id)
        elif self.problem is not None and self.problem != before:
            log.error("the changed policy is not in force: %s", self.problem)


def create_app(configuration: Configuration, recorder: Recorder | None = None) -> FastAPI:
    """The application for a configuration. Raises ``PolicyError``, ``ConfigError``, ``StoreError``: a proxy
    that cannot guard does not start."""
    record = recorder if recorder is not None else EventLog(configuration.store)
    guards = Guards(configuration.policy, record)
    proxy = Proxy(lambda: guards.current, (OpenAICodec(),), configuration.settings)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        poller = asyncio.create_task(_poll(guards))
        # What is loaded by now stays: without this, each full collection walks all of it, up to 300 ms.
        gc.collect()
        gc.freeze()
        yield
        poller.cancel()
        await proxy.close()
        if recorder is None:
            await asyncio.to_thread(record.close)

    app = FastAPI(lifespan=lifespan, openapi_url=None)

    @app.get("/healthz")
    async def healthz() -> dict[str, object]:
        """Whether requests can be judged and recorded."""
        trouble = record.trouble()
        return {
            "status": "ok" if trouble is None else "degraded",
            "policy": guards.current.policy.id,
            "policy_problem": guards.problem,
            "record_problem": trouble,
        }

    app.mount("/", proxy)
    return app


async def _poll(guards: Guards) -> None:
    while True:
        await asyncio.sleep(POLL_SECONDS)
        await asyncio.to_thread(guards.poll)
