"""The exported schema: valid itself, right about policies, and the one that shipped policies name."""

import jsonschema
import pytest
import yaml
from toy_detectors import TOYS

from safety.detectors.registry import built_in
from safety.policy.layers import SHIPPED, shipped_folder
from safety.policy.schema import policy_schema, schema_text

SCHEMA = policy_schema(TOYS)
CHECK = jsonschema.Draft202012Validator(SCHEMA)


def test_it_is_a_schema_of_the_draft_it_names():
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    "good",
    [
        "version: 1",
        "{version: 1, deadline: 2, detectors: {words: }}",
        "{version: 1, deadline: 500ms, detectors: {words: {words: [a], weights: {score: 0.5}, timeout: 1s}}}",
        "{version: 1, rules: [{id: a, when: {category: toy}, action: block}]}",
        "{version: 1, rules: [{id: a, when: {category: [toy.WORD, '*'], origin: user}, action: block}]}",
        "{version: 1, exceptions: [{text: a, reason: r, expires: '2030-01-01'}]}",
        "{version: 1, tests: [{name: t, documents: one, expect: allow}]}",
    ],
)
def test_it_lets_good_policies_pass(good):
    CHECK.validate(yaml.safe_load(good))


@pytest.mark.parametrize(
    "bad",
    [
        "{}",
        "version: 2",
        "{version: 1, rulez: []}",
        "{version: 1, mode: off}",
        "{version: 1, deadline: soon}",
        "{version: 1, detectors: {word: {}}}",
        "{version: 1, detectors: {words: {wrods: []}}}",
        "{version: 1, detectors: {words: {weights: {scor: 1}}}}",
        "{version: 1, rules: [{id: a, when: {category: hate}, action: block}]}",
        "{version: 1, rules: [{id: a, when: {category: toy, min_score: 2}, action: block}]}",
        "{version: 1, rules: [{id: a, when: {category: toy, origin: users}, action: block}]}",
        "{version: 1, rules: [{when: {category: toy}, action: block}]}",
        "{version: 1, exceptions: [{reason: r, expires: '2030-01-01'}]}",
        "{version: 1, exceptions: [{text: a, pattern: b, reason: r, expires: '2030-01-01'}]}",
        "{version: 1, tests: [{name: t, expect: deny}]}",
    ],
)
def test_it_refuses_broken_ones(bad):
    assert list(CHECK.iter_errors(yaml.safe_load(bad)))


def test_every_key_says_what_it_is_for():
    silent = [
        f"{name}.{key}"
        for name, part in (("Policy", SCHEMA), *SCHEMA["$defs"].items())
        if name in ("Policy", "Category") or name.endswith("Shape")
        for key, schema in part.get("properties", {}).items()
        if not schema.get("description")
    ]
    assert silent == []


def test_the_shipped_schema_is_the_exported_one():
    assert (shipped_folder() / "policy.schema.json").read_text() == schema_text(built_in())


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_policies_name_the_schema_and_pass_it(name):
    text = (shipped_folder() / f"{name}.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=./policy.schema.json\n")
    jsonschema.Draft202012Validator(policy_schema(built_in())).validate(yaml.safe_load(text))
