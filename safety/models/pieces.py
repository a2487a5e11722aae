"""Word pieces, with a memory for words.

``tokenizers`` takes half a millisecond for a kilobyte, several times what the cheap model takes to judge it;
but the pieces of a word depend on the word alone, and most words were seen a moment ago. ASCII text is split
into words here, as BERT's pre-tokeniser does it, and each new word is given to the library; any other text
goes to the library whole.
"""

from __future__ import annotations

import re
import threading

import numpy as np
from tokenizers import Tokenizer

from safety.detectors.text import encodable
from safety.errors import ConfigError
from safety.models.cheap import Ids

REMEMBERED = 50_000  # words
LONGEST = 40  # letters of a word that is remembered
# Letters and digits in a row, or one mark; white space and control characters part them.
_WORD = re.compile(r"[A-Za-z0-9]+|[!-/:-@\[-`{-~]")
_SPECIAL = re.compile(r"\[[A-Z]+\]")  # a special token written out, which the library would take for one
# Control characters but tabs and line ends are deleted: what they parted is one word.
_DELETED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class Pieces:
    """The ids of texts. Safe to share between threads."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._known: dict[str, list[int]] = {}
        self._lock = threading.Lock()

    def ids(self, text: str) -> Ids:
        """The ids of ``text``, without special tokens, int32 (tokens,)."""
        if not _plain(text):
            return np.array(self._ids(encodable(text)), np.int32)
        found: list[int] = []
        for word in _WORD.findall(text):
            found += self._word(word)
        return np.array(found, np.int32)

    def place(self, text: str, start: int, end: int) -> tuple[int, int]:
        """Where the words of tokens ``[start, end)`` of ``text`` stand, in code points."""
        if not _plain(text):
            offsets = self._tokenizer.encode(encodable(text), add_special_tokens=False).offsets
            return offsets[start][0], offsets[end - 1][1]
        count, first = 0, 0
        for found in _WORD.finditer(text):
            before, count = count, count + len(self._word(found[0]))
            first = found.start() if before <= start < count else first
            if end <= count:
                return first, found.end()
        raise IndexError(f"token {end} of {count}")

    def places(self, text: str) -> list[tuple[int, int]]:
        """Where each token of ``text`` stands, in code points."""
        places: list[tuple[int, int]] = self._tokenizer.encode(
            encodable(text), add_special_tokens=False
        ).offsets
        return places

    def _word(self, word: str) -> list[int]:
        return self._known.get(word) or self._learn(word)

    def _learn(self, word: str) -> list[int]:
        ids = self._ids(word)
        if len(word) <= LONGEST:
            with self._lock:
                if len(self._known) >= REMEMBERED:
                    self._known = {}  # a new one: other threads may be reading the old
                self._known[word] = ids
        return ids

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids


def tokenizer_of(data: bytes, place: str) -> Tokenizer:
    """The tokenizer in a file's bytes. ``ConfigError`` for anything else."""
    try:
        return Tokenizer.from_buffer(data)
    except Exception as error:  # the library has no other
        raise ConfigError(f"{place}: not a tokenizer: {error}") from error


def _plain(text: str) -> bool:
    """Whether the pieces of ``text`` are those of its words."""
    return text.isascii() and not _DELETED.search(text) and not _SPECIAL.search(text)
