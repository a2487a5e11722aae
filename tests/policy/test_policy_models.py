"""From a policy to models: who shares one, when none is loaded, and options that cannot be."""

from __future__ import annotations

import pytest
from shipped_like import folder

from safety.detectors.base import Detector
from safety.detectors.prompt_shield import PromptShield
from safety.detectors.registry import built_in
from safety.errors import PolicyError
from safety.policy.detectors import build
from safety.policy.file import policy_from_text

BUILT_IN = built_in()
MODEL = """version: 1
rules:
  - {{id: a, when: {{category: [hate, prompt_attack]}}, action: block}}
detectors:
  prompt_shield: {{{}}}
  harm: {{{}}}
"""


def models_of(shield: str, harm: str) -> dict[str, Detector]:
    policy = policy_from_text(MODEL.format(shield, harm), "p.yaml", registry=BUILT_IN).policy
    return {detector.name: detector for detector in build(policy, BUILT_IN)}


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    return f"model: {folder(tmp_path_factory.mktemp('tiny'))}/tokenizer.json"


def test_detectors_with_the_same_model_share_it_and_a_reader(model):
    built = models_of(f"{model}, min_score: 0.1, without: [ignore-previous-instructions]", model)
    shield, harm = built["prompt_shield"], built["harm"]
    assert shield.scorer is harm.scorer is not None
    assert shield.reader is harm.reader
    assert (shield.options.min_score, harm.options.min_score) == (0.1, 0.3)
    assert shield.label == f"{PromptShield().label}+{harm.scorer.label}"
    other = models_of("model: none", f"{model}, threads: 1")
    assert other["prompt_shield"].scorer is None
    assert other["harm"].scorer is not harm.scorer


def test_a_changed_policy_gets_the_model_that_is_loaded_already(model):
    first = models_of("model: none", model)
    assert models_of(model, model)["harm"].scorer is first["harm"].scorer


def test_a_model_that_no_rule_needs_is_not_loaded():
    text = MODEL.format("model: none", "model: nosuch.onnx").replace("[hate, prompt_attack]", "prompt_attack")
    (shield,) = build(policy_from_text(text, registry=BUILT_IN).policy, BUILT_IN)
    assert shield.scorer is None
    assert models_of("model: none", "model: nosuch.onnx, enabled: false").keys() == {"prompt_shield"}


@pytest.mark.parametrize(
    ("shield", "harm", "said"),
    [
        (
            "model: none",
            "provider: gpu",
            "6: $.detectors.harm.provider: unknown value 'gpu', did you mean 'cpu'?: "
            "allowed are cpu, cuda, openvino",
        ),
        (
            "provider: [cpu], model: none",
            "enabled: false",
            "5: $.detectors.prompt_shield.provider: ",
        ),
        (
            "model: none",
            "labels: {toxic: hate}",
            "6: $.detectors.harm: labels: the shipped model has none to map: leave them out, or name another",
        ),
        (
            "labels: {toxic: hate}",
            "enabled: false",
            "5: $.detectors.prompt_shield: labels: the shipped model has none to map",
        ),
        (
            "model: none",
            "model: none",
            "6: $.detectors.harm: model: none: harm is found by a model only: to do without, set "
            "'enabled: false'",
        ),
        (
            "model: none",
            "model: nosuch.onnx",
            "6: $.detectors.harm: model: nosuch.onnx: no such file",
        ),
        ("model: none", "model: nosuch", "6: $.detectors.harm: model: 'nosuch': allowed are shipped, none, "),
        ("model: none, min_score: 1.5", "enabled: false", "5: $.detectors.prompt_shield: min_score: 1.5: "),
        ("model: none, threads: -1", "enabled: false", "5: $.detectors.prompt_shield: threads: -1: "),
        (
            "model: none",
            "modle: none",
            "6: $.detectors.harm.modle: unknown key 'modle', did you mean 'model'?",
        ),
        ("model: none", "without: [x]", "6: $.detectors.harm.without: unknown key 'without'"),
        ("model: none, floor: 0.5", "enabled: false", "5: $.detectors.prompt_shield.floor: unknown key"),
    ],
)
def test_options_of_a_model_that_cannot_be_are_named_with_their_line(shield, harm, said):
    with pytest.raises(PolicyError) as caught:
        models_of(shield, harm)
    (problem,) = caught.value.problems
    assert problem.startswith(f"p.yaml:{said}")


def test_all_that_is_wrong_with_models_is_said_at_once():
    with pytest.raises(PolicyError) as caught:
        models_of("labels: {toxic: hate}", "model: none")
    assert [problem.partition(": ")[0] for problem in caught.value.problems] == ["p.yaml:6", "p.yaml:5"]
