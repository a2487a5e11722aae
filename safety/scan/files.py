"""Files for the batch scan: rows in, one at a time, and findings out so that a scan can be taken up again.

Rows are read from JSON lines (plain or gzip), CSV and Parquet without holding more than a few of them. What
cannot be read as a row is a row too, with the reason in its place. Beside the findings stands a small state
file: after which row the findings are complete, for which input and settings, and up to which byte. It knows
nothing of texts or verdicts.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any

from safety.errors import ConfigError, MissingExtra

MAX_ROW = 16 * 1024 * 1024  # bytes of one row; a longer one is an error, not a reason to run out of memory
SAMPLE = 1024 * 1024  # bytes of either end of a file that its fingerprint covers
PARQUET_ROWS = 64

Value = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One row. ``number`` counts lines (CSV: the line it begins on; Parquet: rows), from 1. ``value`` is
    missing when ``error`` says why it could not be read. ``encoded``: lists stand as JSON in strings."""

    number: int
    value: Value | None = None
    error: str = ""
    encoded: bool = False


class Source:
    """The rows of one file. ``position`` of ``total`` (bytes, or rows of Parquet) says how far reading is."""

    def __init__(self, path: Path, columns: frozenset[str] | None = None) -> None:
        """``columns`` are all that will be looked at; ``ConfigError`` for a file of an unknown kind."""
        self.path = path
        self._columns = columns
        self._read = _reader(path)
        self._position: Callable[[], int] = lambda: 0
        self.total = path.stat().st_size

    @property
    def position(self) -> int:
        """How far reading is; at most ``total``."""
        return min(self._position(), self.total)

    def __iter__(self) -> Iterator[Row]:
        number = 0
        try:
            for row in self._read(self):
                number = row.number
                yield row
        except (EOFError, OSError, zlib.error) as error:  # a gzip file that is cut off or damaged
            raise ConfigError(f"{self.path}: unreadable after row {number}: {error}") from error
        self._position = lambda: self.total  # the file is closed by now

    def _lines(self) -> Iterator[Row]:
        with self.path.open("rb") as raw:
            self._position = raw.tell
            stream: IO[bytes] = _unzipped(raw) if self.path.suffix == ".gz" else raw
            number = 0
            while line := stream.readline(MAX_ROW + 1):
                number += 1
                if len(line) > MAX_ROW:
                    _skip_line(stream)
                    yield Row(number, error=f"longer than {MAX_ROW} bytes")
                elif line.strip():
                    yield _json_row(number, line)

    def _table(self) -> Iterator[Row]:
        with self.path.open("rb") as raw:
            self._position = raw.tell
            stream = _unzipped(raw) if self.path.suffix == ".gz" else raw
            # Bytes that are not UTF-8 become lone surrogates, so that one bad row spoils no other.
            text = TextIOWrapper(stream, "utf-8-sig", "surrogateescape", newline="")
            csv.field_size_limit(max(csv.field_size_limit(), MAX_ROW))  # one limit for the whole process
            reader = csv.reader(text, strict=True)
            header: list[str] | None = None
            while True:
                number = reader.line_num + 1
                try:
                    cells = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    yield Row(number, error=f"not CSV: {error}")
                    continue
                if header is None:
                    header = self._header(cells)
                elif cells:
                    yield _csv_row(number, header, cells)

    def _header(self, cells: list[str]) -> list[str]:
        twice = sorted({name for name in cells if cells.count(name) > 1})
        if twice:
            raise ConfigError(f"{self.path}: column {twice[0]!r} stands twice: each name once")
        return cells

    def _parquet(self) -> Iterator[Row]:
        arrow, parquet = _pyarrow()
        number = 0
        try:
            with parquet.ParquetFile(self.path) as file:
                self.total = file.metadata.num_rows
                self._position = lambda: number
                names = [
                    name for name in file.schema_arrow.names if not self._columns or name in self._columns
                ]
                for batch in file.iter_batches(PARQUET_ROWS, columns=names):
                    for value in batch.to_pylist():
                        number += 1
                        yield Row(number, value)
        except arrow.ArrowException as error:
            message = " ".join(str(error).split())
            raise ConfigError(f"{self.path}: unreadable after row {number}: {message}") from error


_READERS: Mapping[str, Callable[[Source], Iterator[Row]]] = {
    ".jsonl": Source._lines,
    ".ndjson": Source._lines,
    ".csv": Source._table,
    ".parquet": Source._parquet,
}


def _reader(path: Path) -> Callable[[Source], Iterator[Row]]:
    suffix = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    if suffix not in _READERS or (suffix == ".parquet" and path.suffix == ".gz"):
        raise ConfigError(f"{path}: unknown kind of file: .jsonl, .ndjson or .csv (also .gz), or .parquet")
    return _READERS[suffix]


