"""The files that workers count in: as prometheus_client reads them, carried on, and given up by the dead."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prometheus_client.multiprocess import MultiProcessCollector

from safety.server.cells import Cells, Slot, files, sweep

SIZE = 1 << 12


def read(folder: Path) -> dict[str, float]:
    """Every sample, by its name and the values of its labels."""
    merged = MultiProcessCollector.merge(files(folder))  # type: ignore[no-untyped-call]
    return {
        " ".join((sample.name, *sample.labels.values())): sample.value
        for metric in merged
        for sample in metric.samples
    }


def test_prometheus_client_reads_what_was_counted(tmp_path: Path) -> None:
    slot = Slot(tmp_path)
    counters = slot.cells("counter", SIZE)
    for number, label in enumerate(("a", "ab", "é ✓", "a" * 30, 'quoted "x"', "back\\slash", "\n")):
        place = counters.place("m", "m_total", {"l": label}, "what it says")
        assert place is not None
        counters.values[place] += number + 0.5
    assert read(tmp_path) == {
        f"m_total {label}": number + 0.5
        for number, label in enumerate(("a", "ab", "é ✓", "a" * 30, 'quoted "x"', "back\\slash", "\n"))
    }


@pytest.mark.parametrize("length", range(9))
def test_every_length_of_a_key_is_aligned_and_found_again(tmp_path: Path, length: int) -> None:
    path = tmp_path / "counter_0.db"
    first = Cells(path, SIZE)
    places = [first.place("m", "m_total", {"l": "x" * n}, "") for n in (length, length + 1)]
    again = Cells(path, SIZE)
    assert [again.place("m", "m_total", {"l": "x" * n}, "") for n in (length, length + 1)] == places
    assert len({*places}) == 2


def test_a_full_file_says_so_and_keeps_what_it_has(tmp_path: Path) -> None:
    slot = Slot(tmp_path)
    cells = slot.cells("counter", SIZE)
    made = 0
    while (place := cells.place("m", "m_total", {"l": str(made)}, "", spare=100)) is not None:
        cells.values[place] = 1
        made += 1
    assert made > 10
    assert cells.place("m", "m_total", {"l": "0"}, "", spare=100) is not None
    assert cells.place("m", "m_total", {"l": "last"}, "") is not None  # what was spared
    assert cells.place("m", "m_total", {"l": "one more"}, "") is None
    assert sum(read(tmp_path).values()) == made


def test_two_slots_add_up(tmp_path: Path) -> None:
    for slot in (one := Slot(tmp_path), two := Slot(tmp_path)):
        for kind, name in (("counter", "c_total"), ("gauge_livesum", "g"), ("gauge_livemax", "h")):
            cells = slot.cells(kind, SIZE)
            place = cells.place(name.removesuffix("_total"), name, {}, "")
            assert place is not None
            cells.values[place] = 2 + slot.number
    assert (one.number, two.number) == (0, 1)
    assert read(tmp_path) == {"c_total": 5, "g": 5, "h": 3}
    two.close()
    assert read(tmp_path) == {"c_total": 5, "g": 2, "h": 2}
    assert Slot(tmp_path).number == 1
    one.close()


COUNTING = """
import sys, time
from pathlib import Path
from safety.server.cells import Slot
slot = Slot(Path(sys.argv[1]))
for kind, name in (("counter", "c"), ("gauge_livesum", "g")):
    cells = slot.cells(kind, 4096)
    cells.values[cells.place(name, name + "_total" * (name == "c"), {}, "")] += 1
print(slot.number, flush=True)
time.sleep(60)
"""


@contextmanager
def counting(folder: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A process that counts one, and the number of its slot."""
    command = [sys.executable, "-c", COUNTING, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


def test_what_a_killed_process_counted_stays_and_what_it_had_goes(tmp_path: Path) -> None:
    with counting(tmp_path) as (killed, first), counting(tmp_path) as (_, second):
        assert {first, second} == {0, 1}
        assert read(tmp_path) == {"c_total": 2, "g": 2}
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait(20)
        assert read(tmp_path) == {"c_total": 2, "g": 1}
        with counting(tmp_path) as (_, third):
            assert third == first  # the next one counts on in the dead one's place
            assert read(tmp_path) == {"c_total": 3, "g": 2}
    assert read(tmp_path) == {"c_total": 3}


def test_gauges_that_begin_anew_take_the_place_of_the_old(tmp_path: Path) -> None:
    slot = Slot(tmp_path)
    for label in ("old", "new"):
        cells = slot.fresh("gauge_livesum", SIZE, "-part")
        place = cells.place("g", "g", {"l": label}, "")
        assert place is not None
        cells.values[place] = 1
    assert read(tmp_path) == {"g new": 1}
    slot.close()
    assert read(tmp_path) == {}


def test_what_a_killed_process_left_behind_is_swept_up(tmp_path: Path) -> None:
    names = ("left-dead", "left-held", "left-new", "left-file", "other")
    folders = {name: tmp_path / name for name in names}
    for name in {*names} - {"left-file"}:
        folders[name].mkdir()
        slot = Slot(folders[name])
        if name == "left-held":
            held = slot
        else:
            slot.close()
    folders["left-file"].touch()
    (tmp_path / "left-link").symlink_to(folders["other"])
    for name in {*names} - {"left-new"}:
        os.utime(folders[name], (1, 1))
    sweep(tmp_path, "left-")
    assert {path.name for path in tmp_path.iterdir()} == {*names, "left-link"} - {"left-dead"}
    assert list(folders["other"].iterdir())
    held.close()
