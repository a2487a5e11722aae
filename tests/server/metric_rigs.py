"""Reading ``/metrics``, and proxies that have one."""

from __future__ import annotations

import asyncio
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import proxies
from prometheus_client import parser
from rigs import POLICY
from upstreams import Request, Script, ScriptedUpstream, completion, whole

from safety.events.memory import MemoryLog
from safety.server.app import create_app
from safety.server.config import ServeShape, configure
from safety.server.run import Background

CHAT = "POST /v1/chat/completions"
CLEAN, FORBIDDEN = "How are you?", "say the forbidden thing"


class Page:
    """What the page at ``url`` says now."""

    def __init__(self, url: str) -> None:
        self.text = httpx.get(f"{url}/metrics", timeout=20).raise_for_status().text
        families = parser.text_string_to_metric_families(self.text)
        self.samples = [sample for family in families for sample in family.samples]

    def __call__(self, name: str, **labels: str) -> float:
        """The sum of the samples of that name that have these labels."""
        return sum(s.value for s in self.samples if s.name == name and labels.items() <= s.labels.items())

    def values(self, name: str, label: str) -> dict[str, float]:
        """The samples of that name that are not 0, by one label."""
        found: dict[str, float] = {}
        for sample in self.samples:
            if sample.name == name and sample.value:
                found[sample.labels[label]] = found.get(sample.labels[label], 0) + sample.value
        return found


def eventually(url: str, wanted: Callable[[Page], bool], seconds: float = 120) -> Page:
    """The page, once it says what is wanted."""
    end = time.monotonic() + seconds
    while not wanted(page := Page(url)):
        assert time.monotonic() < end, page.text
        time.sleep(0.05)
    return page


def ask(url: str, text: str = CLEAN, **more: Any) -> httpx.Response:
    body = {"model": "m", "messages": [{"role": "user", "content": text}], **more}
    return httpx.post(f"{url}/v1/chat/completions", json=body, timeout=60)


def shape(upstream: str, folder: Path, **more: Any) -> ServeShape:
    policy = folder / "policy.yaml"
    if not policy.exists():
        policy.write_text(POLICY)
    given = {"endpoints": [{"name": "e", "url": upstream}], "policy": str(policy), **more}
    return ServeShape.model_validate({"listen": "127.0.0.1:0", **given})


def application(stack: ExitStack, folder: Path, script: Script, **more: Any) -> tuple[str, MemoryLog]:
    """A whole application in front of a scripted endpoint: its URL and its record."""
    upstream, log = stack.enter_context(ScriptedUpstream(script)), MemoryLog()
    app = create_app(configure(shape(upstream.url, folder, **more), {}), log)
    return stack.enter_context(Background(app, "127.0.0.1", 0)).url, log


def hangs(release: threading.Event) -> Script:
    async def script(request: Request, writer: asyncio.StreamWriter) -> None:
        while not release.is_set():  # noqa: ASYNC110 - it is set by another thread
            await asyncio.sleep(0.01)
        await whole(completion("fine"))(request, writer)

    return script


@contextmanager
def serving(
    folder: Path, configuration: str, workers: int, **environment: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and the proxy's base URL."""
    (folder / "policy.yaml").write_text(POLICY)
    always = "listen: 127.0.0.1:0\nmonitor: false\npolicy: policy.yaml\n"
    (folder / "serve.yaml").write_text(always + configuration)
    flags = ("--config", "serve.yaml", "--workers", str(workers))
    with proxies.serving(*flags, folder=folder, **environment) as running:
        yield running
