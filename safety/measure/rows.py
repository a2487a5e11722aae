"""Labelled rows: what is judged, and what is known to be true of it.

Four shapes are told apart row by row, whatever file they stand in (JSON lines, CSV, Parquet; the first two
also as .gz):

    {text, label, surface?}            label: benign, direct, indirect, or 0/1 (an attack on that surface)
    {text, labels, origin?}            labels: any category to 0, 1 or null (nobody knows)
    {premise, claim, label}            label: 1 supported by the premise, 0 not
    {sources, response, spans}         spans: what of the response is not supported; query is optional

and each may have ``source``, ``kind``, ``lang`` and ``group``. In CSV a cell is a text, ``labels`` become
columns ``labels.hate``, lists are JSON, and an empty cell is none. Other keys are ignored. A row that cannot
be read raises ``ConfigError``: a figure without it would be of other data. It judges nothing.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safety.errors import ConfigError
from safety.scan.files import Row as FileRow
from safety.scan.files import Source
from safety.types import Origin
from safety.wire.values import document_texts, kind

PROMPT_ATTACK, INDIRECT_ATTACK, UNGROUNDED = "prompt_attack", "indirect_attack", "ungrounded"
SEED = 0  # of the sample: the same rows every time

_SHAPES = "{text, label}, {text, labels}, {premise, claim, label} or {sources, response, spans}"
_SURFACES = {"user": Origin.USER, "document": Origin.DOCUMENT}
_ATTACKS = {"benign": 0, "direct": 1, "indirect": 1}
_PREFIX = "labels."


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled text. ``place`` is ``file:line``; ``labels`` holds 0 or 1 for each category about which
    something is known; ``documents`` and ``query`` are what an answer is compared with."""

    place: str
    text: str
    origin: Origin
    labels: Mapping[str, int]
    documents: tuple[str, ...] = ()
    query: str = ""
    source: str = ""
    kind: str = ""
    lang: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class _Cells:
    """A row as it stands in the file. Every way to read a cell raises ``ConfigError`` with its place."""

    place: str
    value: Mapping[str, Any]
    encoded: bool = False

    def get(self, name: str) -> Any:
        """The cell, or ``None``; an empty one of CSV is none."""
        cell = self.value.get(name)
        return None if self.encoded and cell == "" else cell

    def has(self, *names: str) -> bool:
        return all(self.get(name) is not None for name in names)

    def wrong(self, name: str, allowed: str) -> ConfigError:
        cell = self.get(name)
        said = repr(cell) if isinstance(cell, int | float | str) and len(str(cell)) <= 40 else kind(cell)
        return ConfigError(f"{self.place}: {name}: {'missing' if cell is None else said}: {allowed}")

    def text(self, name: str) -> str:
        cell = self.get(name)
        if not isinstance(cell, str):
            raise self.wrong(name, "must be a text")
        return cell

    def word(self, name: str) -> str:
        """A text or number that names a slice; empty where there is none."""
        cell = self.get(name)
        if cell is None:
            return ""
        if isinstance(cell, bool) or not isinstance(cell, str | int):
            raise self.wrong(name, "must be a text")
        return str(cell)

    def choice(self, name: str, allowed: Mapping[str, Any]) -> Any:
        cell = self.get(name)
        if not isinstance(cell, str) or cell not in allowed:
            raise self.wrong(name, f"must be one of {', '.join(allowed)}")
        return allowed[cell]

    def binary(self, name: str, also: Mapping[str, int] | None = None) -> int:
        """0 or 1, or what a word of ``also`` stands for."""
        words = {"0": 0, "1": 1, **(also or {})}
        cell = self.get(name)
        if isinstance(cell, int) and cell in (0, 1):
            return int(cell)
        if not isinstance(cell, str) or cell not in words:
            raise self.wrong(name, f"must be one of {', '.join(words)}")
        return words[cell]

    def items(self, name: str) -> list[Any]:
        cell = self.get(name)
        if self.encoded and isinstance(cell, str):
            cell = _decoded(cell)
        if not isinstance(cell, list):
            raise self.wrong(name, "must be a list")
        return cell


def read_rows(paths: Iterable[Path], sample: int | None = None) -> list[Row]:
    """The rows of the files, in order; ``sample``: so many of them, chosen at random but always the same.
    ``ConfigError`` for the first row that cannot be read, and for files without a row."""
    rows = [row for path in paths for row in _rows(path)]
    if not rows:
        raise ConfigError("no rows: the data is empty: one labelled text is the least")
    if sample is None or sample >= len(rows):
        return rows
    # Chosen for repeatability: nothing is kept secret by it.
    chosen = random.Random(SEED).sample(range(len(rows)), sample)  # noqa: S311
    return [rows[index] for index in sorted(chosen)]


