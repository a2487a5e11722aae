"""The proxy as a process: ``safety-layer serve``."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

COMMAND = (sys.executable, "-m", "safety.cli.main", "serve")


@contextmanager
def serving(
    *arguments: str, folder: Path, kill: bool = False, **environment: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process, and the proxy's base URL. At the end it is told to stop, so that its workers do too; or
    it is killed."""
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    try:
        assert process.stderr is not None
        first = process.stderr.readline()
        assert first.startswith("safety-layer on http://"), first + process.stderr.read()
        yield process, first.split()[2]
    finally:
        (process.kill if kill else process.terminate)()
        process.communicate(timeout=30)
