"""``safety-layer monitor`` as a program."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from contextlib import contextmanager

import httpx
import pytest
from watching import Listener, record, recorded, verdict, wait_for

from safety.cli.main import main
from safety.errors import ConfigError
from safety.events.log import EventLog

ALERTS = """\
version: 1
every: 1s
destinations:
  - {id: here, type: log}
alerts:
  - id: any-block
    when: {measure: count, of: action, name: block, over: 1h, above: 0}
    to: [here]
"""


@contextmanager
def program(*arguments):
    command = [sys.executable, "-m", "safety.cli.main", "monitor", "--listen", "127.0.0.1:0", *arguments]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        yield running, re.search(r"http://[\d.:]+/monitor", running.stderr.readline())[0]
    finally:
        running.kill()
        running.wait()
        running.stderr.close()


def test_it_serves_says_where_and_ends_though_somebody_watches(tmp_path):
    store = tmp_path / "events.sqlite"
    with EventLog(store) as log:
        record(log, [verdict()])
    with program("--store", str(store), "--policy", "strict", "--policy", "rag") as (running, url):
        assert running.stderr.readline() == f"events in {store}\n"
        assert "strict" in httpx.get(f"{url}/policies", headers={"accept": "text/html"}, timeout=60).text
        with httpx.stream("GET", f"{url}/stream?after=0", timeout=60) as answer:
            feed = Listener(answer)
            assert feed.next("entry")[1]["id"] == "e1.input"
            running.send_signal(signal.SIGTERM)
            with pytest.raises(AssertionError, match="the stream ended"):
                feed.next("never")
        assert running.wait(20) in (0, -signal.SIGTERM)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--listen", "0.0.0.0:0"], "token_viewer_env or token_editor_env"),
        (["--listen", "[::]:0"], "can be reached by others"),
        (["--listen", "8788"], "write HOST:PORT"),
        (["--listen", "127.0.0.1:99999"], "write HOST:PORT"),
        (["--listen", "192.0.2.1:0"], "can be reached by others"),
    ],
)
def test_what_cannot_be_served_is_said_in_one_line(tmp_path, capsys, arguments, said):
    assert main(["monitor", "--store", str(tmp_path / "events.sqlite"), *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_alerts_are_watched_and_shown(tmp_path):
    (tmp_path / "alerts.yaml").write_text(ALERTS)
    with recorded(tmp_path, alerts=str(tmp_path / "alerts.yaml")) as one:
        wait_for(lambda: one.monitor.desk.alerts.status.firing)
        assert "<bdi>any-block</bdi>" in one.get("/monitor/health").text
        assert re.search(r"Alert, \w+: any-block: ", one.get("/monitor").text)
        wait_for(lambda: "any-block" in one.get("/monitor/events?what=delivery").text)


def test_alerts_that_cannot_be_read_stop_the_start(tmp_path):
    (tmp_path / "alerts.yaml").write_text("version: 1\nalerts: 7\n")
    with pytest.raises(ConfigError, match="alerts"), recorded(tmp_path, alerts=str(tmp_path / "alerts.yaml")):
        raise AssertionError("it started")
