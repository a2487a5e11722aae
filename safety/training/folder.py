"""The folder that a training fills, step by step: whose it is, files that are whole or not there, and which
rows are kept out of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol, TypeVar

from tokenizers import Tokenizer

from safety.errors import ConfigError

CHECKPOINT, RECIPE = "fit.pt", "recipe.json"


class Text(Protocol):
    """A row that has a text."""

    @property
    def text(self) -> str: ...


T = TypeVar("T", bound=Text)


def claim(out: Path, recipe: Mapping[str, Any], rows: str) -> None:
    """Mark the folder as this recipe's and these rows': the steps of two make no model together."""
    out.mkdir(parents=True, exist_ok=True)
    mine = {"recipe": recipe, "rows": sha256(rows.encode("utf-8", "surrogatepass")).hexdigest()}
    mark, text = out / RECIPE, json.dumps(mine, indent=1) + "\n"
    if not mark.is_file():
        mark.write_text(text, encoding="utf-8")
    elif mark.read_text(encoding="utf-8") != text:
        raise ConfigError(
            f"{out}: begun with another recipe or other rows ({RECIPE}): name another folder, or delete "
            f"{RECIPE} and the files of all steps that are to be done again"
        )


def whole(out: Path, files: Mapping[str, str]) -> bool:
    """Whether the files that a card has the SHA-256 of are there, and are those."""
    return all((out / name).is_file() and digest(out / name) == own for name, own in files.items())


def digest(path: Path) -> str:
    """A file's SHA-256."""
    return sha256(path.read_bytes()).hexdigest()


@contextmanager
def draft(path: Path) -> Iterator[Path]:
    """Where to write: it becomes ``path`` once all is written, as half a file would pass for a step done."""
    new = path.with_name(f"{path.name}.new")
    yield new
    new.replace(path)


def held_out(rows: Sequence[T], purpose: str, share: float) -> tuple[list[T], list[T]]:
    """About ``share`` of the rows apart (second), told by their texts, so that every run takes the same."""
    apart = [
        int.from_bytes(sha256(f"{purpose}/{row.text}".encode("utf-8", "surrogatepass")).digest()[:4])
        < share * 2**32
        for row in rows
    ]
    return (
        [row for row, out in zip(rows, apart, strict=True) if not out],
        [row for row, out in zip(rows, apart, strict=True) if out],
    )


def plain_tokenizer(base: Path) -> Tokenizer:
    """The base's, cutting and padding nothing."""
    tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer
