"""What is remembered over a restart."""

import json
import os
import subprocess
import sys

import pytest
from alerts_rig import alert
from hypothesis import given
from hypothesis import strategies as st

from safety.errors import ConfigError, StoreError
from safety.monitor.alerts.engine import NOTHING, AlertState, Known, Standing
from safety.monitor.alerts.outbox import Item
from safety.monitor.alerts.state import StateFile, decoded, encoded

STATE = AlertState(
    99.5,
    3,
    {("r", ""): Standing(90.0, 95.0, alert()), ("r", "\ud800\n"): Standing(91.0)},
    {"n": Known(frozenset({"a", "b"}), 99.5)},
)
ITEMS = (
    Item(alert(to=("ops", "mail")), "ops", 1.0, 2.5, 3),
    Item(alert(status="resolved"), "mail", 1.0, 1.0),
)


def test_nothing_was_remembered(tmp_path):
    with StateFile(tmp_path / "s.json") as file:
        assert file.read() == (NOTHING, ())


def test_what_was_written_is_read(tmp_path):
    with StateFile(tmp_path / "s.json") as file:
        file.write(NOTHING, ())
        file.write(STATE, ITEMS)
    with StateFile(tmp_path / "s.json") as file:
        assert file.read() == (STATE, ITEMS)
    assert (tmp_path / "s.json").stat().st_mode & 0o777 == 0o600
    assert sorted(os.listdir(tmp_path)) == ["s.json", "s.json.lock"]


times = st.floats(0, 2e9)
subjects = st.text(max_size=8)
standings = st.builds(
    Standing, st.none() | times, st.none() | times, st.none() | st.builds(alert, subject=subjects)
)
states = st.builds(
    AlertState,
    st.none() | times,
    st.integers(0, 9),
    st.dictionaries(st.tuples(st.text("ab", max_size=2), subjects), standings, max_size=3),
    st.dictionaries(subjects, st.builds(Known, st.frozensets(subjects, max_size=3), times), max_size=2),
)


@given(states)
def test_any_state(state):
    assert decoded(encoded(state, ITEMS), "path") == (state, ITEMS)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"version":1}', "\xff", '{"version":2}', encoded(STATE, ITEMS)[:-9]]
)
def test_what_is_no_state_is_said(tmp_path, text):
    (tmp_path / "s.json").write_bytes(text.encode("latin-1"))
    with StateFile(tmp_path / "s.json") as file, pytest.raises(ConfigError, match=r"s\.json: "):
        file.read()


def test_a_state_is_for_one_process(tmp_path):
    with StateFile(tmp_path / "s.json"):
        with pytest.raises(ConfigError, match="another process sends alerts with this state"):
            StateFile(tmp_path / "s.json")
        other = (
            "import sys, pathlib\n"
            "from safety.errors import ConfigError\n"
            "from safety.monitor.alerts.state import StateFile\n"
            "try:\n    StateFile(pathlib.Path(sys.argv[1]))\n"
            "except ConfigError:\n    sys.exit(7)\n"
        )
        command = [sys.executable, "-c", other, str(tmp_path / "s.json")]
        assert subprocess.run(command, timeout=60, check=False).returncode == 7
    StateFile(tmp_path / "s.json").close()


def test_where_nothing_can_be_written(tmp_path):
    with pytest.raises(ConfigError, match="name a place for 'state' that can be written"):
        StateFile(tmp_path / "nowhere" / "s.json")
    with StateFile(tmp_path / "s.json") as file:
        (tmp_path / "s.json.new").mkdir()
        with pytest.raises(StoreError):
            file.write(STATE, ITEMS)


def test_it_holds_no_more_than_it_says():
    data = json.loads(encoded(STATE, ITEMS))
    assert set(data) == {"version", "at", "fired", "standings", "known", "outbox"}
