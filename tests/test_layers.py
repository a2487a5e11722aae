"""Who may import whom. The rooms are described in the README, "How it is built"."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import safety

ROOT = Path(safety.__file__).parent
NOUNS, PURE, SHELL, DOORS = range(4)
# The longest prefix decides.
LAYERS = {
    "safety.types": NOUNS,
    "safety.errors": NOUNS,
    "safety.policy.model": PURE,
    "safety.gate": PURE,
    "safety.redact": PURE,
    "safety.sentences": PURE,
    "safety.plan": PURE,
    "safety.detectors": PURE,
    "safety.wire": PURE,
    "safety.policy": SHELL,
    "safety.events": SHELL,
    "safety.memo": SHELL,
    "safety.models": SHELL,
    "safety.pool": SHELL,
    "safety.runner": SHELL,
    "safety.evaluation": SHELL,
    "safety.stream": SHELL,
    "safety.guard": SHELL,
    "safety.cli": DOORS,
    "safety.demo": DOORS,
    "safety.protection": DOORS,
    "safety.measure": DOORS,
    "safety.monitor": DOORS,
    "safety.training": DOORS,
    "safety.scan": DOORS,
    "safety.server": DOORS,
}
FORBIDDEN = {  # a room, and what it may not import although the layers allow it
    "safety.detectors": ("safety.policy", "safety.wire", "safety.plan", "safety.gate"),
    "safety.models": ("safety.policy", "safety.wire", "safety.plan", "safety.gate"),
    "safety.wire": ("safety.policy", "safety.detectors", "safety.plan", "safety.gate"),
}
ONLY = {  # a package from outside, and the only rooms that know it
    "fastapi": ("safety.server", "safety.demo", "safety.monitor"),
    "starlette": ("safety.server", "safety.demo", "safety.monitor"),
    "uvicorn": ("safety.server", "safety.monitor"),
    "aiohttp": ("safety.server.upstream",),
    "httpx": ("safety.demo", "safety.cli.demo", "safety.models.chat", "safety.monitor.alerts"),
    "presidio_analyzer": ("safety.detectors.pii",),
    "detect_secrets": ("safety.detectors.secrets",),
    "tokenizers": ("safety.detectors.limits", "safety.models", "safety.training"),
    "transformers": ("safety.detectors.limits", "safety.models.hub", "safety.training"),
    "torch": ("safety.models.hub", "safety.training"),
    "onnxruntime": ("safety.models",),
    "onnx": ("safety.training",),
    "yaml": ("safety.policy", "safety.training"),
    "rich": ("safety.cli", "safety.scan"),
    "sqlalchemy": ("safety.events", "safety.monitor"),
    "alembic": ("safety.events",),
    "jinja2": ("safety.monitor",),
    "prometheus_client": ("safety.server.metrics",),
    "opentelemetry": ("safety.server.telemetry",),
    "redis": ("safety.events", "safety.monitor"),
}


def modules() -> dict[str, ast.Module]:
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = ("safety", *path.relative_to(ROOT).with_suffix("").parts)
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


MODULES = modules()


def imports(name: str, *, top_only: bool = False) -> Iterator[str]:
    tree = MODULES[name]
    nodes = tree.body if top_only else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively"
            assert node.module is not None
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in MODULES else node.module


def below(name: str, room: str) -> bool:
    return name == room or name.startswith(room + ".")


def layer(name: str) -> int:
    rooms = [room for room in LAYERS if below(name, room)]
    assert rooms, f"{name} belongs to no layer: say which in tests/test_layers.py"
    return LAYERS[max(rooms, key=len)]


ROOMS = [name for name in MODULES if name != "safety"]


@pytest.mark.parametrize("name", ROOMS)
def test_imports_point_down(name: str) -> None:
    for imported in imports(name):
        if not below(imported, "safety"):
            continue
        assert imported != "safety", f"{name} imports the package root"
        assert layer(imported) <= layer(name), f"{name} imports {imported}, which is above it"
        for room, others in FORBIDDEN.items():
            if below(name, room):
                assert not any(below(imported, other) for other in others), f"{name} imports {imported}"


@pytest.mark.parametrize("package", ONLY)
def test_packages_from_outside_are_known_to_few(package: str) -> None:
    users = {name for name in MODULES if any(below(i, package) for i in imports(name))}
    strangers = {name for name in users if not any(below(name, room) for room in ONLY[package])}
    assert not strangers


def test_no_cycles() -> None:
    graph = {n: {i for i in imports(n, top_only=True) if i in MODULES and i != n} for n in ROOMS}
    while graph:
        free = {n for n, needs in graph.items() if not needs & graph.keys()}
        assert free, f"import each other: {sorted(graph)}"
        graph = {n: needs for n, needs in graph.items() if n not in free}


@pytest.mark.parametrize("path", sorted(ROOT.parent.glob("[st]*/**/*.py")), ids=str)
def test_no_file_is_over_400_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400
