"""The README's code blocks, by the word after the language. ``python tests/readme.py NAME`` prints one."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"
_BLOCK = re.compile(
    r"^```(?P<language>\w+)?(?: (?P<name>\w+))?\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Block:
    language: str
    name: str
    text: str


def blocks() -> list[Block]:
    """All blocks, in order."""
    found = _BLOCK.finditer(README.read_text(encoding="utf-8"))
    return [Block(m["language"] or "", m["name"] or "", m["text"]) for m in found]


def block(name: str) -> str:
    """The text of the block of that name."""
    (one,) = [b for b in blocks() if b.name == name]
    return one.text


if __name__ == "__main__":
    print(block(sys.argv[1]))
