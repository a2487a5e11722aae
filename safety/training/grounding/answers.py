"""Answers with what is wrong in them marked: read from the data folder and from what is written here.

One shape for all: a claim that is labelled as a whole is an answer of one sentence. It knows nothing of
torch.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safety.errors import ConfigError
from safety.training.rows import OWN, lines_of

WRITTEN = Path(__file__).parent / "written"
FAMILY = "groundedness"
# Whether what is wrong in a row of this kind is contradicted by the sources; of other kinds nobody knows.
_CONTRADICTS = {
    **dict.fromkeys(("contradiction", "number_swap", "entity_swap", "date_swap", "antonym_swap"), True),
    **dict.fromkeys(("negation",), True),
    **dict.fromkeys(("not_enough_info", "not_mentioned", "fabricated"), False),
}
_RIGHT = ("supported", "no_claim")  # labels of written sentences with nothing wrong in them
_LABELS = (*_RIGHT, "contradiction", "not_mentioned")


@dataclass(frozen=True, slots=True)
class Wrong:
    """``[start, end)`` of an answer (code points) is not borne out; ``contradicts``: a source says otherwise
    (``None``: nobody knows)."""

    start: int
    end: int
    contradicts: bool | None


@dataclass(frozen=True, slots=True)
class Answer:
    """A text, what it was made from, and every part of it that is not borne out. ``marked``: the places in
    ``wrong`` are exact; else the text was labelled as a whole, and is one claim."""

    sources: tuple[str, ...]
    question: str
    text: str
    wrong: tuple[Wrong, ...]
    marked: bool
    source: str
    kind: str = ""
    lang: str = "en"
    task: str = ""
    domain: str = ""


def read_answers(folder: Path, split: str) -> list[Answer]:
    """All of ``folder/groundedness`` for ``split``. ``ConfigError`` naming the line that is not right."""
    return [
        answer
        for name, shape in (("spans", _response), ("pairs", _pair))
        for answer in _read(folder / FAMILY / f"{name}_{split}.jsonl.gz", shape)
    ]


def written_answers() -> list[Answer]:
    """Those written for this project; their sources are the files' names."""
    return [
        answer
        for path in sorted(WRITTEN.glob("*.jsonl"))
        for answer in _read(path, lambda data, name=path.stem: _written(data, f"{OWN}{name}"))
    ]


def _read(path: Path, shape: Any) -> Iterator[Answer]:
    if not path.is_file():
        raise ConfigError(f"{path}: no such file: --data is the folder that holds {FAMILY}")
    for number, line in enumerate(lines_of(path), 1):
        try:
            answer = shape(json.loads(line))
            if answer.source.startswith(OWN) and path.parent != WRITTEN:  # cards show texts of those
                raise ValueError(f"source: {OWN} is for answers that come with the package")
            yield answer
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(f"{path}:{number}: not a row of {FAMILY}: {error!r}") from error


def _pair(data: Mapping[str, Any]) -> Answer:
    claim, kind = _text(data, "claim"), _text(data, "kind")
    if data["label"] not in (0, 1):
        raise ValueError("label: allowed are 0 and 1")
    whole = () if data["label"] else (Wrong(0, len(claim), _CONTRADICTS.get(kind)),)
    return Answer((_text(data, "premise"),), "", claim, whole, False, _text(data, "source"), kind)


def _response(data: Mapping[str, Any]) -> Answer:
    wrong = tuple(Wrong(s["start"], s["end"], _CONTRADICTS.get(s["kind"])) for s in data["spans"])
    text, source = _text(data, "response"), _text(data, "model").removeprefix("constructed:")
    if any(not 0 <= w.start < w.end <= len(text) for w in wrong):
        raise ValueError("spans: outside the response")
    kinds = "|".join(sorted({str(s["kind"]) for s in data["spans"]})) or "supported"
    return Answer(
        _texts(data, "sources"), str(data["query"] or ""), text, wrong, True, source, kinds,
        task=_text(data, "task"),
    )  # fmt: skip


def _written(data: Mapping[str, Any], source: str) -> Answer:
    """Sentences with their labels, joined by blanks."""
    text, wrong = "", []
    for sentence in data["answer"]:
        text += " " if text else ""
        wrong += [replace(w, start=len(text) + w.start, end=len(text) + w.end) for w in _marks(sentence)]
        text += _text(sentence, "text")
    labels = {str(sentence["label"]) for sentence in data["answer"]}
    kind = "|".join(sorted(labels & _CONTRADICTS.keys())) or "supported"
    return Answer(
        _texts(data, "sources"), _text(data, "question"), text, tuple(wrong), True, source, kind,
        _text(data, "lang"), _text(data, "task"), str(data.get("domain", "")),
    )  # fmt: skip


def _marks(sentence: Mapping[str, Any]) -> list[Wrong]:
    """Where the wrong words of a written sentence stand in it."""
    text, label, parts = _text(sentence, "text"), _text(sentence, "label"), _texts(sentence, "wrong")
    if label not in _LABELS:
        raise ValueError(f"label {label!r}: allowed are {', '.join(_LABELS)}")
    if not all(parts) or bool(parts) == (label in _RIGHT):
        raise ValueError(f"wrong: allowed are words of the sentence, and none if it is {' or '.join(_RIGHT)}")
    places = [(text.index(part), len(part)) for part in parts]
    return [Wrong(at, at + length, _CONTRADICTS[label]) for at, length in places]


def _text(data: Mapping[str, Any], key: str) -> str:
    value = data[key]
    if not isinstance(value, str):
        raise TypeError(f"{key}: {type(value).__name__}: allowed is a text")
    return value


def _texts(data: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = data[key]
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise TypeError(f"{key}: allowed is a list of texts")
    return tuple(value)