def _rows(path: Path) -> Iterator[Row]:
    for row in Source(path):
        yield read_row(f"{path}:{row.number}", row)


def read_row(place: str, row: FileRow) -> Row:
    """What one row of a file says; ``ConfigError`` if that cannot be made out."""
    if row.value is None:
        raise ConfigError(f"{place}: {row.error}: one JSON object per line, or CSV with a header")
    cells = _Cells(place, row.value, row.encoded)
    read = next((read for fits, read in _READERS if fits(cells)), None)
    if read is None:
        raise ConfigError(f"{place}: no labelled text: a row is {_SHAPES}")
    return read(cells)


# --- the shapes -------------------------------------------------------------------------------------------


def _is_pair(cells: _Cells) -> bool:
    return cells.has("claim") and "premise" in cells.value


def _pair(cells: _Cells) -> Row:
    unsupported = 1 - cells.binary("label")
    return _answer(cells, cells.text("claim"), (cells.text("premise"),), unsupported)


def _is_response(cells: _Cells) -> bool:
    return cells.has("response") and "sources" in cells.value


def _response(cells: _Cells) -> Row:
    try:
        sources = [text.text for text in document_texts(cells.items("sources"), "sources")]
    except TypeError as error:
        raise ConfigError(f"{cells.place}: {error}") from None
    return _answer(cells, cells.text("response"), sources, int(bool(cells.items("spans"))))


def _answer(cells: _Cells, text: str, documents: Sequence[str], unsupported: int) -> Row:
    if not any(document.strip() for document in documents):
        raise ConfigError(f"{cells.place}: nothing to compare with: a premise or source must hold text")
    query = cells.text("query") if cells.has("query") else ""
    labels = {UNGROUNDED: unsupported}
    return replace(_row(cells, text, Origin.ASSISTANT, labels), documents=tuple(documents), query=query)


def _is_labelled(cells: _Cells) -> bool:
    columns = _label_columns(cells) and not cells.has("label")
    return "text" in cells.value and (cells.has("labels") or bool(columns))


def _labelled(cells: _Cells) -> Row:
    origin = cells.choice("origin", {str(one): one for one in Origin}) if cells.has("origin") else None
    return _row(cells, cells.text("text"), origin or _surface(cells), _labels(cells))


def _labels(cells: _Cells) -> dict[str, int]:
    """What is known; a label that is null is not."""
    if not cells.has("labels"):
        return {n.removeprefix(_PREFIX): cells.binary(n) for n in _label_columns(cells) if cells.has(n)}
    labels = cells.get("labels")
    if not isinstance(labels, dict):
        raise cells.wrong("labels", "must be an object of category to 0, 1 or null")
    inner = _Cells(f"{cells.place}: labels", labels)
    return {name: inner.binary(name) for name in labels if inner.has(name)}


def _label_columns(cells: _Cells) -> tuple[str, ...]:
    return tuple(name for name in cells.value if name.startswith(_PREFIX))


def _is_prompt(cells: _Cells) -> bool:
    return "text" in cells.value and cells.has("label")


def _prompt(cells: _Cells) -> Row:
    # Where the text stood decides which category answers for it: the detector is told nothing else.
    origin = _surface(cells)
    category = INDIRECT_ATTACK if origin is Origin.DOCUMENT else PROMPT_ATTACK
    labels = {category: cells.binary("label", _ATTACKS)}
    return _row(cells, cells.text("text"), origin, labels)


def _surface(cells: _Cells) -> Origin:
    if cells.has("surface"):
        origin: Origin = cells.choice("surface", _SURFACES)
        return origin
    return Origin.DOCUMENT if cells.get("label") == "indirect" else Origin.USER


_READERS: Sequence[tuple[Callable[[_Cells], bool], Callable[[_Cells], Row]]] = (
    (_is_pair, _pair),
    (_is_response, _response),
    (_is_labelled, _labelled),
    (_is_prompt, _prompt),
)


def _row(cells: _Cells, text: str, origin: Origin, labels: Mapping[str, int]) -> Row:
    source, kind_, lang, group = (cells.word(name) for name in ("source", "kind", "lang", "group"))
    return Row(cells.place, text, origin, labels, source=source, kind=kind_, lang=lang, group=group)


def _decoded(cell: str) -> Any:
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        return cell
