import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safety.policy.source import MAX_VALUES, Problems, parse, plain, read_text, step


def read(text: str):
    problems = Problems()
    node = parse(text, "p.yaml", Path(), problems)
    return node, problems.lines()


def test_every_value_knows_its_line_and_path():
    node, problems = read("version: 1\nrules:\n  - id: a\n    when:\n      category: x\n  - id: b\n")
    assert problems == ()
    rules = node.entries["rules"]
    assert (rules.place.line, rules.place.path) == (2, "$.rules")
    when = rules.items[0].entries["when"]
    assert (when.entries["category"].place.line, when.entries["category"].place.path) == (
        5,
        "$.rules[0].when.category",
    )
    assert rules.items[1].place.line == 6


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("yes", "yes"),
        ("true", True),
        ("FALSE", False),
        ("1:30", "1:30"),
        ("2026-01-01", "2026-01-01"),
        ("010", 10),
        ("0x1f", "0x1f"),
        ("1_000", "1_000"),
        ("-3", -3),
        ("2.5", 2.5),
        ("1e3", 1000.0),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("~", None),
        ("", None),
        ("'1'", "1"),
        ("!!str 1", "1"),
        ("9" * 500, "9" * 500),
    ],
)
def test_scalars_are_those_of_yaml_1_2(written, value):
    node, problems = read(f"a: {written}\n")
    assert problems == ()
    assert plain(node) == {"a": value}
    assert type(plain(node)["a"]) is type(value)


def test_keys_that_yaml_1_1_takes_for_booleans_stay_texts():
    assert plain(read("on: 1\noff: 2\nno: 3\n1: 4\n")[0]) == {"on": 1, "off": 2, "no": 3, "1": 4}


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "empty"),
        ("# only a comment\n", 1, "empty"),
        ("- a\n- b\n", 1, "a list: a policy is a mapping"),
        ("just words\n", 1, "a text: a policy is a mapping"),
        ("a: 1\nb: 2\na: 3\n", 3, "$.a: the key is already there, in line 1"),
        ("a:\n\tb: 1\n", 2, "spaces, not tabs"),
        ("a: [1, 2\nb: 3\n", 2, "not YAML"),
        ("a: 1\n---\nb: 2\n", 2, "not YAML"),
        ("a: b: c\n", 1, "not YAML"),
        ("a: !!python/object/apply:os.system [ls]\n", 1, ""),
        ("a: !!python/name:os.system x\n", 1, "tag"),
        ("a: !!binary aGk=\n", 1, "tag"),
        ("a: !!int abc\n", 1, "no value of its tag"),
        ("x: &x {a: 1}\ny:\n  <<: *x\n", 3, "merge keys are not read"),
        ("? [a]\n: 1\n", 1, "a key is not a text"),
        ("a: \x01\n", 1, "not YAML"),
        ("a: *nowhere\n", 1, "not YAML"),
        ("a: " + "[" * 100_000, 1, "nested too deeply"),
        ("a: &a [*a]\n", 1, "aliases expand too far"),
    ],
)
def test_what_is_refused_is_refused_with_its_place(text, line, said):
    _, problems = read(text)
    if said == "":
        assert problems == ()  # a tag on a list changes nothing: it is read as a list
        return
    assert len(problems) == 1
    assert problems[0].startswith(f"p.yaml:{line}: $")
    assert said in problems[0]


def test_an_alias_bomb_is_refused_before_it_grows():
    layers = "\n".join(f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 9)}]" for i in range(1, 12))
    _, problems = read(f"l0: &l0 [x, x]\n{layers}\n")
    assert len(problems) == 1
    assert f"at most {MAX_VALUES} values" in problems[0]


def test_aliases_may_be_used_sensibly():
    assert plain(read("a: &a [1]\nb: *a\n")[0]) == {"a": [1], "b": [1]}


def test_files_that_are_not_utf_8_or_too_large_are_refused(tmp_path):
    problems = Problems()
    (tmp_path / "latin.yaml").write_bytes(b"a: 1\nb: caf\xe9\n")
    (tmp_path / "big.yaml").write_bytes(b"#" * (1 << 21))
    (tmp_path / "bom.yaml").write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read_text(tmp_path / "latin.yaml", "latin.yaml", problems) is None
    assert read_text(tmp_path / "big.yaml", "big.yaml", problems) is None
    assert read_text(tmp_path / "none.yaml", "none.yaml", problems) is None
    assert read_text(tmp_path, "folder", problems) is None
    assert read_text(tmp_path / "bom.yaml", "bom.yaml", problems) == "a: 1\n"
    first = {line.partition(":")[0]: line for line in problems.lines()}
    assert first["latin.yaml"].startswith("latin.yaml:2: $: byte 11 is not UTF-8")
    assert "at most" in first["big.yaml"]
    assert "cannot be read" in first["none.yaml"]
    assert "cannot be read" in first["folder"]


def test_paths_quote_what_is_not_a_name():
    assert step(step("$", "a b"), 3) == "$['a b'][3]"


# What YAML may not hold unescaped is left out.
_texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Zl", "Zp")), max_size=8)
_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | _texts,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=60)
@given(st.dictionaries(st.text("abcxyz", min_size=1), _values, min_size=1, max_size=4))
def test_json_is_read_as_it_was_written(value):
    # As they are: YAML writes a character beyond U+FFFF in one escape, JSON in two.
    node, problems = read(json.dumps(value, ensure_ascii=False))
    assert problems == ()
    assert plain(node) == value


@settings(max_examples=200)
@given(st.text(alphabet=st.sampled_from("ab:-[]{}&*!|>'\"#%@ \n\t,?<"), max_size=40))
def test_any_text_gives_a_tree_or_a_problem(text):
    node, problems = read(text)
    assert node is not None or problems
