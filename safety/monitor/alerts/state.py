"""What alerts remember over a restart: a small JSON file of their own.

Not the record: alerts must also speak when the record cannot be written or read, which is one of the things
they watch for, and retention may remove any of its rows. The file is replaced as a whole, so that it is
either the old or the new one; it holds names and readings, no secrets. One process at a time may have it: two
would send everything twice.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

from safety.errors import ConfigError, StoreError
from safety.events.place import is_url
from safety.monitor.alerts.engine import NOTHING, AlertState, Known, Standing
from safety.monitor.alerts.outbox import Item, Items
from safety.monitor.alerts.rules import Alert

try:
    import fcntl
except ImportError:  # Windows: there the file is not guarded against a second process
    fcntl = None  # type: ignore[assignment]

VERSION = 1
DEFAULT = "safety-alerts.json"


def state_file(given: str | None, store: str) -> Path:
    """Where the state is kept: as the file of alerts says, else beside a record that is a file, else
    ``safety-alerts.json`` in the working directory."""
    if given is not None:
        return Path(given)
    return Path(DEFAULT) if is_url(store) else Path(f"{store}.alerts.json")


class StateFile:
    """The file at ``path``, for this process alone while it is open. ``ConfigError`` when another has it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        lock = path.with_name(f"{path.name}.lock")
        try:
            self._lock = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigError(
                f"{lock}: {error.strerror}: name a place for 'state' that can be written"
            ) from error
        try:
            if fcntl is not None:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise ConfigError(
                f"{path}: another process sends alerts with this state: run one of them, or name another"
                " place for 'state'"
            ) from None

    def read(self) -> tuple[AlertState, Items]:
        """What was remembered; nothing where nothing was. ``ConfigError`` for what this did not write."""
        try:
            text = self.path.read_text("ascii")
        except FileNotFoundError:
            return NOTHING, ()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{self.path}: {getattr(error, 'strerror', None) or 'not ASCII'}") from error
        return decoded(text, self.path)

    def write(self, state: AlertState, items: Items) -> None:
        """Remember this instead. ``StoreError`` when it cannot be written: then what was there stays."""
        draft = self.path.with_name(f"{self.path.name}.new")
        try:
            with open(
                os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii"
            ) as out:
                out.write(encoded(state, items))
                out.flush()
                os.fsync(out.fileno())
            os.replace(draft, self.path)
            _sync_folder(self.path.parent)
        except OSError as error:
            raise StoreError(f"{self.path}: {error.strerror or error}") from error

    def close(self) -> None:
        """Let another process have it."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> StateFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _sync_folder(folder: Path) -> None:
    """A new name is durable when its folder is (not on every system can a folder be opened)."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


# --- JSON ---------------------------------------------------------------------------------------------------


def encoded(state: AlertState, items: Items) -> str:
    """One line of ASCII."""
    data = {
        "version": VERSION,
        "at": state.at,
        "fired": state.fired,
        "standings": [
            {"rule": rule, "subject": subject, **asdict(one)}
            for (rule, subject), one in state.standings.items()
        ],
        "known": {rule: {"names": sorted(one.names), "at": one.at} for rule, one in state.known.items()},
        "outbox": [asdict(item) for item in items],
    }
    return json.dumps(data, separators=(",", ":")) + "\n"


def decoded(text: str, path: Path) -> tuple[AlertState, Items]:
    """What ``encoded`` wrote. ``ConfigError`` for anything else."""
    try:
        data = json.loads(text)
        if data["version"] != VERSION:
            raise ConfigError(f"{path}: state of version {data['version']}: this program reads {VERSION}")
        state = AlertState(
            at=data["at"],
            fired=data["fired"],
            standings={(one["rule"], one["subject"]): _standing(one) for one in data["standings"]},
            known={rule: Known(frozenset(one["names"]), one["at"]) for rule, one in data["known"].items()},
        )
        return state, tuple(Item(**{**item, "alert": _alert(item["alert"])}) for item in data["outbox"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ConfigError(
            f"{path}: not a state of alerts ({type(error).__name__}): remove it to begin anew"
        ) from error


def _standing(one: Mapping[str, Any]) -> Standing:
    firing = one["firing"]
    return Standing(one["since"], one["fired_at"], None if firing is None else _alert(firing))


def _alert(fields: Mapping[str, Any]) -> Alert:
    return Alert(**{**fields, "to": tuple(fields["to"])})
