"""A PostgreSQL and a Redis of the test's own, to be stopped and killed at will."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def reachable(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def wait_for(port: int, up: bool = True) -> None:
    end = time.monotonic() + 30
    while reachable(port) is not up:
        assert time.monotonic() < end, f"port {port}"
        time.sleep(0.05)


class OwnPostgres:
    """A cluster in a folder of its own. PostgreSQL refuses to run as root: then it runs as ``postgres``."""

    def __init__(self, binaries: Path, folder: Path, user: str | None) -> None:
        self.port = free_port()
        self.url = f"postgresql://safety@127.0.0.1:{self.port}/postgres"
        self._binaries, self._folder, self._user = binaries, folder, user
        self._run("initdb", "-D", str(folder / "data"), "-U", "safety", "-A", "trust", "-E", "UTF8")
        self.start()

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self._folder}"
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-w", "-o", options, "-l", os.devnull, "start")
        wait_for(self.port)

    def stop(self, mode: str = "immediate") -> None:
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-w", "-m", mode, "stop")

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._binaries / program, *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            user=self._user,
            cwd=self._folder,
            timeout=60,
        )


@contextlib.contextmanager
def own_postgres() -> Iterator[OwnPostgres]:
    """One that runs; skips the test where PostgreSQL is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    if not found and on_path is None:
        pytest.skip("PostgreSQL's server programs are not installed")
    binaries = found[-1].parent if found else Path(str(on_path)).parent
    user = "postgres" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as name:  # a socket's path must be short
        if user is not None:
            shutil.chown(name, user)
        server = OwnPostgres(binaries, Path(name), user)
        try:
            yield server
        finally:
            with contextlib.suppress(subprocess.CalledProcessError):  # it may be down already
                server.stop()


class OwnRedis:
    """One that keeps nothing."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--save", ""]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_for(self.port)

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(10)
            self._process = None

    def __enter__(self) -> Self:
        if shutil.which("redis-server") is None:
            pytest.skip("redis-server is not installed")
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
