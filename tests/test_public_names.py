"""``import safety``: cheap, complete, and known to type checkers."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import safety


def test_every_public_name_is_there() -> None:
    for name in safety.__all__:
        assert getattr(safety, name).__name__ == safety._INSIDE.get(name, name)
    assert set(safety.__all__) <= set(dir(safety))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = safety.nothing


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(Path(safety.__file__).read_text(encoding="utf-8"))
    seen = {
        (node.module, alias.asname)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname
    }
    assert seen == {(module, name) for module, names in safety._NAMES.items() for name in names}


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import safety, sys; print([m for m in ('pydantic', 'yaml', 'safety.guard') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


TYPED = """
from collections.abc import AsyncIterator, Iterator
from typing import assert_type
import safety

guard: safety.Guard

@safety.protect(guard)
def one(question: str, k: int = 3) -> str:
    return question

@safety.protect("default", documents="docs", fallback="sorry")
async def two(question: str, docs: list[str]) -> str:
    return question

@safety.protect(guard)
def three(question: str) -> Iterator[str]:
    yield question

class Model:
    @safety.protect(guard)
    async def four(self, question: str) -> AsyncIterator[str]:
        yield question

async def main() -> None:
    assert_type(one("q", k=1), str)
    assert_type(await two("q", ["d"]), str)
    assert_type(three("q"), Iterator[str])
    assert_type(Model().four("q"), AsyncIterator[str])
    one(3)  # type: ignore[arg-type]
"""


def test_a_protected_function_keeps_its_type(tmp_path: Path) -> None:
    file = tmp_path / "typed.py"
    file.write_text(TYPED)
    root = Path(safety.__file__).parent.parent
    run = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", str(file)],
        capture_output=True,
        text=True,
        check=False,
        cwd=root,
    )
    assert run.returncode == 0, run.stdout