def _unzipped(raw: IO[bytes]) -> IO[bytes]:
    stream: Any = gzip.GzipFile(fileobj=raw)
    unzipped: IO[bytes] = stream
    return unzipped


def _skip_line(stream: IO[bytes]) -> None:
    while (line := stream.readline(MAX_ROW)) and not line.endswith(b"\n"):
        continue


def _json_row(number: int, line: bytes) -> Row:
    try:
        value = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
    except UnicodeDecodeError as error:
        return Row(number, error=f"byte {error.start}: not UTF-8")
    except ValueError as error:
        return Row(number, error=f"not JSON: {error}")
    except RecursionError:
        return Row(number, error="not JSON: nested too deeply")
    if not isinstance(value, dict):
        return Row(number, error=f"{type(value).__name__}: a row must be an object")
    return Row(number, value)


def _csv_row(number: int, header: list[str], cells: list[str]) -> Row:
    if len(cells) != len(header):
        return Row(number, error=f"{len(cells)} fields: the header has {len(header)}")
    if any("\udc80" <= char <= "\udcff" for cell in cells if not cell.isascii() for char in cell):
        return Row(number, error="not UTF-8")
    return Row(number, dict(zip(header, cells, strict=True)), encoded=True)


def _pyarrow() -> tuple[Any, Any]:
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        wanted = "pip install 'content-safety-layer[parquet]'"
        raise MissingExtra(f"parquet: pyarrow is not installed: {wanted}") from error


# --- findings out -----------------------------------------------------------------------------------------


def fingerprint(path: Path) -> str:
    """What tells one input from another: its size, and a hash of its first and last mebibyte."""
    size = path.stat().st_size
    digest = hashlib.sha256()
    with path.open("rb") as file:
        digest.update(file.read(SAMPLE))
        file.seek(max(size - SAMPLE, 0))
        digest.update(file.read(SAMPLE))
    return f"{size}:{digest.hexdigest()}"


@dataclass(frozen=True, slots=True)
class State:
    """Up to ``row`` everything is done; its findings end at byte ``size`` of the output. ``settings`` is what
    must be the same to go on; ``summary`` what was counted."""

    settings: Mapping[str, str]
    row: int = 0
    size: int = 0
    summary: Mapping[str, Any] | None = None
    complete: bool = False


class Output:
    """The findings' file and its state. Lines are appended; ``commit`` makes them count."""

    def __init__(self, path: Path, settings: Mapping[str, str], *, restart: bool = False) -> None:
        """Opens what an earlier scan left, cut back to what counts. ``ConfigError`` if that was of another
        input, policy or settings, and if there is a file that is no scan's."""
        self.path = path
        self._state_path = path.with_name(path.name + ".state")
        self.state = State(settings) if restart else self._resumed(settings)
        if path.exists() and path.stat().st_size < self.state.size:
            raise ConfigError(f"{path}: shorter than its state says: use --restart")
        self._file = path.open("r+b" if path.exists() else "w+b")
        self._file.truncate(self.state.size)
        self._file.seek(self.state.size)
        self._save(self.state)

    def _resumed(self, settings: Mapping[str, str]) -> State:
        if not self._state_path.exists():
            if self.path.exists() and self.path.stat().st_size:
                raise ConfigError(
                    f"{self.path}: exists, and there is no {self._state_path.name} to go on from: use"
                    " --restart to overwrite it, or another --output"
                )
            return State(settings)
        state = _read_state(self._state_path)
        changed = sorted(
            key for key in {*settings, *state.settings} if settings.get(key) != state.settings.get(key)
        )
        if changed:
            raise ConfigError(
                f"{self.path}: begun with another {', '.join(changed)}: use --restart to begin anew, or"
                " another --output"
            )
        return state

    def write(self, line: str) -> None:
        """One finding, without its line end."""
        self._file.write(line.encode("utf-8", "backslashreplace") + b"\n")

    def commit(self, row: int, summary: Mapping[str, Any], *, complete: bool = False) -> None:
        """Everything up to ``row`` is done."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._save(State(self.state.settings, row, self._file.tell(), summary, complete))

    def _save(self, state: State) -> None:
        fresh = self._state_path.with_name(self._state_path.name + ".new")
        fields = {name: getattr(state, name) for name in State.__dataclass_fields__}
        fresh.write_text(json.dumps(fields), encoding="utf-8")
        fresh.replace(self._state_path)  # atomic: there is always one whole state
        self.state = state

    def close(self) -> None:
        """Lines that were not committed do not count."""
        self._file.close()


def _read_state(path: Path) -> State:
    try:
        return State(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{path}: not the state of a scan: use --restart") from error
