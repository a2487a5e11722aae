"""The dashboard beside the proxy: what the configuration says of it, and a process that runs it.

A process of its own, so that nothing anybody looks at can slow a request; started anew when it ends, and it
ends when the proxy's process does, however that went.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Mapping
from multiprocessing.connection import wait
from types import TracebackType
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict

from safety.errors import ConfigError
from safety.monitor.settings import MonitorSettings
from safety.server.address import address, host_and_port

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds before it is started anew; doubled each time


class MonitorShape(BaseModel):
    """The configuration's ``monitor:``. Tokens are named by environment variable. ``hosts``: names by which
    browsers reach it; ``proxies``: base URLs of proxies whose health is shown; ``policies``: shown and tried
    (default: the proxy's own)."""

    model_config = ConfigDict(extra="forbid")

    listen: Annotated[str, AfterValidator(address)] | None = None
    policies: list[str] = []
    token_viewer_env: str | None = None
    token_editor_env: str | None = None
    oidc_header: str | None = None
    oidc_role_header: str | None = None
    oidc_editor: str = "editor"
    trusted_proxies: list[str] = []
    hosts: list[str] = []
    proxies: list[str] = []
    alerts: str | None = None


def monitor_settings(
    shape: MonitorShape,
    environ: Mapping[str, str],
    *,
    store: str,
    fanout: str | None,
    listen: str,
    policies: tuple[str, ...],
    alerts: str | None,
) -> MonitorSettings:
    """What the dashboard is told. ``listen``: where, if the shape does not say. ``ConfigError`` for a secret
    that is not in the environment, and for a dashboard that anybody could look at."""
    host, port = host_and_port(shape.listen or listen)
    return MonitorSettings(
        store,
        host=host,
        port=port,
        policies=policies,
        fanout=fanout,
        token_viewer=secret(shape.token_viewer_env, environ, "monitor: token_viewer_env"),
        token_editor=secret(shape.token_editor_env, environ, "monitor: token_editor_env"),
        oidc_header=shape.oidc_header,
        oidc_role_header=shape.oidc_role_header,
        oidc_editor=shape.oidc_editor,
        trusted_proxies=tuple(shape.trusted_proxies),
        hosts=tuple(shape.hosts),
        proxies=tuple(shape.proxies),
        alerts=alerts,
    )


def secret(name: str | None, environ: Mapping[str, str], where: str) -> str | None:
    """The secret in the environment variable ``name``, if one is named. ``ConfigError`` when it is empty."""
    if name is None:
        return None
    if not environ.get(name):
        raise ConfigError(f"{where}: the environment variable {name} is not set")
    return environ[name]


class Beside:
    """The dashboard's process, for as long as the ``with`` block lasts."""

    def __init__(self, settings: MonitorSettings, bound: socket.socket) -> None:
        self._settings, self._bound = settings, bound
        self._context = multiprocessing.get_context("spawn")
        self._stop, self._told = self._context.Pipe(duplex=False)
        self._thread = threading.Thread(target=self._keep, name="monitor", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._told.send(None)
        self._thread.join(20)

    def _keep(self) -> None:
        pause = FIRST_PAUSE
        while True:
            process = self._context.Process(
                target=_run, args=(self._settings, self._bound), name="safety-layer-monitor", daemon=True
            )
            process.start()
            if self._stop in wait([process.sentinel, self._stop]):
                process.terminate()
                process.join(10)
                return
            log.error("the dashboard ended (exit code %s): it is started anew", process.exitcode)
            if self._stop.poll(pause):
                return
            pause = min(pause * 2, LONGEST_PAUSE)


def _run(settings: MonitorSettings, bound: socket.socket) -> None:
    from safety.monitor.run import serve_on

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal's Ctrl-C: the proxy ends first, then this
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_die_with, args=(parent.sentinel,), daemon=True).start()
    serve_on(settings, bound)


def _die_with(sentinel: int) -> None:
    wait([sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
