"""Numbers that several processes count and any of them can read: cells in memory-mapped files.

The files are those of prometheus_client's multiprocess mode (its ``mmap_dict`` describes them), so that its
collector adds them up. They are written here, because its own counters find their cell, take a lock and ask
for the process id each time: fifteen times the cost, thirty times per judged text.

Every process has a slot in the folder, told by a lock that the kernel takes back when the process ends,
however it ends. The next worker takes over the slot of a dead one and counts on where that stopped: counters
never fall, and files do not pile up. What a process has *now* (gauges) counts only while its slot is held.
"""

from __future__ import annotations

import json
import mmap
import os
import shutil
import stat
import struct
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path

if sys.platform != "win32":
    import fcntl

_USED = struct.Struct("=i4x")  # bytes in use, these eight included
_LENGTH = struct.Struct("=i")
_VALUE = struct.Struct("=dd")  # the value, and a time stamp that none of our kinds has
_LOCK = "slot_{}.lock"
_LEFT_SECONDS = 3600.0  # a folder may be there some time before its first worker is


class Cells:
    """The file at ``path``, of at most ``size`` bytes: ``values[place]`` is a number to count with.

    A file that is there is carried on. Not for several threads at once, and for one writing process.
    """

    def __init__(self, path: Path, size: int) -> None:
        if not path.exists():
            _make(path, size)
        with path.open("r+b") as file:
            self._bytes = mmap.mmap(file.fileno(), 0)
        self.values = memoryview(self._bytes).cast("d")
        self._places = dict(self._entries())

    def place(
        self, metric: str, sample: str, labels: Mapping[str, str], about: str, spare: int = 0
    ) -> int | None:
        """Where the number of this sample is, made as 0 if it is new; ``None`` when fewer than ``spare``
        bytes would be left after it."""
        key = json.dumps([metric, sample, dict(labels), about], sort_keys=True).encode()
        if key not in self._places:
            place = self._add(key, spare)
            if place is None:
                return None
            self._places[key] = place
        return self._places[key]

    def _add(self, key: bytes, spare: int) -> int | None:
        entry = _LENGTH.pack(len(key)) + key.ljust(_padded(len(key))) + _VALUE.pack(0.0, 0.0)
        used: int = _USED.unpack_from(self._bytes)[0]
        end = used + len(entry)
        if end + spare > len(self._bytes):
            return None
        self._bytes[used:end] = entry  # whoever reads sees it once it is whole
        self._bytes[: _LENGTH.size] = _LENGTH.pack(end)
        return (end - _VALUE.size) // 8

    def _entries(self) -> Iterator[tuple[bytes, int]]:
        (used,) = _USED.unpack_from(self._bytes)
        at = _USED.size
        while at < used:
            (length,) = _LENGTH.unpack_from(self._bytes, at)
            begin = at + _LENGTH.size
            value = begin + _padded(length)
            yield self._bytes[begin : begin + length], value // 8
            at = value + _VALUE.size


def _padded(length: int) -> int:
    """So much room does a key take, for the value behind it to be aligned."""
    return length + 8 - (length + _LENGTH.size) % 8


def _make(path: Path, size: int) -> None:
    """An empty file, there all at once. Written out, not only set to its size: what a full disk has no room
    for is an ``OSError`` now, and the end of the process once it is mapped."""
    new = path.with_suffix(".new")
    new.write_bytes(_USED.pack(_USED.size).ljust(size, b"\0"))
    new.replace(path)


class Slot:
    """The place in ``folder`` of this process (of each ``Slot`` in it), until ``close`` or its end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for number in count():
            lock = _locked(folder / _LOCK.format(number))
            if lock is not None:
                self.number, self._lock = number, lock
                break
        self._forget()

    def cells(self, kind: str, size: int) -> Cells:
        """The numbers of one kind (``counter``, ``histogram``), carried on."""
        return Cells(self._folder / f"{kind}_{self.number}.db", size)

    def fresh(self, kind: str, size: int, part: str = "") -> Cells:
        """Numbers of one kind (``gauge_livesum``, ``gauge_livemax``) that begin anew. ``part`` tells files of
        one kind apart; one that is made again takes the place of the other at once."""
        path = self._folder / f"{kind}_{self.number}{part}.db"
        _make(path, size)
        return Cells(path, size)

    def close(self) -> None:
        """Leave; what was counted stays."""
        self._forget()
        os.close(self._lock)

    def _forget(self) -> None:
        for path in _gauges(self._folder, self.number):
            path.unlink(missing_ok=True)


def files(folder: Path) -> list[str]:
    """What is to be added up: what all processes counted, and what those that live have now."""
    found = [*folder.glob("counter_*.db"), *folder.glob("histogram_*.db")]
    for lock in folder.glob(_LOCK.format("*")):
        if _held(lock):
            found += _gauges(folder, int(lock.stem.rpartition("_")[2]))
    return [str(path) for path in found]


def sweep(folder: Path, prefix: str) -> None:
    """Remove what killed processes left behind in ``folder``: those of its folders, by the beginning of their
    names, in which nobody has a slot and has not for an hour."""
    for left in folder.glob(f"{prefix}*"):
        with suppress(OSError):  # somebody else's, or gone by now
            found = left.lstat()
            old = time.time() - found.st_mtime > _LEFT_SECONDS
            if stat.S_ISDIR(found.st_mode) and old and not any(map(_held, left.glob(_LOCK.format("*")))):
                shutil.rmtree(left, ignore_errors=True)


def _gauges(folder: Path, number: int) -> list[Path]:
    return [*folder.glob(f"gauge_*_{number}.db"), *folder.glob(f"gauge_*_{number}-*.db")]


def _locked(path: Path) -> int | None:
    """The open file with the lock on it, or ``None`` when another has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    if sys.platform == "win32":
        return descriptor  # several workers on one port are not to be had there
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _held(path: Path) -> bool:
    if sys.platform == "win32":
        return True
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: two that look do not see each other
        except BlockingIOError:
            return True
    return False
