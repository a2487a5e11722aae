"""Labelled rows for training: read from the data folders and from what is written here, in one shape.

A row answers some of the heads (``None``: not annotated, masked in the loss). It knows nothing of torch.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from safety.detectors.model import HARM, Role
from safety.detectors.normalise.reading import folded
from safety.errors import ConfigError
from safety.models.heads import HEADS, TOP, attack

T = TypeVar("T")

WRITTEN = Path(__file__).parent / "written"
FAMILIES = ("prompt_shield", "harm")
OWN = "written:"  # how the sources of rows written here begin, and no others
_LABELS = {"benign": 0.0, "direct": 1.0, "indirect": 1.0}
_SURFACES = {"user": Role.SAID, "document": Role.READ}
_SAFE = (
    "coding_request",
    "assistant_query",
    "hard_negative",
    "work_sheet",
    "clean|bipia_table",
    "trigger_word",
)

# How bad the positives of a kind are (0 to 7, by the sources' own descriptions of their classes). Weak
# labels: no source but the Reddit one is annotated with severities.
_SEVERITIES = {
    "1.1": 6, "1.2": 6, "2.1": 4, "2.2": 4, "2.3": 5, "3.1": 3, "3.2": 2, "3.3": 2, "3.4": 2,
    "4.1": 3, "4.2": 4, "derogation": 4, "animosity": 3, "dehumanizinglanguage": 5, "threateninglanguage": 6,
    "hazard_vcr": 6, "hazard_hte": 5, "hazard_ssh": 6, "hazard_sxc_prn": 4, "hazard_cse": 7, "hazard_src": 6,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One text in one role. ``targets`` has one entry per head (0 to 1, or ``None``), ``severities`` one per
    kind of harm (0 to 7, or ``None``)."""

    text: str
    role: Role
    targets: tuple[float | None, ...]
    severities: tuple[float | None, ...] = (None,) * len(HARM)
    family: str = ""
    source: str = ""
    kind: str = ""
    lang: str = ""
    group: str = ""

    @property
    def positive(self) -> bool:
        """Whether any head is to fire."""
        return any(target is not None and target >= 0.5 for target in self.targets)


def read_rows(folder: Path, family: str, split: str) -> list[Row]:
    """The rows of ``folder/family/split.jsonl.gz``. ``ConfigError`` naming the line that is not right."""
    path = folder / family / f"{split}.jsonl.gz"
    return list(_rows(path, family))


def written_rows() -> list[Row]:
    """The rows written for this project; their sources are the files' names."""
    return [
        row
        for path in sorted(WRITTEN.glob("*.jsonl"))
        for row in _rows(
            path, "harm" if path.stem.startswith("harm") else "prompt_shield", f"{OWN}{path.stem}"
        )
    ]


def _rows(path: Path, family: str, source: str = "") -> Iterator[Row]:
    if not path.is_file():
        raise ConfigError(f"{path}: no such file: --data is the folder that holds {' and '.join(FAMILIES)}")
    for number, line in enumerate(lines_of(path), 1):
        try:
            data = json.loads(line)
            row = _harm(data) if family == "harm" else _shield(data)
            if not source and str(data.get("source")).startswith(OWN):
                raise ValueError(f"source {data['source']!r}: {OWN} is for rows that come with the package")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(f"{path}:{number}: not a row of {family}: {error!r}") from error
        yield replace(
            row,
            family=family,
            source=source or str(data.get("source", "")),
            kind=str(data.get("kind") or ""),
            lang=str(data.get("lang") or ""),
            group=_group(data.get("group")),
        )


def lines_of(path: Path) -> list[str]:
    """The lines of a text file, or of one in .gz. ``ConfigError`` when it is no UTF-8 or not what its name
    says."""
    data = path.read_bytes()
    try:
        text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}: must be UTF-8, compressed as its name says") from error
    return text.removesuffix("\n").split("\n")  # no other line end: texts may hold those


def _group(value: object) -> str:
    return value if isinstance(value, str) else ""


def _shield(data: Mapping[str, Any]) -> Row:
    label, kind = _one_of(_LABELS, data, "label"), str(data.get("kind") or "")
    role = _one_of(_SURFACES, data, "surface")
    targets: dict[str, float | None] = dict.fromkeys(HEADS)
    targets[attack(role)] = label
    if not label and kind.startswith(_SAFE):
        targets.update(dict.fromkeys(HARM, 0.0))
    return Row(clean(data["text"]), role, tuple(targets.values()))


def _one_of(known: Mapping[str, T], data: Mapping[str, Any], key: str) -> T:
    if data[key] not in known:
        raise ValueError(f"{key} {data[key]!r}: allowed are {', '.join(known)}")
    return known[data[key]]


def _harm(data: Mapping[str, Any]) -> Row:
    labels = data["labels"]
    targets = {head: labels.get(head) for head in HARM}
    # What is merely harmful is no attack: another head judges it.
    heads = {"prompt_attack": 0.0, "indirect_attack": None, **targets}
    values = tuple(None if heads[head] is None else float(heads[head]) for head in HEADS)
    if not all(value is None or 0 <= value <= 1 for value in values):
        raise ValueError(f"labels {labels!r}: allowed are 0, 1 and null")
    return Row(clean(data["text"]), Role.SAID, values, _severities(data, targets))


def _severities(data: Mapping[str, Any], targets: Mapping[str, float | None]) -> tuple[float | None, ...]:
    kind = str(data.get("kind") or "")
    known = data.get("severity")
    if known is None:
        known = next((value for name, value in _SEVERITIES.items() if kind.startswith(name)), None)
    return tuple(
        0.0 if target == 0 else None if target is None or known is None else min(float(known), TOP)
        for target in targets.values()
    )


def clean(text: str) -> str:
    """The text as detectors give it to a model: in its plain reading."""
    return folded(text).text
