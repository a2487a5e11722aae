from pathlib import Path

import pytest

from safety.errors import ConfigError, StoreError
from safety.events.database import describe, failure, open_engine
from safety.events.log import EventLog
from safety.events.place import is_url, resolved
from safety.events.query import EventQuery
from safety.events.store import Store


@pytest.mark.parametrize(
    ("store", "url"),
    [
        ("events.sqlite", False),
        ("/var/lib/events.sqlite", False),
        (Path("postgresql://h/d"), False),
        ("C:/events.sqlite", False),
        ("postgresql://h/d", True),
        ("postgres://u:p@h/d", True),
        ("postgresql+psycopg://h/d", True),
    ],
)
def test_paths_and_urls(store, url):
    assert is_url(store) is url


@pytest.mark.parametrize("store", ["mysql://h/d", "sqlite:///events.sqlite", "redis://h", "http://h"])
def test_urls_of_another_kind(store):
    for opening in (is_url, Store, EventLog, EventQuery):
        with pytest.raises(ConfigError, match=r"^store: [a-z]+://...: a path, or postgresql://"):
            opening(store)


@pytest.mark.parametrize("store", ["postgresql://", "postgresql://h:port/d", "postgresql://[::1/d"])
def test_urls_that_cannot_be_read_or_lead_nowhere(store, monkeypatch):
    monkeypatch.setenv("PGHOST", "/nowhere")
    with pytest.raises((ConfigError, StoreError)) as caught:
        open_engine(store, write=False)
    assert "\n" not in str(caught.value)


def test_passwords_are_not_told():
    secret = "postgresql://anna:s3cret@127.0.0.1:1/none"
    assert describe(secret) == "postgresql://anna:***@127.0.0.1:1/none"
    assert describe("postgres://anna:s3cret@h/d") == "postgresql://anna:***@h/d"
    assert describe("events.sqlite") == "events.sqlite"
    for opening in (Store, EventQuery, EventLog):
        with pytest.raises(StoreError) as caught:
            opening(secret)
        assert str(caught.value).startswith("postgresql://anna:***@127.0.0.1:1/none: ")
        assert "s3cret" not in repr(caught.value)
        assert "\n" not in str(caught.value)


def test_relative_paths_and_urls():
    assert resolved("events.sqlite", Path("/etc/safety")) == "/etc/safety/events.sqlite"
    assert resolved("/var/events.sqlite", Path("/etc/safety")) == "/var/events.sqlite"
    assert resolved("postgresql://h/d", Path("/etc/safety")) == "postgresql://h/d"


def test_failures_are_one_line():
    assert str(failure("a", ValueError("two\n lines"))) == "a: two lines"
    assert str(failure("a", ValueError())) == "a: ValueError"
    assert str(failure("a", PermissionError(13, "Permission denied", "a"))) == "a: Permission denied"
