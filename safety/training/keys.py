"""A recipe's keys, checked against the dataclass that they fill: ``ConfigError`` names the one that is
wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from safety.errors import ConfigError

RECIPES = Path(__file__).parent / "recipes"
KINDS = GUARD, VERIFIER = "guard", "verifier"


def read_recipe(name: str | Path) -> tuple[Path, str, Any]:
    """Where a recipe stands (a file, or a shipped one by name), what it trains (the key ``trains``: a guard
    where it is left out), and what else is in it."""
    path = RECIPES / f"{name}.yaml" if str(name).isidentifier() else Path(name)
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: not a recipe: {error}") from error
    kind = data.pop("trains", GUARD) if isinstance(data, dict) else GUARD
    if kind not in KINDS:
        raise ConfigError(f"{path}: trains: {kind!r}: allowed are {', '.join(KINDS)}")
    return path, kind, data


def _is_number(value: object, *kinds: type) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool)


# By annotation: what a value must be, in words and as a test.
_VALUES: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "str": ("a text", lambda v: isinstance(v, str)),
    "int": ("a whole number", lambda v: _is_number(v, int)),
    "int | None": ("a whole number", lambda v: v is None or _is_number(v, int)),
    "float": ("a number (YAML takes 1e-4 for a text: write 1.0e-4)", lambda v: _is_number(v, int, float)),
    "tuple[str, ...]": (
        "a list of texts",
        lambda v: isinstance(v, list) and all(isinstance(one, str) for one in v),
    ),
    "Mapping[str, int]": (
        "a mapping of texts to whole numbers",
        lambda v: (
            isinstance(v, dict) and all(isinstance(k, str) and _is_number(n, int) for k, n in v.items())
        ),
    ),
}
_NESTED = "a mapping", lambda v: isinstance(v, dict)


def checked(kind: type[Any], data: Any, place: str) -> dict[str, Any]:
    """``data`` as the arguments that ``kind`` is made of."""
    types = {f.name: str(f.type) for f in fields(kind)}
    for key, value in known(sorted(types), data, place).items():
        allowed, fits = _VALUES.get(types[key], _NESTED)
        if not fits(value):
            raise ConfigError(f"{place}: {key}: {value!r}: allowed is {allowed}")
    return dict(data)


def known(keys: Sequence[str], data: Any, place: str) -> dict[str, Any]:
    """``data`` as a mapping with none but these keys."""
    if not isinstance(data, dict):
        raise ConfigError(f"{place}: {type(data).__name__}: allowed is a mapping of {', '.join(keys)}")
    for key in data:
        if key not in keys:
            raise ConfigError(f"{place}: unknown key {key!r}: allowed are {', '.join(keys)}")
    return data
