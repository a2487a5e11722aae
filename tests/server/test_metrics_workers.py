"""``/metrics`` of whole processes: of several workers, of killed ones, and where it may be read."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from metric_rigs import CHAT, CLEAN, FORBIDDEN, Page, ask, eventually, hangs, serving
from upstreams import ScriptedUpstream, completion, whole

from safety.errors import ConfigError
from safety.server.config import ServeShape, configure


def configured(listen: str, metrics: bool | str | None, passthrough: Sequence[str] = ()) -> Any:
    given = {"endpoints": [{"name": "e", "url": "http://127.0.0.1:1"}], "passthrough": [*passthrough]}
    return configure(ServeShape.model_validate({"listen": listen, "metrics": metrics, **given}), {}).metrics


def test_who_cannot_be_trusted_with_them_does_not_get_them() -> None:
    for loopback in ("127.0.0.1:1", "localhost:1", "[::1]:1", "127.8.8.8:1"):
        assert configured(loopback, None) is True
        assert configured(loopback, True) is True
        assert configured(loopback, False) is False
    for public in ("0.0.0.0:1", "192.0.2.1:1", "[::]:1", "proxy.example:1"):
        assert configured(public, None) is False
        assert configured(public, "10.0.0.1:9464") == ("10.0.0.1", 9464)
        with pytest.raises(ConfigError, match=r"every client of .* could read them: write an address"):
            configured(public, True)
    assert configured("127.0.0.1:1", None, ["GET /metrics"]) is False  # the endpoint's own
    assert configured("127.0.0.1:1", "[::1]:9464") == ("::1", 9464)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def workers_of(pid: int) -> list[int]:
    """The worker processes."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(one) for one in children if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()]


LINUX = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for workers in /proc")


def traffic(url: str, count: int) -> None:
    """Requests, one half of them blocked and the others' answers redacted. Each comes on a connection of its
    own, so that every worker gets some."""
    for n in range(count):
        status = ask(url, FORBIDDEN if n % 2 else CLEAN).status_code
        assert status == (400 if n % 2 else 200)


def counted(page: Page) -> tuple[float, ...]:
    """How many prompts passed, were blocked, and had their answer redacted."""
    stages = (("input", "allow"), ("input", "block"), ("output", "redact"))
    return tuple(page("safety_requests_total", route=CHAT, stage=s, action=a) for s, a in stages)


@LINUX
@pytest.mark.timeout(600)  # workers take half a minute to start where others keep the machine busy
def test_two_workers_are_summed_and_right_after_one_is_killed(tmp_path: Path) -> None:
    port = free_port()
    with ScriptedUpstream(whole(completion("the hidden word"))) as upstream:
        configuration = f"endpoints: [{{name: e, url: '{upstream.url}'}}]\nmetrics: 127.0.0.1:{port}\n"
        with serving(tmp_path, configuration, 2) as (process, url):
            apart = f"http://127.0.0.1:{port}"
            eventually(apart, lambda page: page("safety_workers") == 2)
            assert httpx.get(f"{url}/metrics").status_code == 404  # not for the proxy's own clients
            traffic(url, 40)
            assert counted(Page(apart)) == (20, 20, 20)
            for killed in workers_of(process.pid):
                os.kill(killed, signal.SIGKILL)
                page = eventually(apart, lambda page: page("safety_workers") == 1)
                assert counted(page) == (20, 20, 20)
                eventually(apart, lambda page: page("safety_workers") == 2)
            traffic(url, 10)
            page = Page(apart)
            assert counted(page) == (25, 25, 25)
            assert page("safety_detector_runs_total", detector="blocklist", outcome="ok") >= 2
            assert page("safety_stage_seconds_count", stage="input") == 50
            (in_force,) = page.values("safety_policy_info", "policy").values()
            assert in_force <= 2


@LINUX
@pytest.mark.timeout(600)  # workers take half a minute to start where others keep the machine busy
def test_what_a_killed_worker_had_in_flight_is_so_no_more(tmp_path: Path) -> None:
    release = threading.Event()
    with ScriptedUpstream(hangs(release)) as upstream, ExitStack() as stack:
        stack.callback(release.set)
        port = free_port()
        configuration = f"endpoints: [{{name: e, url: '{upstream.url}'}}]\nmetrics: 127.0.0.1:{port}\n"
        process, url = stack.enter_context(serving(tmp_path, configuration, 2))
        apart = f"http://127.0.0.1:{port}"
        eventually(apart, lambda page: page("safety_workers") == 2)
        threads = [threading.Thread(target=broken_off, args=(url,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        eventually(apart, lambda page: page("safety_requests_in_flight") == 8)
        for killed in workers_of(process.pid):
            os.kill(killed, signal.SIGKILL)
        for thread in threads:
            thread.join(60)
        page = eventually(apart, lambda page: page("safety_workers") == 2)
        assert page("safety_requests_in_flight") == 0
        assert page("safety_requests_total", stage="input", action="allow") == 8


def broken_off(url: str) -> None:
    with pytest.raises(httpx.TransportError):
        ask(url)


def test_one_worker_leaves_no_folder_behind(tmp_path: Path) -> None:
    (tmp_path / "temporary").mkdir()
    with ScriptedUpstream(whole(completion("fine"))) as upstream:
        configuration = f"endpoints: [{{name: e, url: '{upstream.url}'}}]\n"
        with serving(tmp_path, configuration, 1, TMPDIR=str(tmp_path / "temporary")) as (process, url):
            ask(url)
            assert Page(url)("safety_requests_total") == 2
            (folder,) = (tmp_path / "temporary").iterdir()
            assert folder.stat().st_mode & 0o077 == 0
            process.send_signal(signal.SIGTERM)
            process.wait(30)
    assert list((tmp_path / "temporary").iterdir()) == []


def test_an_address_that_is_taken_does_not_start(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        (tmp_path / "c.yaml").write_text(f"endpoints: [{{name: a, url: 'http://x'}}]\nmetrics: {address}\n")
        done = refused(tmp_path)
    assert f"cannot listen on {address}" in done


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("nonsense", "c.yaml:2: $.metrics: 'nonsense' is not allowed: write HOST:PORT"),
        ("[]", "c.yaml:2: $.metrics: a list is not allowed: write true, false or HOST:PORT"),
        ("127.0.0.1:99999", "a port from 0 (any free one) to 65535"),
    ],
)
def test_a_wrong_place_for_metrics_is_told(tmp_path: Path, value: str, expected: str) -> None:
    (tmp_path / "c.yaml").write_text(f"endpoints: [{{name: a, url: 'http://x'}}]\nmetrics: {value}\n")
    done = refused(tmp_path)
    assert expected in done
    assert len(done.splitlines()) == 1


def refused(folder: Path) -> str:
    """What a start that is refused says."""
    command = (sys.executable, "-m", "safety.cli.main", "serve", "--config", "c.yaml")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2, done.stderr
    return done.stderr.strip()
