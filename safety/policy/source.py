"""YAML text to a tree in which every value knows its file, line and path.

Reads the YAML 1.2 core schema: ``no``, ``on`` and ``1:30`` are texts, not booleans and numbers. Refuses
what makes a policy mean something else than it seems to: duplicate keys, merge keys, foreign tags, bytes
that are not UTF-8, and documents that grow without bound through aliases. It does not know what a policy is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

MAX_BYTES = 1 << 20
MAX_DEPTH = 32
MAX_VALUES = 50_000  # after aliases are expanded

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"


class _Loader(_Base):  # type: ignore[misc]  # the C loader where libyaml is there, else the Python one
    yaml_implicit_resolvers: Mapping[str, Any] = {}


# https://yaml.org/spec/1.2.2/#103-core-schema, without the numbers that JSON cannot write.
_CORE = (
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^[-+]?[0-9]{1,18}$", list("-+0123456789")),
    (
        "float",
        r"^[-+]?(?:\.[0-9]{1,18}|[0-9]{1,18}(?:\.[0-9]{0,18})?)(?:[eE][-+]?[0-9]{1,2})?$",
        list("-+.0123456789"),
    ),
)
for _name, _pattern, _first in _CORE:
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(_pattern), _first)

_SCALARS: Mapping[str, Any] = {
    _TAG + "str": str,
    _TAG + "null": lambda _: None,
    _TAG + "bool": lambda text: text.lower() == "true",
    _TAG + "int": int,
    _TAG + "float": float,
}

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands: file as the user named it, line from 1, path from ``$``. ``folder`` is what
    relative paths written there are relative to."""

    file: str
    line: int
    path: str = "$"
    folder: Path = Path()


@dataclass(frozen=True, slots=True)
class Node:
    """A value and its place."""

    value: Scalar | dict[str, Node] | list[Node]
    place: Place

    @property
    def entries(self) -> dict[str, Node]:
        """The entries of a mapping; none for anything else."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> list[Node]:
        """The items of a list; none for anything else."""
        return self.value if isinstance(self.value, list) else []


@dataclass(slots=True)
class Problems:
    """Mistakes found so far; all are shown at once."""

    found: list[tuple[str, int, str]] = field(default_factory=list)

    def add(self, place: Place, what: str) -> None:
        """``what`` reads ``what was wrong: what is allowed``."""
        self.found.append((place.file, place.line, f"{place.path}: {' '.join(what.split())}"))

    def lines(self) -> tuple[str, ...]:
        """One line per mistake, in order of file and line."""
        return tuple(dict.fromkeys(f"{file}:{line}: {what}" for file, line, what in sorted(self.found)))


def plain(node: Node) -> Any:
    """The tree as dicts, lists and scalars."""
    if isinstance(node.value, dict):
        return {key: plain(child) for key, child in node.value.items()}
    if isinstance(node.value, list):
        return [plain(child) for child in node.value]
    return node.value


def step(path: str, part: str | int) -> str:
    """``path`` one key or index further."""
    if isinstance(part, int):
        return f"{path}[{part}]"
    return f"{path}.{part}" if re.fullmatch(r"[\w-]+", part) else f"{path}[{part!r}]"


# What a file is and how it is named, as messages say it.
POLICY = "a policy is a mapping that begins with 'version: 1'"
POLICY_FILE = "a policy file, or a shipped policy"


def read_text(path: Path, file: str, problems: Problems, what: str = POLICY_FILE) -> str | None:
    """The file's text, or ``None`` after saying why it cannot be read and that ``what`` can be named."""
    place = Place(file, 1)
    try:
        data = path.read_bytes()
    except OSError as error:
        problems.add(place, f"cannot be read ({error.strerror}): name {what}")
        return None
    if len(data) > MAX_BYTES:
        problems.add(place, f"{len(data)} bytes: at most {MAX_BYTES} are read")
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problems.add(Place(file, line), f"byte {error.start} is not UTF-8: only UTF-8 text is read")
        return None


