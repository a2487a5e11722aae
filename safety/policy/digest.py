"""What identifies a policy: a hash of everything that can change a verdict.

Equal policies have equal digests however they are written: key order, comments, layers and defaults left
out or spelled out make no difference; the order of rules, and the contents of files named in options, do.
The name is not part of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import date
from enum import Enum
from pathlib import Path
from typing import Any

from safety.detectors.registry import Registry
from safety.policy.detectors import involved, options_of
from safety.policy.model import DetectorConfig, Policy


def digest(policy: Policy, registry: Registry, files: Iterable[Path] = ()) -> str:
    """SHA-256 of the policy's canonical form, hex. Options that are one of ``files`` stand for its
    content."""
    known = frozenset(str(path) for path in files)
    form = json.dumps(canonical(_effective(policy, registry), known), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(form.encode()).hexdigest()


def _effective(policy: Policy, registry: Registry) -> Policy:
    """The policy with exactly the detectors that matter, each with its full options."""
    used = {}
    for name in involved(policy, registry):
        config = policy.detectors.get(name, DetectorConfig(name))
        used[name] = replace(config, options=options_of(name, policy.detectors, registry), place="")
    return replace(policy, name="", digest="", detectors=used)


def canonical(value: Any, files: frozenset[str] = frozenset()) -> Any:
    """A value as JSON can write it, the same for equal values. ``TypeError`` for what has no such form."""
    for type_, form in _FORMS:
        if isinstance(value, type_):
            return form(value, files)
    if is_dataclass(value):
        return {f.name: canonical(getattr(value, f.name), files) for f in fields(value)}
    pattern = getattr(value, "pattern", None)
    if not isinstance(pattern, str):
        raise TypeError(f"{type(value).__name__} in the options of a detector has no canonical form")
    return pattern


def _mapping(value: Mapping[Any, Any], files: frozenset[str]) -> dict[str, Any]:
    return {str(canonical(key, files)): canonical(item, files) for key, item in value.items()}


def _unordered(value: Iterable[Any], files: frozenset[str]) -> list[Any]:
    return sorted((canonical(item, files) for item in value), key=json.dumps)


def _ordered(value: Iterable[Any], files: frozenset[str]) -> list[Any]:
    return [canonical(item, files) for item in value]


def _content(path: str | Path) -> str:
    return f"sha256:{hashlib.sha256(Path(path).read_bytes()).hexdigest()}"


_FORMS: tuple[tuple[Any, Any], ...] = (
    (Enum, lambda value, _: value.name),
    (str, lambda value, files: _content(value) if value in files else value),
    ((bool, int, float, type(None)), lambda value, _: value),
    (bytes, lambda value, _: value.hex()),
    (date, lambda value, _: value.isoformat()),
    (Path, lambda value, _: _content(value)),
    (Mapping, _mapping),
    ((frozenset, set), _unordered),
    ((list, tuple), _ordered),
)
