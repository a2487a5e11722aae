"""``kill -9`` of the proxy under load: whoever was told "blocked" has an event, and the chain holds."""

from __future__ import annotations

import random
import subprocess
import threading
import time
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest
from proxies import serving
from services import own_postgres
from upstreams import ScriptedUpstream, completion, whole

from safety.events.chain import verify_chain
from safety.events.event import Event
from safety.events.query import EventQuery

POLICY = """
version: 1
name: killed
detectors: {blocklist: {lists: {stop: {terms: [forbidden]}}}}
rules:
  - {id: stop, when: {category: blocklist.stop}, action: block}
"""
TIMES = 20
CLIENTS = 4


def body(text: str) -> dict[str, object]:
    return {"model": "m", "messages": [{"role": "user", "content": text}]}


class Load:
    """Clients that ask for what is blocked and what is not, and note what they were told."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/v1/chat/completions"
        self._stop = threading.Event()
        self.blocked: list[str] = []
        self.passed = 0
        self._threads = [threading.Thread(target=self._ask) for _ in range(CLIENTS)]

    def _ask(self) -> None:
        with httpx.Client(timeout=10) as client:
            while not self._stop.is_set():
                try:
                    answer = client.post(self._url, json=body("a forbidden thing"))
                    if answer.status_code == 400:  # the answer came whole: it counts
                        self.blocked.append(answer.headers["x-safety-event-id"])
                    self.passed += client.post(self._url, json=body("a fine thing")).status_code == 200
                except httpx.TransportError:
                    return

    def under_way(self) -> None:
        """Wait until some have been answered."""
        end = time.monotonic() + 30
        while len(self.blocked) < CLIENTS or not self.passed:
            assert time.monotonic() < end, "there is no load"
            time.sleep(0.01)

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(20)


def proxy(
    upstream: str, store: str, folder: Path
) -> AbstractContextManager[tuple[subprocess.Popen[str], str]]:
    """A proxy process that is killed at the end, if it was not before."""
    (folder / "policy.yaml").write_text(POLICY)
    flags = ("--listen", "127.0.0.1:0", "--no-monitor", "--store", store, "--upstream", upstream)
    return serving(*flags, "--policy", str(folder / "policy.yaml"), folder=folder, kill=True)


def recorded(store: str) -> set[str]:
    """The exchanges that the record says were blocked."""
    entries = EventQuery(store).events(where={"action": "block"})
    return {entry.exchange for entry in entries if isinstance(entry, Event)}


def killed_under_load(store: str, folder: Path, times: int) -> None:
    pauses = random.Random(9)
    told: list[str] = []
    passed = 0
    with ScriptedUpstream(whole(completion("fine"))) as upstream:
        for _ in range(times):
            with proxy(upstream.url, store, folder) as (process, url), Load(url) as load:
                load.under_way()
                time.sleep(pauses.uniform(0, 0.3))
                process.kill()
            told += load.blocked
            passed += load.passed
    assert len(told) >= CLIENTS * times
    assert passed >= times
    assert set(told) <= recorded(store)
    assert verify_chain(EventQuery(store).chain()) is None


@pytest.mark.timeout(600)
def test_killed_twenty_times_on_sqlite(tmp_path: Path) -> None:
    killed_under_load(str(tmp_path / "events.sqlite"), tmp_path, TIMES)


@pytest.mark.timeout(600)
def test_killed_on_postgresql(tmp_path: Path) -> None:
    with own_postgres() as postgres:
        killed_under_load(postgres.url, tmp_path, 5)


@pytest.mark.timeout(300)
def test_postgresql_restarted_under_load(tmp_path: Path) -> None:
    with own_postgres() as postgres, ScriptedUpstream(whole(completion("fine"))) as upstream:
        with proxy(upstream.url, postgres.url, tmp_path) as (_, url), Load(url) as load:
            load.under_way()
            postgres.stop()
            time.sleep(1)
            answer = httpx.post(f"{url}/v1/chat/completions", json=body("a fine thing"), timeout=20)
            health = httpx.get(f"{url}/healthz", timeout=20).json()
            postgres.start()
            before = len(load.blocked)
            end = time.monotonic() + 30
            while httpx.get(f"{url}/healthz", timeout=20).json()["status"] != "ok":
                assert time.monotonic() < end, "it did not come back"
                time.sleep(0.1)
            time.sleep(1)
        query = EventQuery(postgres.url)
        gaps = [entry for entry in query.events() if not isinstance(entry, Event)]
        assert answer.status_code == 400, "without a record, on_error blocks"
        assert health["status"] == "degraded"
        assert len(load.blocked) > before, "traffic did not go on"
        assert gaps, "the gap is not stated"
        assert verify_chain(query.chain()) is None
        # Those that were told "blocked" while there was no record are in the gap; all others have events.
        missing = set(load.blocked) - recorded(postgres.url)
        assert len(missing) <= sum(gap.lost for gap in gaps if hasattr(gap, "lost"))
