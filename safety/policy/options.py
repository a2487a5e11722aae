"""``detectors:`` of a policy: each entry checked against its detector's own ``Options``.

Files that options name are found relative to the policy file they are written in: an option of type ``Path``
is a file that must be there; one of type ``str | Path`` is one if there is such a file or a folder with a
tokenizer in it. Detectors are not built
here: what one has against its options when it is built (a pattern that does not compile) is found then.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from safety.detectors.registry import RESERVED, Registry
from safety.policy.layers import Reading
from safety.policy.model import DetectorConfig
from safety.policy.shape import DetectorShape
from safety.policy.source import Node
from safety.policy.validate import rewritten, unknown, validated
from safety.types import Action

_DETECTOR = TypeAdapter(DetectorShape)
_IN_FOLDER = "tokenizer.json"


def detector_configs(
    detectors: Node, registry: Registry, reading: Reading
) -> Iterator[tuple[str, DetectorConfig]]:
    """Name and configuration of each entry that is right; the others are added to ``reading.problems``."""
    problems = reading.problems
    for name, node in detectors.entries.items():
        if name in registry.broken:
            problems.add(node.place, f"{registry.broken[name]}: repair or uninstall it, or leave it out")
        elif name not in registry.entries:
            problems.add(node.place, unknown("detector", name, registry.names))
        elif isinstance(node.value, dict | None):
            config = _config(name, node, registry, reading)
            if config is not None:
                yield name, config


def _config(name: str, node: Node, registry: Registry, reading: Reading) -> DetectorConfig | None:
    adapter: TypeAdapter[Any] = TypeAdapter(registry.entries[name].detector.Options)
    common = {key: child for key, child in node.entries.items() if key in RESERVED}
    own = {key: child for key, child in node.entries.items() if key not in RESERVED}

    found = rewritten(
        adapter.json_schema(), Node(own, node.place), lambda text, must: _file(text, must, reading)
    )
    options = validated(adapter, found, reading.problems, also=RESERVED)
    shape = validated(_DETECTOR, Node(common, node.place), reading.problems)
    if options is None or shape is None:
        return None
    on_error = None if shape.on_error is None else Action.parse(shape.on_error)
    place = f"{node.place.file}:{node.place.line}: {node.place.path}"
    return DetectorConfig(name, options, shape.timeout, on_error, shape.enabled, place)


def _file(node: Node, must: bool, reading: Reading) -> Node:
    """The node with the absolute path of the file it names."""
    path = (node.place.folder / str(node.value)).resolve()
    if not must and path.is_dir():
        path /= _IN_FOLDER
    if must or path.is_file():
        reading.files.append(path)
        _exists(path, node, reading)
        return Node(str(path), node.place)
    return node


def _exists(path: Path, node: Node, reading: Reading) -> None:
    if not path.is_file():
        what = f"no file {str(node.value)!r}: name a file, relative to the policy's folder"
        reading.problems.add(node.place, what)
