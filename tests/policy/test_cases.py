from dataclasses import replace

import pytest
from toy_detectors import TOYS

from safety.errors import PolicyError, SafetyError
from safety.guard import Guard
from safety.policy.cases import Case, Ended, require, run_cases
from safety.policy.detectors import build
from safety.policy.file import policy_from_text
from safety.types import Action, Exchange, Origin, Segment, Stage
from safety.wire.plain import segments_of

POLICY = """version: 1
rules:
  - {id: user, when: {category: prompt_attack, origin: user}, action: block}
  - {id: answer, when: {category: prompt_attack, stage: output, origin: assistant}, action: redact}
  - {id: watch, when: {category: indirect_attack}, action: block, mode: monitor}
exceptions:
  - {text: attack on titan, reason: a title, expires: 2099-01-01}
"""


def results(tests: str, policy: str = POLICY):
    loaded = policy_from_text(policy + tests, "p.yaml", registry=TOYS)
    with Guard(loaded.policy, build(loaded.policy, TOYS)) as guard:
        return run_cases(guard.check, loaded.cases)


def test_what_is_as_expected_passes():
    ended = results("""tests:
  - {name: clean, prompt: hello, expect: allow, not_rules: [user]}
  - {name: user, prompt: an attack, expect: block, rules: user}
  - {name: only the user's, system: an attack, prompt: hello, expect: allow}
  - {name: answer, prompt: an attack, answer: the attack is, expect: redact, rules: answer, not_rules: user}
  - {name: monitored, documents: an attack, expect: allow, would: block, rules: watch}
  - {name: history, stage: input, prompt: hello, answer: attack, expect: allow}
  - {name: excused, prompt: attack on titan, expect: allow, not_rules: user}
  - {name: segments, segments: [{origin: tool_result, text: attack}], expect: allow, rules: watch}
""")
    assert [result.ended for result in ended] == [Ended.PASSED] * 8
    require(ended)


@pytest.mark.parametrize(
    ("test", "why"),
    [
        ("{name: t, prompt: hello, expect: block}", "expected block, got allow (no rule hit)"),
        (
            "{name: t, prompt: attack, expect: allow}",
            "expected allow, got block (user on prompt_attack 0.90)",
        ),
        ("{name: t, prompt: attack, expect: block, rules: [user, watch]}", "rule watch did not hit"),
        ("{name: t, prompt: attack, expect: block, not_rules: [user]}", "rule user hit"),
        (
            "{name: t, documents: attack, expect: allow, would: allow}",
            "expected that it would allow, it would block",
        ),
    ],
)
def test_what_is_not_as_expected_fails(test, why):
    (result,) = results(f"tests:\n  - {test}\n")
    assert (result.ended, result.why) == (Ended.FAILED, (why,))
    with pytest.raises(PolicyError) as caught:
        require([result])
    assert caught.value.problems == (f"p.yaml:9: test 't' failed: {why}",)


def test_a_detector_that_did_not_run_is_no_failure_of_the_policy():
    policy = POLICY.replace(
        "exceptions", "  - {id: b, when: {category: toy.BROKEN}, action: block}\nexceptions"
    )
    (result,) = results("tests:\n  - {name: t, prompt: hello, expect: block}\n", policy)
    assert result.ended is Ended.COULD_NOT_RUN
    assert result.why == ("broken@1 failed: RuntimeError: out of order",)


def test_a_check_that_cannot_be_made_is_said():
    def check(exchange: Exchange):
        raise SafetyError("no")

    case = Case("t", "p:1", Stage.INPUT, segments_of(prompt="x"), Action.ALLOW)
    (result,) = run_cases(check, [case])
    assert (result.ended, result.why, result.verdict) == (Ended.COULD_NOT_RUN, ("no",), None)


def test_at_output_only_the_models_texts_are_judged():
    segments = segments_of(system="s", prompt="p", documents=["d", "e"], tool_results=["r"], answer="a")
    more = (Segment("/x", Origin.REASONING, "why"), Segment("/y", Origin.TOOL_CALL, "{}"))
    case = Case("t", "p:1", Stage.OUTPUT, segments + more, Action.ALLOW)
    exchange = case.exchange()
    assert [(s.path, s.text) for s in exchange.segments] == [("/answer", "a"), ("/x", "why"), ("/y", "{}")]
    assert [s.path for s in exchange.context] == [
        "/system",
        "/prompt",
        "/documents/0",
        "/documents/1",
        "/tool_results/0",
    ]
    whole = replace(case, stage=Stage.INPUT).exchange()
    assert (len(whole.segments), whole.context) == (8, ())


def test_texts_are_read_as_the_doors_read_them():
    text = "What is this? <extract>an attack</extract>"
    policy = POLICY + "documents: {tags: [extract]}\n"
    loaded = policy_from_text(
        f"""{policy}tests:
  - {{name: prompt, prompt: {text!r}, expect: allow, rules: watch, not_rules: user}}
  - {{name: segment, segments: [{{origin: user, text: {text!r}}}], expect: allow, rules: watch}}
""",
        registry=TOYS,
    )
    with Guard(loaded.policy, build(loaded.policy, TOYS)) as guard:
        require(run_cases(guard.check, loaded.cases))
        checked = guard.check_prompt(text)
    assert loaded.cases[0].exchange().segments == checked.exchange.segments
    assert [s.origin for s in checked.exchange.segments] == [Origin.USER, Origin.DOCUMENT]