def parse(text: str, file: str, folder: Path, problems: Problems, what: str = POLICY) -> Node | None:
    """The tree of a YAML mapping, or ``None`` after saying what is wrong and ``what`` is looked for."""
    top = Place(file, 1, "$", folder)
    try:
        if not _shallow(text, top, problems):
            return None
        root = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        problems.add(*_syntax(error, text, top))
        return None
    if root is None:
        problems.add(top, f"the file is empty: {what}")
        return None
    builder = _Builder(problems)
    node = builder.node(root, top)
    if builder.overflow:
        return None
    if not isinstance(node.value, dict):
        problems.add(top, f"{kind(node.value)}: {what}")
        return None
    return node


def kind(value: object) -> str:
    """What a value is, in YAML's words."""
    names = ((bool, "true or false"), (dict, "a mapping"), (list, "a list"), (str, "a text"))
    numbers = ((int, "a whole number"), (float, "a number"))
    return next((name for type_, name in (*names, *numbers) if isinstance(value, type_)), "an empty value")


def _shallow(text: str, top: Place, problems: Problems) -> bool:
    """Composing recurses, so depth is measured first, on the flat stream of events."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                place = Place(top.file, _line(event))
                problems.add(place, f"nested too deeply: at most {MAX_DEPTH} levels")
                return False
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return True


def _syntax(error: yaml.YAMLError, text: str, top: Place) -> tuple[Place, str]:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    what = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    line = 1 if mark is None else mark.line + 1
    if "nesting" in what:  # a bound of PyYAML's own, since 6.0.4
        return Place(top.file, line), f"nested too deeply: at most {MAX_DEPTH} levels"
    written = text.splitlines()[line - 1 : line]
    tabbed = bool(written) and "\t" in written[0][: len(written[0]) - len(written[0].lstrip())]
    hint = "indent with spaces, not tabs" if tabbed else "quote texts that hold ': ' or '#'"
    return Place(top.file, line), f"not YAML ({what}): {hint}"


class _Builder:
    """Turns PyYAML's nodes into ours, counting what aliases expand to."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.count = 0
        self.depth = 0
        self.overflow = False

    def node(self, raw: yaml.Node, place: Place) -> Node:
        """One node and all below it; nothing more once the bound is passed."""
        self.count += 1
        if self.overflow or self.count > MAX_VALUES or self.depth > MAX_DEPTH:
            if not self.overflow:
                self.problems.add(place, f"its aliases expand too far: at most {MAX_VALUES} values")
            self.overflow = True
            return Node(None, place)
        self.depth += 1
        try:
            if isinstance(raw, yaml.MappingNode):
                return Node(self._mapping(raw, place), place)
            if isinstance(raw, yaml.SequenceNode):
                return Node(self._sequence(raw, place), place)
            return Node(self._scalar(raw, place), place)
        finally:
            self.depth -= 1

    def _mapping(self, raw: yaml.MappingNode, place: Place) -> dict[str, Node]:
        built: dict[str, Node] = {}
        for key, value in raw.value:
            line = _line(key)
            if not isinstance(key, yaml.ScalarNode):
                self.problems.add(replace(place, line=line), "a key is not a text: write 'key: value'")
                continue
            name = str(key.value)
            where = Place(place.file, line, step(place.path, name), place.folder)
            if name == "<<":
                self.problems.add(where, "merge keys are not read: write the keys out, or use 'extends'")
            elif name in built:
                first = built[name].place.line
                self.problems.add(where, f"the key is already there, in line {first}: give it once")
            else:
                built[name] = self.node(value, where)
        return built

    def _sequence(self, raw: yaml.SequenceNode, place: Place) -> list[Node]:
        return [
            self.node(item, Place(place.file, _line(item), step(place.path, i), place.folder))
            for i, item in enumerate(raw.value)
        ]

    def _scalar(self, raw: yaml.Node, place: Place) -> Scalar:
        convert = _SCALARS.get(raw.tag)
        if convert is None:
            self.problems.add(place, f"tag {raw.tag!r} is not read: write plain YAML")
            return None
        try:
            str(raw.value).encode()
            value: Scalar = convert(raw.value)
        except ValueError:
            self.problems.add(place, "half a surrogate pair, or no value of its tag: write plain text")
            return None
        return value


def _line(item: Any) -> int:
    return int(item.start_mark.line) + 1
