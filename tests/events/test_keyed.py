import os
import stat
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.errors import StoreError
from safety.events.keyed import key_file, made_key, read_key, record_key, user_key, value_hash

KEY, OTHER = b"k" * 32, b"o" * 32

SAME = [
    ("4111 1111 1111 1111", "4111-1111-1111-1111"),
    ("+49 (30) 1234-567", "+49301234567"),
    ("030.123.456", "030 123 456"),
    ("Anna@Example.org", "anna@example.org"),
    ("DE89 3704 0044 0532 0130 00", "de89370400440532013000"),
    ("ＡＢＣ１２３", "abc123"),
]
DIFFERENT = [("anna@example.org", "annaexample@org"), ("a.b@c.de", "ab@c.de"), ("1.5", "1,5"), ("12", "123")]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_one_value_however_it_is_written(one, other):
    assert value_hash(one, KEY) == value_hash(other, KEY)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_different_values(one, other):
    assert value_hash(one, KEY) != value_hash(other, KEY)


@given(st.text())
def test_any_text_has_a_hash_that_needs_the_key(text):
    found = value_hash(text, KEY)
    assert len(found) == 32
    assert int(found, 16) >= 0
    assert found not in {value_hash(text, OTHER), user_key(text, KEY)}


def test_users_are_told_apart_as_they_are_written():
    assert user_key("anna", KEY) != user_key("Anna", KEY)


def test_many_that_ask_at_once_get_the_same_key(tmp_path):
    path, found = tmp_path / "events.sqlite", []
    threads = [threading.Thread(target=lambda: found.append(made_key(path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert set(found) == {read_key(path)}
    assert os.listdir(tmp_path) == ["events.sqlite.key"]
    assert stat.S_IMODE(key_file(path).stat().st_mode) == 0o600


def test_a_key_that_cannot_be_made_or_read(tmp_path):
    with pytest.raises(StoreError, match="No such file or directory"):
        made_key(tmp_path / "none" / "events.sqlite")
    key_file(tmp_path / "a").write_bytes(b"\xff" * 32)
    key_file(tmp_path / "b").mkdir()
    for name, why in (("a", "not a key"), ("b", "Is a directory")):
        with pytest.raises(StoreError, match=why):
            read_key(tmp_path / name)


def test_where_the_key_comes_from(tmp_path, monkeypatch):
    monkeypatch.delenv("SAFETY_LAYER_RECORD_KEY", raising=False)
    path = tmp_path / "events.sqlite"
    assert record_key(path) is None
    assert record_key("postgresql://h/d", make=True) is None
    made = record_key(path, make=True)
    assert record_key(path) == made
    monkeypatch.setenv("SAFETY_LAYER_RECORD_KEY", "one key for many machines")
    assert record_key(path) == record_key("postgresql://h/d") != made
