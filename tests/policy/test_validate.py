"""Mistakes in plain words, for any type: what other packages' options may look like."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from pydantic import TypeAdapter

from safety.policy.source import Node, Problems, parse, plain
from safety.policy.validate import find, keys_at, rewritten, unknown, validated


@dataclass(frozen=True, slots=True)
class Inner:
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Outer:
    kind: Literal["a", "b"] = "a"
    size: int | None = None
    either: int | str = 0
    inner: Inner = Inner()
    many: tuple[Inner, ...] = ()
    named: Mapping[str, Inner] = field(default_factory=dict)
    paths: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    text: str = ""
    maybe: str | Path | None = None


ADAPTER = TypeAdapter(Outer)


def read(text: str):
    problems = Problems()
    node = parse(text, "f", Path(), problems)
    assert node is not None
    return validated(ADAPTER, node, problems), problems.lines()


def test_a_good_tree_becomes_the_value():
    value, problems = read("kind: b\nmany: [{depth: 2}]\nnamed: {x: {depth: 3}}\npaths: {y: [z]}\n")
    assert problems == ()
    assert value == Outer(kind="b", many=(Inner(2),), named={"x": Inner(3)}, paths={"y": (Path("z"),)})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("size: x", "f:1: $.size: 'x' is not allowed: write a whole number"),
        ("size: 1.5", "f:1: $.size: 1.5 is not allowed: write a whole number"),
        ("kind: c", "f:1: $.kind: unknown value 'c': allowed are a, b"),
        ("kind: [a]", "f:1: $.kind: a list is not allowed: write a, b"),
        (
            "inner: {depht: 1}",
            "f:1: $.inner.depht: unknown key 'depht', did you mean 'depth'?: allowed are depth",
        ),
        ("many: [{depht: 1}]", "f:1: $.many[0].depht: unknown key 'depht', did you mean"),
        ("named: {x: {d: 1}}", "f:1: $.named.x.d: unknown key 'd': allowed are depth"),
        ("inner: 3", "f:1: $.inner: 3 is not allowed: write a mapping"),
        ("text: " + "x" * 100 + "\ninner: " + "y" * 100, "f:2: $.inner: 'yyy"),
    ],
)
def test_each_mistake_says_what_is_allowed(text, said):
    value, problems = read(text)
    assert value is None
    assert len(problems) == 1
    assert problems[0].startswith(said)
    assert len(problems[0]) < 200


def test_a_value_with_several_types_is_placed_at_the_value():
    _, problems = read("either: [1]")
    assert problems
    assert all(line.startswith("f:1: $.either: a list is not allowed: ") for line in problems)


def test_the_schema_knows_the_keys_at_a_place():
    schema = ADAPTER.json_schema()
    assert keys_at(schema, ("many", 3)) == ["depth"]
    assert keys_at(schema, ("named", "anything")) == ["depth"]
    assert "inner" in keys_at(schema, ())
    assert keys_at(schema, ("text", "below")) == []


def test_find_stops_where_the_tree_ends():
    node = parse("a: [{b: 1}]", "f", Path(), Problems())
    assert find(node, ("a", 0, "b")).value == 1
    assert find(node, ("a", 0, "c", "d")).place.path == "$.a[0]"
    assert find(node, ("a", 9)).place.path == "$.a"


def test_only_paths_are_said_to_be_paths():
    node = parse("text: t\nkind: a\npaths: {x: [p, q]}\nmaybe: m\n", "f", Path(), Problems())
    seen = []

    def put(text: Node, must):
        seen.append((text.value, must))
        return Node(f"/{text.value}", text.place)

    moved = rewritten(ADAPTER.json_schema(), node, put)
    assert plain(moved) == {"text": "t", "kind": "a", "paths": {"x": ["/p", "/q"]}, "maybe": "/m"}
    assert seen == [("p", True), ("q", True), ("m", False)]


def test_nothing_is_near_what_is_far():
    assert unknown("key", "zzz", ["abc"]) == "unknown key 'zzz': allowed are abc"
