"""``safety-layer alerts check|test`` from a terminal."""

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from upstreams import ScriptedUpstream, whole

from safety.cli.main import main
from safety.events.entry import Event, Notice, timestamp
from safety.events.log import EventLog
from safety.events.query import EventQuery
from safety.types import Action, Stage

EXAMPLE = Path(__file__).parents[2] / "examples" / "alerts.yaml"
FILE = """
version: 1
destinations:
  - {id: ops, type: webhook, url: "URL", secret_env: ALERTS_SECRET}
  - {id: log, type: log}
alerts:
  - {id: blocked, when: {measure: count, of: action, name: block, at_least: 3}, for: 2m}
  - {id: lost, when: {measure: lost}}
  - {id: tenants, when: {measure: count, of: tenant, each: true, above: LIMIT}, to: [log]}
"""


def event(n, action=Action.BLOCK):
    now = timestamp(datetime.now(UTC))
    labels = {"tenant": f"t{n % 8}\x1b[2J"}
    return Event(f"e{n}.input", f"e{n}", Stage.INPUT, now, "default@1", action, action, True, 0.01, labels)


@pytest.fixture
def store(tmp_path):
    path = str(tmp_path / "events.sqlite")
    with EventLog(path) as log:
        for n in range(8):
            log.put(event(n, Action.BLOCK if n < 3 else Action.ALLOW))
    return path


def written(tmp_path, url="http://127.0.0.1:9/", limit=5):
    path = tmp_path / "alerts.yaml"
    path.write_text(FILE.replace("URL", url).replace("LIMIT", str(limit)))
    return str(path)


def notices(store):
    return [entry for entry in EventQuery(store).events() if isinstance(entry, Notice)]


