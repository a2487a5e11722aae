"""What extends what: rules, mappings and lists laid on one another."""

import pytest
from toy_detectors import TOYS

from safety.errors import PolicyError
from safety.policy.file import load_policy
from safety.policy.layers import SHIPPED, locate, shipped_folder
from safety.policy.model import Mode

BASE = """version: 1
name: base
mode: monitor
deadline: 3s
detectors:
  words: {words: [a, b], weights: {score: 0.8}}
rules:
  - {id: one, when: {category: toy}, action: block}
  - {id: two, when: {category: toy}, action: annotate}
exceptions:
  - {text: x, reason: r, expires: 2030-01-01}
tests:
  - {name: of the base, prompt: hello, expect: allow}
"""


@pytest.fixture
def files(tmp_path):
    def write(**texts):
        for name, text in texts.items():
            (tmp_path / f"{name}.yaml").write_text(text)
        return tmp_path / "top.yaml"

    return write


def problems(path):
    with pytest.raises(PolicyError) as caught:
        load_policy(path, TOYS)
    return caught.value.problems


def test_layers_are_merged(files, tmp_path):
    top = files(
        base=BASE,
        top="""version: 1
extends: base.yaml
deadline: 1s
detectors:
  words: {words: [c], weights: {severity: 2}}
rules:
  - {id: three, when: {category: toy}, action: allow}
  - {id: one, when: {category: toy}, action: redact}
exceptions:
  - {text: y, reason: r, expires: 2030-01-01}
tests:
  - {name: of the top, prompt: hello, expect: allow, rules: [], not_rules: [two]}
""",
    )
    loaded = load_policy(top, TOYS)
    policy = loaded.policy
    assert policy.name == "top"
    assert (policy.mode, policy.deadline) == (Mode.MONITOR, 1.0)
    assert [(rule.id, str(rule.action)) for rule in policy.rules] == [
        ("one", "redact"),
        ("two", "annotate"),
        ("three", "allow"),
    ]
    options = policy.detectors["words"].options
    assert (options.words, options.weights.score, options.weights.severity) == (("c",), 0.8, 2)
    assert [e.text for e in policy.exceptions] == ["x", "y"]
    assert [case.name for case in loaded.cases] == ["of the top"]
    assert loaded.files == (top, tmp_path / "base.yaml")


@pytest.mark.parametrize("empty", ["detectors:\n  words:\n", "detectors:\nrules:\nmode:\n"])
def test_an_empty_entry_leaves_what_is_inherited(files, empty):
    policy = load_policy(files(base=BASE, top=f"version: 1\nextends: base.yaml\n{empty}"), TOYS).policy
    assert policy.detectors["words"].options.words == ("a", "b")
    assert len(policy.rules) == 2


def test_a_mistake_in_the_base_is_placed_in_the_base(files, tmp_path):
    top = files(base=BASE.replace("annotate", "anotate"), top="version: 1\nextends: base.yaml\nmode: x\n")
    base, own = sorted(problems(top))
    assert base.startswith(f"{tmp_path / 'base.yaml'}:9: $.rules[1].action: unknown value 'anotate', did you")
    assert own.startswith(f"{top}:3: $.mode: unknown value 'x'")


def test_a_rule_in_the_top_is_placed_where_it_is_written(files):
    rules = "rules:\n  - {id: new, when: {category: toy}, action: stop}\n"
    (problem,) = problems(files(base=BASE, top=f"version: 1\nextends: base.yaml\n{rules}"))
    assert problem.startswith(f"{files()}:4: $.rules[0].action: ")


def test_ids_stand_once_in_a_file(files):
    rule = "  - {id: one, when: {category: toy}, action: allow}\n"
    (problem,) = problems(files(base=BASE, top=f"version: 1\nextends: base.yaml\nrules:\n{rule}{rule}"))
    assert f"{files()}:5: $.rules[1].id: id 'one' is already there, in line 4" in problem


def test_circles_are_refused(files):
    top = files(a="version: 1\nextends: top.yaml\n", top="version: 1\nextends: a.yaml\n")
    (problem,) = problems(top)
    assert "a.yaml:2: $.extends: a circle (top.yaml -> a.yaml -> top.yaml): a policy cannot extend" in problem
    (problem,) = problems(files(top="version: 1\nextends: top.yaml\n"))
    assert "a circle (top.yaml -> top.yaml)" in problem


@pytest.mark.parametrize(
    ("extends", "said"),
    [
        ("nothing.yaml", "$.extends: no policy"),
        ("defualt", "allowed are default, strict, monitor, rag, or a path"),
        ("3", "$.extends: 3 is not allowed: write a text"),
        ("[a]", "$.extends: a list is not allowed"),
        (".", "no policy"),
    ],
)
def test_what_cannot_be_extended_is_named(files, extends, said):
    (problem,) = problems(files(top=f"version: 1\nextends: {extends}\n"))
    assert ":2: $.extends: " in problem
    assert said in problem


def test_a_base_of_another_version_is_refused(files):
    (problem,) = problems(files(base="version: 7\n", top="version: 1\nextends: base.yaml\n"))
    assert "base.yaml:1: $.version: unknown version: allowed is 'version: 1'" in problem


def test_a_long_chain_is_refused(files):
    texts = {f"p{i}": f"version: 1\nextends: p{i + 1}.yaml\n" for i in range(30)}
    (problem,) = problems(files(**texts, p30="version: 1\n", top="version: 1\nextends: p0.yaml\n"))
    assert "too long a chain" in problem


def test_files_of_a_base_are_found_beside_the_base(files, tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "w.txt").write_text("zebra")
    rule = "rules: [{id: a, when: {category: prompt_attack}, action: block}]\n"
    (tmp_path / "sub" / "base.yaml").write_text(
        f"version: 1\n{rule}detectors: {{words: {{files: [w.txt]}}}}\n"
    )
    loaded = load_policy(files(top="version: 1\nextends: sub/base.yaml\n"), TOYS)
    assert loaded.policy.detectors["words"].options.files == (tmp_path / "sub" / "w.txt",)


def test_a_bare_name_is_a_shipped_policy_and_a_path_is_a_path(tmp_path):
    assert all(locate(name).is_file() for name in SHIPPED)
    assert locate("default") == shipped_folder() / "default.yaml"
    assert locate("./default", tmp_path) == tmp_path / "default"
    assert locate("default.yaml", tmp_path) == tmp_path / "default.yaml"
