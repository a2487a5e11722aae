"""What was judged before: findings by content, bounded, shared by all threads of a guard.

A segment already judged by the same detectors (name, version and options: the *suite*) in the same role is
not judged again, so that a conversation costs its newest turn. It keeps digests, and findings without their
``detail``, so no text but corrections. It does not remember failures: only a judgement by every detector of
the suite is put here.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b

from safety.types import Finding, Origin, Segment, Span

Key = tuple[str, Origin, bytes]
Judged = Mapping[str, tuple[Finding, ...]]  # by detector label, places relative to the segment

CLEAN: Judged = {}


class Memo:
    """A least-recently-used table of at most ``size`` judged segments (about 200 bytes each when clean)."""

    def __init__(self, size: int = 50_000) -> None:
        self._size = size
        self._table: OrderedDict[Key, Judged] = OrderedDict()
        self._lock = threading.Lock()
        self.hits = 0
        self.misses = 0

    @staticmethod
    def key(suite: str, segment: Segment) -> Key:
        """The content hash of a segment in its role. BLAKE2b: an attacker must not be able to make two
        texts collide."""
        data = segment.text.encode("utf-8", "surrogatepass")
        return suite, segment.origin, blake2b(data, digest_size=16).digest()

    def look_up(self, keys: Sequence[Key]) -> list[Judged | None]:
        """What is known of each key, in order; ``None`` where nothing is."""
        with self._lock:
            found = [self._table.get(key) for key in keys]
            for key, judged in zip(keys, found, strict=True):
                if judged is not None:
                    self._table.move_to_end(key)
            known = sum(judged is not None for judged in found)
            self.hits += known
            self.misses += len(found) - known
        return found

    def store(self, entries: Iterable[tuple[Key, Judged]]) -> None:
        """Remember; forgets what was not asked for longest when full."""
        with self._lock:
            for key, judged in entries:
                self._table[key] = judged
                self._table.move_to_end(key)
            while len(self._table) > self._size:
                self._table.popitem(last=False)

    def __len__(self) -> int:
        return len(self._table)


def to_relative(findings: Sequence[Finding], segment: Segment) -> tuple[Finding, ...]:
    """The findings with places counted from the start of ``segment``, and nothing quoted from it."""
    return tuple(_moved(replace(finding, detail=""), "", -segment.start) for finding in findings)


def to_absolute(findings: Sequence[Finding], segment: Segment) -> tuple[Finding, ...]:
    """The findings placed in ``segment``."""
    return tuple(_moved(finding, segment.path, segment.start) for finding in findings)


def _moved(finding: Finding, path: str, by: int) -> Finding:
    if finding.span is None:
        return finding
    span, *words = (Span(path, one.start + by, one.end + by) for one in (finding.span, *finding.words))
    return replace(finding, span=span, words=tuple(words))
