"""The processes under test: starting them, finding their port, reading their CPU time, ending them."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
HERE = Path(__file__).parent
PATIENCE = 60.0  # seconds for a process to say where it listens, and to come to rest
_URL = re.compile(r"http://(127\.0\.0\.1):(\d+)")


class DidNotStart(Exception):
    """The process ended, or said nothing; the message is its own."""


@dataclass(frozen=True)
class Running:
    """A process that listens on ``port``."""

    pid: int
    port: int

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cpu(self) -> float:
        """CPU seconds that the process and its children have used."""
        return sum(map(_cpu, _family(self.pid)))

    def memory(self) -> float:
        """Resident megabytes of the same."""
        pages = (int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in _family(self.pid))
        return sum(pages) * 4096 / 2**20

    def settle(self) -> None:
        """Wait until it rests: still starting workers, or still writing its record, it would be measured
        doing that."""
        end = time.monotonic() + PATIENCE
        before = self.cpu()
        while time.monotonic() < end:
            time.sleep(0.25)
            now = self.cpu()
            if now - before < 0.01:
                return
            before = now


def _cpu(pid: int) -> float:
    # clock_getcpuclockid(3): nanoseconds, where /proc/<pid>/stat counts in hundredths of a second.
    return time.clock_gettime((~pid << 3) | 2)


def _family(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:
        return []
    return [pid, *(member for child in children for member in _family(int(child)))]


@contextmanager
def endpoint(folder: Path) -> Iterator[Running]:
    """The model endpoint."""
    with _started([sys.executable, str(HERE / "endpoint.py")], folder / "endpoint.log") as running:
        yield running


@contextmanager
def proxy(upstream: str, policy: str, folder: Path, name: str, workers: int = 1) -> Iterator[Running]:
    """The proxy, as ``safety-layer serve`` runs it, with an event store of its own in ``folder``."""
    flags = {
        "--upstream": upstream,
        "--policy": policy,
        "--store": str(folder / f"{name}.sqlite"),
        "--listen": "127.0.0.1:0",
        "--workers": str(workers),
    }
    command = [sys.executable, "-m", "safety.cli.main", "serve", *(part for f in flags.items() for part in f)]
    with _started(command, folder / f"{name}.log") as running:
        _wait_for(f"{running.url}/healthz")
        running.settle()
        yield running


@contextmanager
def unrecorded(upstream: str, policy: str, folder: Path, name: str) -> Iterator[Running]:
    """The same with a record that keeps nothing."""
    command = [sys.executable, str(HERE / "unrecorded.py"), upstream, policy]
    with _started(command, folder / f"unrecorded-{name}.log") as running:
        _wait_for(f"{running.url}/healthz")
        running.settle()
        yield running


@contextmanager
def _started(command: Sequence[str], log: Path) -> Iterator[Running]:
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT)
    try:
        yield Running(process.pid, _port(process, log))
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        said = log.read_text()
        if (found := _URL.search(said)) and said.endswith("\n"):
            return int(found[2])
        if process.poll() is not None:
            raise DidNotStart(said.strip() or f"exit code {process.returncode}")
        time.sleep(0.02)
    raise DidNotStart(f"no port after {PATIENCE:g} s")


def _wait_for(url: str) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError as error:
            if time.monotonic() >= end:
                raise DidNotStart(f"{url}: {error}") from None
            time.sleep(0.05)
