import argparse
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from safety.cli.events import add_parser
from safety.cli.events_record import parse_size
from safety.errors import ConfigError, StoreError
from safety.events.entry import Notice
from safety.events.event import make_event
from safety.events.log import EventLog
from safety.events.query import EventQuery
from safety.types import Action, Exchange, Finding, Hit, Origin, Segment, Span, Stage, Verdict

ROOT = Path(__file__).parents[2]
AT = datetime(2020, 11, 23, 10, 0, 0, 123456, tzinfo=UTC)
MAIL = "anna.schmidt@example.org"


def event(name, hour=0, user="anna", hit=True):
    text = f"Write to {MAIL}, please."
    start = text.index(MAIL)
    place = Span("/messages/0/content", start, start + len(MAIL))
    finding = Finding("pii", "pii.EMAIL_ADDRESS", span=place)
    hits = (Hit("no_pii", Action.REDACT, finding),) if hit else ()
    action = Action.REDACT if hit else Action.ALLOW
    segment = Segment("/messages/0/content", Origin.USER, text)
    exchange = Exchange(name, Stage.INPUT, (segment,), labels={"user": user})
    return make_event(Verdict(exchange, "p@1", action, action, hits), at=AT + timedelta(hours=hour))


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.delenv("SAFETY_LAYER_RECORD_KEY", raising=False)
    return tmp_path / "events.sqlite"


def record(path, *events):
    with EventLog(path) as log:
        for one in events:
            log.put(one)


def run(*arguments):
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    args = parser.parse_args(["events", *map(str, arguments)])
    return args.run(args)


def printed(path, capsys, *arguments):
    assert run("--store", path, *arguments) == 0
    return capsys.readouterr().out.splitlines()


def notices(path):
    return [entry for entry in EventQuery(path).events() if isinstance(entry, Notice)]


def test_verify_gives_a_proof_per_writer(path, capsys):
    record(path, event("a"), event("b"))
    record(path, event("c", hit=False))
    last = {row.writer: row for row in EventQuery(path).chain()}
    assert printed(path, capsys, "verify") == [
        f"{row.writer}: {rows} rows, last hash {row.hash}"
        for row, rows in zip(last.values(), (2, 1), strict=True)
    ]
    lines = [json.loads(line) for line in printed(path, capsys, "verify", "--json")]
    assert [(line["writer"], line["hash"]) for line in lines] == [(r.writer, r.hash) for r in last.values()]


def test_verify_names_the_first_break(path, capsys):
    record(path, event("a"), event("b"), event("c"))
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE events SET body = replace(body, 'redact', 'allow') WHERE n = 2")
        db.commit()
    assert run("--store", path, "verify") == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("broken: writer ")
    assert line.endswith(": row 2 was altered")
    assert run("--store", path, "verify", "--json") == 1
    assert json.loads(capsys.readouterr().out)["row"] == 2


def test_verify_of_an_empty_record(path, capsys):
    record(path)
    assert printed(path, capsys, "verify") == ["no events"]
    assert printed(path, capsys, "verify", "--json") == []


def test_options_may_stand_before_the_command_or_after(path, capsys):
    record(path, event("a"))
    assert run("verify", "--store", path) == 0
    assert run("--json", "--store", path, "verify") == 0
    assert json.loads(capsys.readouterr().out.splitlines()[1])["rows"] == 1


def test_find(path, capsys):
    record(path, event("a"), event("b", hit=False))
    (line,) = printed(path, capsys, "find", "--value", "Anna.Schmidt@Example.org")
    assert "a.input" in line
    assert MAIL not in line
    (line,) = printed(path, capsys, "find", "--value", MAIL, "--json")
    assert json.loads(line)["id"] == "a.input"
    assert printed(path, capsys, "find", "--value", "someone else") == []


def test_erase(path, capsys):
    record(path, event("a"), event("b", user="bert"), event("c"))
    told = printed(path, capsys, "erase", "--user", "anna", "--reason", "letter of May", "--by", "carla")
    assert told == ["erased: excerpts and hashes of 2 events"]
    (notice,) = notices(path)
    assert (notice.what, notice.by) == ("erased", "carla")
    assert notice.detail.endswith("; letter of May")
    (line,) = printed(path, capsys, "find", "--value", MAIL)
    assert "b.input" in line
    assert printed(path, capsys, "verify")[-1] == "erased, as notices say: excerpts of 2 events"
    assert printed(path, capsys, "erase", "--user", "anna", "--reason", "r", "--json") == ['{"erased": 0}']


def test_prune_by_age(path, capsys):
    record(path, *(event(f"e{i}", i) for i in range(5)))
    assert printed(path, capsys, "prune", "--older-than", "2020-11-23T12:30") == ["removed: 3 rows"]
    assert [entry.id for entry in EventQuery(path).events()][:2] == ["e3.input", "e4.input"]
    assert notices(path)[0].by != ""
    assert printed(path, capsys, "verify")[-1] == "removed, as notices say: 3 older rows"
    assert printed(path, capsys, "prune", "--older-than", "30d", "--json") == ['{"removed": 2}']


def test_prune_by_size(path, capsys):
    record(path, *(event(f"e{i}", i) for i in range(500)))
    (told,) = printed(path, capsys, "prune", "--max-size", "300 kB")
    assert int(told.split()[1]) > 50
    assert path.stat().st_size <= 300_000


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1GB", 10**9),
        ("500MB", 5 * 10**8),
        ("500 mb", 5 * 10**8),
        ("2GiB", 2 * 2**30),
        ("4k", 4000),
        ("7", 7),
        ("1T", 10**12),
    ],
)
def test_sizes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "GB", "1.5GB", "-1", "1PB", "one"])
def test_what_is_no_size(text):
    with pytest.raises(ConfigError, match=r"--max-size: .* is no size: for instance 1GB"):
        parse_size(text)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["prune"], "prune: give --older-than or --max-size"),
        (["prune", "--older-than", "soon"], "--older-than: 'soon' is no time: for instance 10m, 2h"),
        (["prune", "--max-size", "1KB"], "max_bytes: 1000 is too small"),
        (["erase", "--user", "", "--reason", "r"], "--user: nothing given"),
        (["find", "--value", ""], "--value: nothing given"),
        (["--follow", "verify"], "verify: takes no --follow, --since, --where or --limit"),
    ],
)
def test_wrong_usage_is_one_line(path, arguments, message):
    record(path, event("a"))
    with pytest.raises(ConfigError, match=message) as caught:
        run("--store", path, *arguments)
    assert "\n" not in str(caught.value)
    assert len(list(EventQuery(path).events())) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["verify"],
        ["find", "--value", "v"],
        ["erase", "--user", "u", "--reason", "r"],
        ["prune", "--older-than", "1d"],
    ],
)
def test_without_a_record_none_is_made(path, arguments):
    with pytest.raises(StoreError, match="no event store there"):
        run("--store", path, *arguments)
    assert not path.exists()


def test_from_the_shell(path):
    record(path, event("a"))
    command = [sys.executable, "-m", "safety.cli.main", "events", "erase", "--user", "-", "--reason", "r"]
    environment = {**os.environ, "SAFETY_LAYER_STORE": str(path)}
    done = subprocess.run(
        command, input="anna\n", capture_output=True, text=True, cwd=ROOT, env=environment, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "erased: excerpts and hashes of 1 event\n"
    usage = subprocess.run([*command[:4], "burn"], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert usage.returncode == 2
