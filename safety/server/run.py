"""Running the application under uvicorn: one process, or several on one socket."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from safety.errors import ConfigError
from safety.events.log import EventLog
from safety.events.memory import MemoryLog
from safety.server.app import create_app
from safety.server.config import Configuration, ServeShape, configure
from safety.server.metrics import COUNTED, publish
from safety.server.monitoring import Beside

# How a worker process learns what to serve. Names of secrets are in it, never secrets.
HANDED_DOWN = "SAFETY_LAYER_SERVE"


def listen(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A listening socket; port 0 takes a free one. ``shared``: others may listen there too, each getting its
    part of the connections. Raises ``ConfigError`` when the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind((host, port))
        bound.listen(2048)  # now, so that nobody is turned away while workers are still starting
    except OSError as error:
        bound.close()
        raise ConfigError(
            f"cannot listen on {host}:{port}: {error.strerror}: choose another address"
        ) from None
    bound.set_inheritable(True)
    return bound


class Workers(Multiprocess):
    """uvicorn's supervisor with a listening socket for each worker: from one for all, the kernel may hand
    nearly every connection to one of them."""

    def __init__(self, config: uvicorn.Config, first: socket.socket) -> None:
        self._address = first.getsockname()[:2]
        self._next: socket.socket | None = first
        self._given: socket.socket | None = None
        super().__init__(config, [])

    @property
    def sockets(self) -> list[socket.socket]:
        """The socket of the worker that is about to start."""
        if self._given is not None:
            self._given.close()  # its worker has a copy; what nobody accepts from must not stay open
        self._given, self._next = self._next or listen(*self._address, shared=True), None
        return [self._given]

    @sockets.setter
    def sockets(self, _: object) -> None:
        return


def server(app: FastAPI | str) -> uvicorn.Config:
    """uvicorn's settings. No access log (the record is the log); ``date`` and ``server`` come from the
    endpoint's own answer."""
    return uvicorn.Config(
        app,
        factory=isinstance(app, str),
        log_level="warning",
        access_log=False,
        proxy_headers=False,  # nothing here asks who the client is
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=10,
        lifespan="on",
    )


def serve(
    shape: ServeShape, folder: Path, workers: int, started: Callable[[Configuration, int, int | None], None]
) -> int:
    """Serve until told to stop, with the dashboard beside it; ``started`` is told the configuration and both
    ports. Returns the exit code."""
    configuration = configure(shape, os.environ, folder)
    bound = listen(configuration.host, configuration.port, shared=workers > 1)
    with bound, ExitStack() as stack:
        port = bound.getsockname()[1]
        if workers == 1:
            app = create_app(configuration)  # before anything is served: what is wrong is said here
            stack.enter_context(_page(configuration, app.state.counted))
            started(configuration, port, stack.enter_context(_dashboard(configuration)))
            uvicorn.Server(server(app)).run(sockets=[bound])
        else:
            _try_out(configuration)
            counted = stack.enter_context(TemporaryDirectory(prefix=COUNTED))
            stack.enter_context(_page(configuration, Path(counted)))
            started(configuration, port, stack.enter_context(_dashboard(configuration)))
            os.environ[HANDED_DOWN] = json.dumps([shape.model_dump(), str(folder), counted])
            config = server("safety.server.run:worker_app")
            config.workers = workers
            Workers(config, bound).run()
    return 0


@contextmanager
def _page(configuration: Configuration, counted: Path) -> Iterator[None]:
    """The metrics on an address of their own, if one is configured: it is this process's, which outlives its
    workers."""
    if isinstance(configuration.metrics, bool):
        yield
        return
    with Background(publish(FastAPI(openapi_url=None), counted), *configuration.metrics):
        yield


@contextmanager
def _dashboard(configuration: Configuration) -> Iterator[int | None]:
    """The dashboard in a process of its own, and its port; nothing if none is configured."""
    settings = configuration.monitor
    if settings is None:
        yield None
        return
    with listen(settings.host, settings.port) as bound, Beside(settings, bound):
        yield bound.getsockname()[1]


def _try_out(configuration: Configuration) -> None:
    """Raise here what every worker would raise."""
    create_app(replace(configuration, metrics=False), MemoryLog())
    EventLog(configuration.store).close()


def worker_app() -> FastAPI:
    """The application of one worker process."""
    fields, folder, counted = json.loads(os.environ[HANDED_DOWN])
    configuration = configure(ServeShape.model_validate(fields), os.environ, Path(folder))
    return create_app(configuration, counted=Path(counted))


class Background:
    """An application served from a thread of this process, for as long as the ``with`` block lasts."""

    def __init__(self, app: FastAPI, host: str, port: int) -> None:
        self._bound = listen(host, port)
        self._host = host
        self._server = uvicorn.Server(server(app))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def url(self) -> str:
        """Where it can be reached."""
        return f"http://{self._host}:{self._bound.getsockname()[1]}"

    def _serve(self) -> None:
        self._server.run(sockets=[self._bound])

    def __enter__(self) -> Self:
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                raise ConfigError("the server did not start: see the lines above")
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        self._bound.close()
