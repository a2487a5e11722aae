"""``model: path/to/model.onnx``: a sequence classifier of one's own, without torch or transformers.

Beside the file: ``tokenizer.json``, and ``config.json`` if it is to know the labels' names, their kind and
the number of positions. It reads nothing else and converts nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safety.detectors.model import ModelOptions
from safety.errors import ConfigError
from safety.models.classify import (
    SIZE,
    Classifier,
    Matrix,
    Network,
    make_frame,
    make_head,
    one_line,
    reader,
    try_out,
)
from safety.models.session import session

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

_INPUTS = ("input_ids", "attention_mask", "token_type_ids")
_OUTPUT = "logits"
_TYPES = {"tensor(int64)": "int64", "tensor(int32)": "int32"}


@dataclass(frozen=True, slots=True)
class Description:
    """What a ``config.json`` says that matters here; every entry may be missing."""

    names: tuple[str, ...] = ()
    problem: str | None = None
    positions: int = SIZE
    pad: int | None = None


class OnnxScorer(Classifier):
    """A ``Scorer`` for an ONNX file.

    The graph takes ``input_ids`` and, if it has them, ``attention_mask`` and ``token_type_ids`` (int64 or
    int32, rows x tokens, both free), and answers ``logits`` (rows x labels).
    """

    def __init__(self, options: ModelOptions) -> None:
        """``ConfigError`` for a file or an option that cannot be used, ``MissingExtra`` without
        onnxruntime."""
        path = Path(options.model)
        if not path.is_file():
            raise ConfigError(f"model: {path}: no such file: allowed is the path of an ONNX file")
        described, tokenizer = _description(path), _tokenizer(path)
        network = _network(path, described, tokenizer, options)
        names = _names(described, try_out(network, str(path)), path)
        head = make_head(str(path), names, described.problem, options)
        super().__init__(path.name, network, head, (options.provider.encode(), *_content(path)))


def _network(path: Path, described: Description, tokenizer: Tokenizer, options: ModelOptions) -> Network:
    made = session(path, options.provider, options.threads)
    inputs = _inputs(path, made)
    pad = described.pad if described.pad is not None else (tokenizer.padding or {}).get("pad_id", 0)
    read = reader(tokenizer)
    frame = make_frame(
        lambda text, special: tokenizer.encode(text, add_special_tokens=special).ids,
        min(SIZE, described.positions),
        pad if "attention_mask" in inputs else None,  # nothing would tell the graph what is padding
    )
    return Network(read, partial(_forward, made, inputs), frame)


def _forward(
    session: InferenceSession, inputs: Mapping[str, str], ids: Matrix, mask: Matrix
) -> list[list[float]]:
    import numpy

    given = dict(zip(_INPUTS, (ids, mask, numpy.zeros_like(ids)), strict=True))
    feed = {name: numpy.asarray(given[name], dtype) for name, dtype in inputs.items()}
    [logits] = session.run([_OUTPUT], feed)
    rows: list[list[float]] = logits.astype("float64").tolist()
    return rows


def _inputs(path: Path, session: InferenceSession) -> dict[str, str]:
    """The graph's inputs, each with the type its numbers need. ``ConfigError`` for any other graph."""
    taken, given = session.get_inputs(), session.get_outputs()
    problems = [*map(_wrong, taken), *(_answer_is_wrong(one) for one in given if one.name == _OUTPUT)]
    if "input_ids" not in {one.name for one in taken}:
        problems.append("no input `input_ids`")
    if _OUTPUT not in {one.name for one in given}:
        problems.append(f"no output `{_OUTPUT}`, but {', '.join(one.name for one in given)}")
    if found := "; ".join(filter(None, problems)):
        raise ConfigError(
            f"model: {path}: {found}: allowed are {', '.join(_INPUTS)} (whole numbers, rows x tokens, none "
            f"of both fixed) in, {_OUTPUT} (rows x labels) out"
        )
    return {one.name: _TYPES[one.type] for one in taken}


def _wrong(taken: Any) -> str | None:
    if taken.name not in _INPUTS or taken.type not in _TYPES:
        return f"an input `{taken.name}` of {taken.type}"
    if any(isinstance(length, int) for length in taken.shape):
        return f"`{taken.name}` has the fixed shape {taken.shape}"
    return None


def _answer_is_wrong(given: Any) -> str | None:
    return f"`{given.name}` has the shape {given.shape}" if len(given.shape) != 2 else None


def _tokenizer(path: Path) -> Tokenizer:
    from tokenizers import Tokenizer

    file = path.with_name("tokenizer.json")
    try:
        return Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises bare Exception for a broken or missing file
        raise ConfigError(
            f"model: {file} cannot be loaded ({one_line(error)}): allowed is the model's own, as the "
            "tokenizers library saves it"
        ) from error


def _description(path: Path) -> Description:
    """The ``config.json`` beside ``path``; an empty one if there is none."""
    file = path.with_name("config.json")
    if not file.is_file():
        return Description()
    try:
        return _read_description(json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ConfigError(
            f"model: {file} cannot be read ({one_line(error)}): allowed is the config.json of a transformers "
            "model: id2label, problem_type, max_position_embeddings, pad_token_id"
        ) from error


def _read_description(config: Mapping[str, Any]) -> Description:
    labels = config.get("id2label") or {}
    positions = config.get("max_position_embeddings")
    pad = config.get("pad_token_id")
    return Description(
        names=tuple(str(labels[str(at)]) for at in range(len(labels))),
        problem=config.get("problem_type"),
        positions=SIZE if positions is None else int(positions),
        pad=None if pad is None else int(pad),
    )


def _names(described: Description, count: int, path: Path) -> tuple[str, ...]:
    """The labels' names: from the described, or ``LABEL_0`` and so on, as transformers calls them."""
    if described.names and len(described.names) != count:
        raise ConfigError(
            f"model: {path}: {count} logits for the {len(described.names)} labels of its config.json "
            f"({', '.join(described.names)}): allowed is one each"
        )
    return described.names or tuple(f"LABEL_{at}" for at in range(count))


def _content(path: Path) -> Iterator[bytes]:
    """A digest of each file the model is made of, weights kept outside (``model.onnx_data``) included."""
    names = (path.name, "tokenizer.json", "config.json")
    for file in sorted(path.parent.iterdir()):
        if file.name.startswith(names) and file.is_file():
            with file.open("rb") as opened:
                yield file_digest(opened, "sha256").digest()
