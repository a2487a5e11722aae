"""The proxy with a record that keeps nothing: what the record costs is the difference.

``python unrecorded.py UPSTREAM POLICY`` serves like ``safety-layer serve`` with one worker, on a free port
that it prints.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import Future
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))  # the project itself, installed or not

import uvicorn  # noqa: E402

from safety.events.event import Event  # noqa: E402
from safety.server.app import create_app  # noqa: E402
from safety.server.config import ServeShape, configure  # noqa: E402
from safety.server.run import listen, server  # noqa: E402


class NullRecorder:
    """Takes events and keeps nothing."""

    def put(self, event: Event) -> Future[None]:
        future: Future[None] = Future()
        future.set_result(None)
        return future

    def trouble(self) -> str | None:
        return None

    def behind(self) -> bool:
        return False

    def close(self) -> None:
        return None


def main(upstream: str, policy: str) -> None:
    shape = ServeShape.model_validate(
        {"endpoints": [{"name": "upstream", "url": upstream}], "policy": policy}
    )
    with listen("127.0.0.1", 0) as bound:
        app = create_app(configure(shape, os.environ), NullRecorder())
        print(f"http://127.0.0.1:{bound.getsockname()[1]}", flush=True)
        uvicorn.Server(server(app)).run(sockets=[bound])


if __name__ == "__main__":
    main(*sys.argv[1:])
