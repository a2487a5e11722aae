"""The application: the proxy, its health page, and what lives as long as they do.

FastAPI carries the control plane; the proxy is mounted as a bare ASGI application beside it, because the
framework's routing and response objects would cost more than the proxy itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI

from safety.detectors.registry import load_registry
from safety.errors import MissingExtra
from safety.events.fanout import Fanout
from safety.events.log import EventLog
from safety.events.recorder import Recorder, WhenBehind
from safety.guard import Guard
from safety.memo import Memo
from safety.policy.cases import require, run_cases
from safety.policy.detectors import build
from safety.policy.file import LoadedPolicy, load_policy
from safety.policy.watch import PolicyWatch
from safety.pool import Pool
from safety.server.config import Configuration
from safety.server.metrics import Metered, Metrics, Routes, publish
from safety.server.proxy import Proxy
from safety.wire.openai import OpenAICodec

if TYPE_CHECKING:
    from safety.server.telemetry import Telemetry

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0


class Guards:
    """The guard in force. A changed policy file takes effect once it loads and its own tests pass; until
    then the last good one stays, and ``problem`` says why."""

    def __init__(self, policy: str, recorder: Recorder, when_behind: Callable[[WhenBehind], None]) -> None:
        self._registry = load_registry()
        self._recorder, self._when_behind = recorder, when_behind
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
        self._when_behind(loaded.policy.when_behind)
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
            logger.warning("policy %s is now in force", self.current.policy.id)
        elif self.problem is not None and self.problem != before:
            logger.error("the changed policy is not in force: %s", self.problem)


def create_app(
    configuration: Configuration, recorder: Recorder | None = None, *, counted: Path | None = None
) -> FastAPI:
    """The application for a configuration. Metrics are counted in the folder ``counted``, with those of other
    workers, or in one of their own (``app.state.counted``). Raises ``PolicyError``, ``ConfigError``,
    ``StoreError``: a proxy that cannot guard does not start."""
    codecs = (OpenAICodec(),)
    record, when_behind = (recorder, _no_matter) if recorder is not None else _record(configuration)
    routes = Routes(codecs, configuration.settings.passthrough)
    metrics = Metrics(routes, counted) if configuration.metrics else None
    telemetry = _telemetry(routes) if configuration.telemetry else None
    seen: Recorder = record if metrics is None else Metered(record, metrics)
    seen = seen if telemetry is None else telemetry.recorder(seen)
    guards = Guards(configuration.policy, seen, when_behind)
    proxy = Proxy(lambda: guards.current, codecs, configuration.settings)

    def look() -> None:
        if metrics is not None:
            metrics.look(guards.current, guards.problem, record)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        poller = asyncio.create_task(_poll(guards.poll, look))
        if telemetry is not None:
            telemetry.start()
        # What is loaded by now stays: without this, each full collection walks all of it, up to 300 ms.
        gc.collect()
        gc.freeze()
        yield
        poller.cancel()
        await proxy.close()
        if recorder is None:
            await asyncio.to_thread(record.close)
        if metrics is not None:
            metrics.close()
        if telemetry is not None:
            await asyncio.to_thread(telemetry.close)

    app = FastAPI(lifespan=lifespan, openapi_url=None)
    app.state.counted = metrics.folder if metrics is not None else None

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

    if metrics is not None and configuration.metrics is True:
        publish(app, metrics.folder, look)
    served = proxy if telemetry is None else telemetry.watched(proxy)
    app.mount("/", served if metrics is None else metrics.watched(served))
    return app


def _telemetry(routes: Routes) -> Telemetry:
    try:
        from safety.server.telemetry import Telemetry
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"telemetry: {error.name} is not installed: pip install 'content-safety-layer[otel]'"
        ) from error
    return Telemetry(lambda route: routes[route])


def _record(configuration: Configuration) -> tuple[Recorder, Callable[[WhenBehind], None]]:
    """Where events go, and how to say what becomes of them when they come too fast."""
    log = EventLog(configuration.store)
    return (log if configuration.fanout is None else Fanout(log, configuration.fanout)), log.when_behind


def _no_matter(_: WhenBehind) -> None:
    """For a record that somebody else keeps."""


async def _poll(*looks: Callable[[], None]) -> None:
    while True:
        for look in looks:
            await asyncio.to_thread(look)
        await asyncio.sleep(POLL_SECONDS)
