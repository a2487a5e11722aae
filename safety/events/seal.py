"""What is stored of an entry: its body, the columns and marks that repeat it, and what is sealed apart.

The body goes into the hash chain and can never be changed. Excerpts, details and keyed hashes of values may
have to be erased one day: they stand apart, and the body carries only ``sealed``, a salted hash of them. So
what was erased leaves the chain whole, what was changed is found, and nobody can guess the erased text from
the hash that stays, because its salt went too.

Pure but for the salt: entries in, rows out, and back.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from safety.errors import StoreError
from safety.events.entry import (
    MAX_TEXT,
    Entry,
    Event,
    Gap,
    Notice,
    RuleHit,
    clip,
    dumped,
    entry_from,
    entry_from_json,
    plain,
)
from safety.events.keyed import value_hash
from safety.events.schema import ABOUT, CATEGORY, FAILED, RULE, VALUE, WHAT
from safety.events.written import event_json
from safety.types import Action, Ran

SALT_BYTES = 16
_ACTIONS = {action: str(action) for action in Action}
_APART = ("excerpt", "detail")  # of a hit

Mark = tuple[str, str]  # of, name
Columns = tuple[str | bool | float | None, ...]  # in the order of schema.REPEATED


class Sealed(NamedTuple):
    """An entry ready to be stored. Without ``texts`` nothing of it can be erased."""

    entry: Entry
    body: str
    columns: Columns
    marks: tuple[Mark, ...] = ()
    salt: str = ""
    texts: str | None = None


def seal(entry: Entry, key: bytes | None) -> Sealed:
    """What to store of ``entry``; without a ``key`` its values cannot be searched for. ``TypeError`` or
    ``ValueError`` when it is no JSON."""
    if not isinstance(entry, Event) or not entry.hits:
        return Sealed(entry, entry.to_json(), columns_of(entry), tuple(marks_of(entry)))
    values = [] if key is None else sorted({value_hash(value, key) for value in entry.values})
    told = [[hit.excerpt, hit.detail] for hit in entry.hits]
    marks = (*marks_of(entry), *((VALUE, value) for value in values))
    if not values and not any(map(any, told)):
        return Sealed(entry, entry.to_json(), columns_of(entry), marks)
    salt, texts = secrets.token_hex(SALT_BYTES), dumped([told, values])
    body = event_json(entry, dumped([_without(hit) for hit in entry.hits]), seal_hash(salt, texts))
    return Sealed(entry, body, columns_of(entry), marks, salt, texts)


def unseal(body: str, texts: str | None) -> Entry:
    """The entry of a stored body with what was sealed apart put back; an event that is marked as erased
    where that is no longer there. ``StoreError`` for what ``seal`` did not make."""
    sealed, entry = parted(body)
    if not sealed or not isinstance(entry, Event):
        return entry
    if texts is None:
        return replace(entry, erased=True)
    told, _ = read_texts(texts)
    if len(told) != len(entry.hits):
        raise StoreError("record: excerpts of another event")
    hits = zip(entry.hits, told, strict=True)
    return replace(entry, hits=tuple(replace(hit, excerpt=e, detail=d) for hit, (e, d) in hits))


def seal_hash(salt: str, texts: str) -> str:
    """SHA-256, hex."""
    return hashlib.sha256(f"{salt}{texts}".encode("utf-8", "surrogatepass")).hexdigest()


def read_texts(texts: str) -> tuple[list[tuple[str, str]], list[str]]:
    """Excerpt and detail of each hit, and the keyed hashes. ``StoreError`` for anything else."""
    try:
        told, values = json.loads(texts)
        return [(str(excerpt), str(detail)) for excerpt, detail in told], list(map(str, values))
    except (ValueError, TypeError) as error:
        raise StoreError(f"record: not excerpts: {type(error).__name__}: {error}"[:MAX_TEXT]) from error


def parted(body: str) -> tuple[str, Entry]:
    """The hash in ``body`` of what was sealed apart (empty where nothing was), and the entry without that.
    ``StoreError`` for what ``seal`` did not make."""
    if '"sealed":"' not in body:
        return "", entry_from_json(body)
    try:
        data = json.loads(body)
        # A label may be called like this: then it is no member of the whole.
        return str(data.pop("sealed", "")), entry_from(data)
    except (ValueError, AttributeError, TypeError) as error:
        raise StoreError(f"record: not an event: {type(error).__name__}: {error}"[:MAX_TEXT]) from error


def _without(hit: RuleHit) -> dict[str, Any]:
    data = plain(hit)
    for name in _APART:
        data.pop(name, None)
    return data


# --- what is searched by ----------------------------------------------------------------------------------


def columns_of(entry: Entry) -> Columns:
    """What the columns beside the body say of ``entry``."""
    if not isinstance(entry, Event):
        return (entry.kind, storable(entry.id), storable(entry.at), *([None] * 11))
    label = entry.labels.get
    return (
        entry.kind,
        storable(entry.id),
        storable(entry.at),
        _ACTIONS[entry.action],
        _ACTIONS[entry.would],
        entry.stage.value,
        entry.complete,
        storable(entry.policy),
        _label(label("model")),
        _label(label("route")),
        _label(label("tenant")),
        _label(label("user")),
        _label(label("conversation")),
        entry.seconds,
    )


def marks_of(entry: Entry) -> list[Mark]:
    """What ``entry`` has several of, sorted, each once; without keyed hashes."""
    if isinstance(entry, Gap):
        return []
    if isinstance(entry, Notice):
        return _marks(((WHAT, [entry.what]), (ABOUT, [entry.about] if entry.about else [])))
    if entry.complete and not entry.rules and not entry.categories:
        return []
    failed = () if entry.complete else [run.detector for run in entry.ran if run.ran is not Ran.OK]
    return _marks(((CATEGORY, entry.categories), (RULE, entry.rules), (FAILED, failed)))


def _marks(named: Iterable[tuple[str, Sequence[str]]]) -> list[Mark]:
    return sorted({(of, storable(name)) for of, names in named for name in names})


def _label(value: str | None) -> str | None:
    return None if value is None else storable(value)


def storable(text: str) -> str:
    """``text`` as both databases can hold it in an index: without lone surrogates and NUL, and not endless
    (PostgreSQL refuses index rows over a third of a page)."""
    if text.isascii() and len(text) <= MAX_TEXT and "\0" not in text:
        return text
    return clip(text).encode("utf-8", "replace").decode().replace("\0", "?")
