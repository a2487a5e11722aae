"""The shipped policies keep their own promises."""

import pytest

from safety.detectors.registry import built_in
from safety.guard import Guard
from safety.policy.cases import require, run_cases
from safety.policy.detectors import build, needed
from safety.policy.file import load_policy
from safety.policy.layers import SHIPPED, shipped_folder
from safety.policy.model import Mode, StreamMode
from safety.types import Action

REGISTRY = built_in()


@pytest.mark.parametrize("name", SHIPPED)
def test_its_own_tests_pass(name):
    loaded = load_policy(name, REGISTRY)
    assert len(loaded.cases) >= 6
    with Guard(loaded.policy, build(loaded.policy, REGISTRY)) as guard:
        require(run_cases(guard.check, loaded.cases))


def test_every_blocking_rule_tells_the_caller_why():
    silent = [
        (name, rule.id)
        for name in SHIPPED
        for rule in load_policy(name, REGISTRY).policy.rules
        if rule.action is Action.BLOCK and not rule.message
    ]
    assert silent == []


def test_nothing_else_is_shipped():
    assert sorted(path.stem for path in shipped_folder().glob("*.yaml")) == sorted(SHIPPED)


def test_each_is_what_its_name_says():
    policies = {name: load_policy(name, REGISTRY).policy for name in SHIPPED}
    assert {name: policy.name for name, policy in policies.items()} == {name: name for name in SHIPPED}
    assert policies["monitor"].mode is Mode.MONITOR
    assert policies["monitor"].rules == policies["default"].rules
    assert policies["strict"].stream.mode is StreamMode.BUFFERED
    assert "limits" in needed(policies["strict"], REGISTRY)
    assert "groundedness" in needed(policies["rag"], REGISTRY)
    assert "groundedness" not in needed(policies["default"], REGISTRY)
    assert len({policy.digest for policy in policies.values()}) == len(SHIPPED)


def test_strict_is_never_laxer_than_default():
    default, strict = (load_policy(name, REGISTRY).policy for name in ("default", "strict"))
    stricter = {rule.id: rule for rule in strict.rules}
    for rule in default.rules:
        other = stricter[rule.id]
        assert other.action >= rule.action
        assert other.when.min_score <= rule.when.min_score
        assert all(other.when.covers(category) for category in rule.when.categories)
