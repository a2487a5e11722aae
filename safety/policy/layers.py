"""From a policy's name or path to one tree: finds the file, reads what it extends, lays one on the other.

An inherited rule with the same id is replaced where it stands and new rules follow; mappings are merged key
by key; exceptions are added; everything else is replaced. ``name``, ``description`` and ``tests`` are not
inherited, and a key with nothing behind it is as good as absent. It does not check what keys mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from safety.policy.source import Node, Place, Problems, parse, read_text

SHIPPED = ("default", "strict", "monitor", "rag")
MAX_LAYERS = 16
_PACKAGE = Path(__file__).resolve().parent.parent
_OWN = ("version", "name", "description", "extends", "tests")  # keys that are not inherited
_ADDED = ("exceptions",)  # lists to which a layer adds


@dataclass(slots=True)
class Reading:
    """What was read on the way, and what was wrong with it."""

    problems: Problems = field(default_factory=Problems)
    files: list[Path] = field(default_factory=list)


def shipped_folder() -> Path:
    """Where the shipped policies are: inside an installed package, beside it in a checkout."""
    installed = _PACKAGE / "_policies"
    return installed if installed.is_dir() else _PACKAGE.parent / "policies"


def locate(name: str, folder: Path = Path()) -> Path:
    """The file of a shipped policy's bare name; anything else is a path relative to ``folder``."""
    return shipped_folder() / f"{name}.yaml" if name in SHIPPED else folder / name


def read_file(path: Path, reading: Reading) -> Node | None:
    """The tree of the file at ``path`` with all that it extends."""
    return _below(path, str(path), None, reading, ())


def read_source(text: str, name: str, folder: Path, reading: Reading) -> Node | None:
    """The tree of a policy given as text, with all that it extends."""
    return _extended(parse(text, name, folder, reading.problems), reading, ())


def _below(
    path: Path, shown_as: str, named_at: Place | None, reading: Reading, above: tuple[Path, ...]
) -> Node | None:
    real = path.resolve()
    if named_at is not None and real in above:
        chain = " -> ".join(p.name for p in (*above[above.index(real) :], real))
        reading.problems.add(named_at, f"a circle ({chain}): a policy cannot extend itself")
        return None
    if named_at is not None and len(above) >= MAX_LAYERS:
        reading.problems.add(named_at, f"too long a chain: at most {MAX_LAYERS} policies")
        return None
    reading.files.append(real)
    if named_at is not None and not path.is_file():
        known = f"{', '.join(SHIPPED)}, or a path relative to this file"
        reading.problems.add(named_at, f"no policy {str(path)!r}: allowed are {known}")
        return None
    text = read_text(path, shown_as, reading.problems)
    if text is None:
        return None
    tree = parse(text, shown_as, path.parent, reading.problems)
    return _extended(tree, reading, (*above, real))


def _extended(tree: Node | None, reading: Reading, above: tuple[Path, ...]) -> Node | None:
    if tree is None:
        return None
    tree = Node({key: value for key, value in tree.entries.items() if value.value is not None}, tree.place)
    _own_flaws(tree, reading.problems)
    extends = tree.entries.get("extends")
    if extends is None or not isinstance(extends.value, str):
        return tree  # a wrong type is reported with all the others
    path = locate(extends.value, tree.place.folder)
    base = _below(path, str(path), extends.place, reading, above)
    if base is None:
        return tree
    version = base.entries.get("version")
    if version is None or version.value != 1:
        place = base.place if version is None else version.place
        reading.problems.add(place, "unknown version: allowed is 'version: 1'")
    return overlaid(base, tree)


def _own_flaws(tree: Node, problems: Problems) -> None:
    """What cannot be seen any more once the layers are one: an id that stands twice in one file."""
    for key, what in (("rules", "id"), ("tests", "name")):
        seen: dict[object, Node] = {}
        for item in tree.entries[key].items if key in tree.entries else ():
            label = item.entries.get(what)
            if label is None or not isinstance(label.value, str):
                continue
            first = seen.setdefault(label.value, label)
            if first is not label:
                problems.add(
                    label.place,
                    f"{what} {label.value!r} is already there, in line {first.place.line}: "
                    f"each {what} stands once",
                )


def overlaid(base: Node, top: Node) -> Node:
    """``top`` laid on ``base``, both whole policies."""
    inherited = {key: value for key, value in base.entries.items() if key not in _OWN}
    merged = dict(inherited)
    for key, value in top.entries.items():
        below = inherited.get(key)
        merged[key] = value if below is None else _joined(key, below, value)
    return Node(merged, top.place)


def _joined(key: str, below: Node, above: Node) -> Node:
    both_lists = isinstance(below.value, list) and isinstance(above.value, list)
    if key == "rules" and both_lists:
        return Node(_rules(below.items, above.items), above.place)
    if key in _ADDED and both_lists:
        return Node([*below.items, *above.items], above.place)
    return _merged(below, above)


def _rules(below: Sequence[Node], above: Sequence[Node]) -> list[Node]:
    rules: dict[object, Node] = {}
    for number, rule in enumerate((*below, *above)):
        identity = rule.entries.get("id")
        value = None if identity is None else identity.value
        rules[value if isinstance(value, str) else number] = rule
    return list(rules.values())


def _merged(below: Node, above: Node) -> Node:
    """Mappings key by key; an empty value above a mapping leaves it as it is; else what is above."""
    if not isinstance(below.value, dict):
        return above
    if above.value is None:
        return below
    if not isinstance(above.value, dict):
        return above
    merged = dict(below.value)
    for key, value in above.value.items():
        merged[key] = _merged(merged[key], value) if key in merged else value
    return Node(merged, above.place)