def test_check_says_what_there_is_and_what_is_not_set(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("ALERTS_SECRET", raising=False)
    path = written(tmp_path)
    assert main(["alerts", "check", path]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{path}: ok, 3 alerts, 2 destinations",
        "note: destination ops needs ALERTS_SECRET, which is not set here",
    ]
    monkeypatch.setenv("ALERTS_SECRET", "x" * 16)
    assert main(["alerts", "check", path]) == 0
    assert "note" not in capsys.readouterr().out


def test_the_example_is_checked_and_tried(store, capsys):
    assert main(["alerts", "check", str(EXAMPLE)]) == 0
    assert main(["alerts", "test", str(EXAMPLE), "--store", store]) == 0
    lines = capsys.readouterr().out.splitlines()
    words = {line.split()[1]: line.split()[0] for line in lines if line.startswith(("quiet", "holds"))}
    assert len(words) == 11
    assert set(words.values()) == {"quiet"}


def test_check_names_every_mistake(tmp_path, capsys):
    path = tmp_path / "alerts.yaml"
    path.write_text(FILE.replace("count", "cuont").replace("id: lost", "id: blocked"))
    assert main(["alerts", "check", str(path)]) == 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 5  # the two words that stand for others are wrong as well
    assert all(line.startswith(f"safety-layer: {path}:") for line in told)


def test_test_says_what_it_would_do(tmp_path, store, capsys):
    assert main(["alerts", "test", written(tmp_path), "--store", store]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "holds     blocked  would fire after 2 min to ops, log: count of action block over 5 min is 3"
        " (at least 3)",
        "quiet     lost     events that could not be recorded over 5 min is 0 (above 0)",
        "quiet     tenants  tenant: 8 seen, none of them above 5",
    ]
    assert notices(store) == []
    assert not Path(f"{store}.alerts.json").exists()


def test_names_of_strangers_cannot_drive_the_terminal(tmp_path, store, capsys):
    assert main(["alerts", "test", written(tmp_path, limit=0), "--store", store]) == 1
    line = capsys.readouterr().out.splitlines()[2]
    assert line.isprintable()
    assert "t0\\x1b[2J: count of tenant each" in line
    assert line.endswith("; and 3 more")


def test_nothing_holds(tmp_path, capsys):
    path = str(tmp_path / "events.sqlite")
    EventLog(path).close()
    assert main(["alerts", "test", written(tmp_path), "--store", path]) == 0
    assert capsys.readouterr().out.count("quiet") == 3


def test_a_record_that_cannot_be_written(tmp_path, store, capsys):
    """Somebody else holds the lock: what was counted before is what is told; here, nothing."""
    writer = sqlite3.connect(store, isolation_level=None)
    with closing(writer):
        writer.execute("BEGIN IMMEDIATE")
        assert main(["alerts", "test", written(tmp_path), "--store", store]) == 0
    first, second, *told = capsys.readouterr().out.splitlines()
    assert first.startswith("note: nothing new was counted: ")
    assert second.startswith("note: the counts are ")
    assert [line.split()[0] for line in told] == ["quiet"] * 3


def test_send(tmp_path, store, capsys, monkeypatch):
    monkeypatch.setenv("ALERTS_SECRET", "0123456789abcdef")
    with ScriptedUpstream(whole(b"thanks")) as receiver:
        assert main(["alerts", "test", written(tmp_path, receiver.url), "--store", store, "--send"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["sent      ops  200 OK: thanks", "sent      log  written"]
    assert lines[2].startswith("holds     blocked")
    (request,) = receiver.requests
    assert request.json["test"] is True
    assert request.json["said"] == "This is a test. Nothing has happened."
    assert request.json["id"].startswith("test-")
    assert "safety-layer-signature" in request.headers
    assert [(notice.what, notice.by, notice.about) for notice in notices(store)] == [
        ("delivery", "alerts test", "test")
    ] * 2


def test_send_with_everything_all_right(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("ALERTS_SECRET", "0123456789abcdef")
    path = str(tmp_path / "events.sqlite")
    EventLog(path).close()
    with ScriptedUpstream(whole(b"")) as receiver:
        assert main(["alerts", "test", written(tmp_path, receiver.url), "--store", path, "--send"]) == 0


def test_send_that_fails(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("ALERTS_SECRET", "0123456789abcdef")
    path = str(tmp_path / "events.sqlite")
    EventLog(path).close()
    with ScriptedUpstream(whole(b"no", status="500 Internal Server Error")) as receiver:
        assert main(["alerts", "test", written(tmp_path, receiver.url), "--store", path, "--send"]) == 1
    assert capsys.readouterr().out.startswith("FAILED    ops  500 Internal Server Error: no\n")
    assert "failed: test" in notices(path)[0].detail


def test_send_without_its_secret(tmp_path, store, capsys, monkeypatch):
    monkeypatch.delenv("ALERTS_SECRET", raising=False)
    with ScriptedUpstream(whole(b"")) as receiver:
        assert main(["alerts", "test", written(tmp_path, receiver.url), "--store", store, "--send"]) == 2
    assert not receiver.requests
    assert "ALERTS_SECRET is not set" in capsys.readouterr().err


def test_destinations_can_be_tried_before_there_is_a_record(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("ALERTS_SECRET", "0123456789abcdef")
    nowhere = str(tmp_path / "none.sqlite")
    with ScriptedUpstream(whole(b"")) as receiver:
        assert main(["alerts", "test", written(tmp_path, receiver.url), "--store", nowhere, "--send"]) == 2
    out, err = capsys.readouterr()
    assert out.startswith("sent      ops  200 OK\n")
    assert "no event store there" in err
    assert len(receiver.requests) == 1
    assert not Path(nowhere).exists()


def test_usage(capsys):
    assert main(["alerts"]) == 2
    assert main(["alerts", "test"]) == 2
    assert main(["alerts", "test", "--help"]) == 0
    assert "--send" in capsys.readouterr().out


def test_the_example_names_no_secret(tmp_path):
    text = EXAMPLE.read_text()
    assert "hooks.slack.com" not in text
    shutil.copy(EXAMPLE, tmp_path)
    assert main(["alerts", "check", str(tmp_path / "alerts.yaml")]) == 0
