"""Running the dashboard under uvicorn, in a process of its own."""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn

from safety.monitor.app import Monitor, create_monitor
from safety.monitor.settings import MonitorSettings
from safety.server.run import listen


class Server(uvicorn.Server):
    """uvicorn, which lets go of those who watch before it waits for them."""

    def __init__(self, config: uvicorn.Config, monitor: Monitor) -> None:
        super().__init__(config)
        self._monitor = monitor

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the live feeds, then everything."""
        self._monitor.close_streams()
        await super().shutdown(sockets)


def serve(settings: MonitorSettings, started: Callable[[int], None]) -> int:
    """Serve until told to stop; ``started`` is told the port. Returns the exit code."""
    with listen(settings.host, settings.port) as bound:
        return serve_on(settings, bound, started)


def serve_on(
    settings: MonitorSettings, bound: socket.socket, started: Callable[[int], None] = lambda port: None
) -> int:
    """The same on a socket that listens already."""
    monitor = create_monitor(settings)
    config = uvicorn.Config(
        monitor,
        log_level="warning",
        access_log=False,
        proxy_headers=False,  # who is trusted is said in the settings
        server_header=False,
        timeout_graceful_shutdown=5,
        lifespan="on",
    )
    started(bound.getsockname()[1])
    Server(config, monitor).run(sockets=[bound])
    return 0
