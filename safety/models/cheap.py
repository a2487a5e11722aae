"""The micro-second model: word-piece embeddings and those of hashed pairs, two poolings, one small layer.

It was taught by the encoder and says in tens of microseconds what the encoder says in tens of milliseconds,
wherever the matter is plain. Pure numpy; it knows nothing of when to believe it (``cascade``).
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from safety.detectors.model import Role
from safety.errors import ConfigError

Floats = NDArray[np.float32]
Ids = NDArray[np.int32]

PAIRS = 1 << 16  # rows of the table of pairs
_MIX, _SPREAD = 0x9E3779B1, 0x85EBCA6B  # odd constants of multiplicative hashing (xxHash's primes)


def pair_rows(ids: Ids) -> NDArray[np.int64]:
    """For each id and the one before it, the row of their pair; the first stands after 0."""
    late = ids.astype(np.uint32)
    early = np.concatenate((np.zeros(1, np.uint32), late[:-1]))
    mixed = (early * np.uint32(_MIX)) ^ (late * np.uint32(_SPREAD))
    rows: NDArray[np.int64] = ((mixed ^ (mixed >> np.uint32(15))) % np.uint32(PAIRS)).astype(np.int64)
    return rows


@dataclass(frozen=True, slots=True)
class Cheap:
    """``words`` and ``pairs``: int8 tables (rows, size), with one scale each; ``inner`` (1 + 2 * size,
    hidden) and ``outer`` (hidden, heads) with biases. The first input of ``inner`` is the role."""

    words: NDArray[np.int8]
    pairs: NDArray[np.int8]
    scales: Floats
    inner: Floats
    inner_bias: Floats
    outer: Floats
    outer_bias: Floats

    def logits(self, ids: Ids, role: Role) -> Floats:
        """One logit per head for one window of ids (special ones left out), float32 (heads,)."""
        if not len(ids):
            return self.outer_bias - 8  # nothing said, nothing to fear
        states = self.words[ids] * self.scales[0] + self.pairs[pair_rows(ids)] * self.scales[1]
        pooled = np.concatenate(((np.float32(role),), states.mean(0), states.max(0)))
        hidden = np.maximum(pooled @ self.inner + self.inner_bias, 0)
        return cast(Floats, hidden @ self.outer + self.outer_bias)

    def to_bytes(self) -> bytes:
        """The file that ships."""
        file = io.BytesIO()
        np.savez_compressed(file, **{name: getattr(self, name) for name in self.__slots__})
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes, place: str) -> Cheap:
        """The model in a file's contents. ``ConfigError`` naming ``place`` when they are something else."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                tables: dict[str, Any] = {name: arrays[name] for name in cls.__slots__}
        except Exception as error:  # zipfile, zlib and numpy's parser of headers have no common base
            raise ConfigError(f"{place}: not the tables of a cheap model: {error!r}") from error
        return cls(**tables)
