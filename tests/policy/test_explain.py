import pytest
from toy_detectors import TOYS

from safety.guard import Guard
from safety.policy.detectors import build
from safety.policy.explain import conclusion, explain, not_run
from safety.policy.file import policy_from_text
from safety.types import Exchange, Stage
from safety.wire.plain import segments_of


def story(rules: str, more: str = "", stage: Stage = Stage.INPUT, **texts):
    policy = policy_from_text(f"version: 1\nrules: [{rules}]\n{more}", registry=TOYS).policy
    exchange = Exchange("x", stage, segments_of(**texts))
    with Guard(policy, build(policy, TOYS)) as guard:
        return explain(policy, exchange, guard.check(exchange))


@pytest.mark.parametrize(
    ("rule", "more", "why"),
    [
        ("when: {category: prompt_attack}, action: block", "", "prompt_attack 0.90: block"),
        (
            "when: {category: prompt_attack, origin: document}, action: block",
            "",
            "wrong origin: user, the rule asks",
        ),
        ("when: {category: '*', origin: [tool_call, document]}, action: block", "", "document or tool_call"),
        (
            "when: {category: prompt_attack, stage: output}, action: block",
            "",
            "wrong stage: input, the rule asks for output",
        ),
        ("when: {category: prompt_attack, min_score: 0.95}, action: block", "", "score 0.90 < 0.95"),
        ("when: {category: prompt_attack, min_severity: 4}, action: block", "", "severity 0 < 4"),
        ("when: {category: toy.WORD}, action: block", "", "nothing found in toy.WORD"),
        (
            "when: {category: prompt_attack}, action: block",
            "mode: monitor\n",
            "would block, but the policy is in monitor",
        ),
        (
            "when: {category: prompt_attack}, action: block, mode: monitor",
            "",
            "would block, but the rule is in monitor",
        ),
        (
            "when: {category: prompt_attack}, action: block",
            "exceptions: [{text: attack, reason: a title, expires: 2099-01-01}]\n",
            "prompt_attack 0.90: let pass by an exception: a title",
        ),
    ],
)
def test_every_rule_says_why(rule, more, why):
    # The second rule makes sure that the detector is shown the text whatever the first asks for.
    told = story(
        f"{{id: a, {rule}}}, {{id: z, when: {{category: '*'}}, action: allow}}", more, prompt="an attack"
    )
    assert why in told.rules[0].why[0]
    assert told.rules[0].fired == (why.startswith(("prompt_attack 0.90: block", "would")))


def test_several_reasons_are_all_given():
    rule = "{id: a, when: {category: prompt_attack, origin: document, min_score: 0.95}, action: block}"
    told = story(rule + ", {id: z, when: {category: '*'}, action: allow}", prompt="attack")
    assert told.rules[0].why == (
        "prompt_attack 0.90: wrong origin: user, the rule asks for document, score 0.90 < 0.95",
    )


@pytest.mark.parametrize(
    ("when", "why"),
    [
        ("category: toy, stage: output", "asks for the output stage, this is input"),
        ("category: toy, origin: document", "asks for text from document, there is user"),
        ("category: [toy, limit]", "nothing found in toy, limit"),
    ],
)
def test_a_rule_without_findings_says_why_it_had_none(when, why):
    assert (
        story(f"{{id: a, when: {{{when}}}, action: block}}", prompt="hello").rules[0].why[0].startswith(why)
    )


def test_detectors_show_what_they_saw_where():
    told = story("{id: a, when: {category: prompt_attack}, action: block}", prompt="an attack")
    (seen,) = told.detectors[0].seen
    assert (seen.excerpt, str(seen.origin), seen.finding.span.start) == ("attack", "user", 3)
    assert conclusion(told.verdict) == "block by a"


def test_a_detector_that_did_not_run_or_is_off_is_named():
    told = story(
        "{id: a, when: {category: [toy, prompt_attack]}, action: block}",
        "detectors: {words: {enabled: false}}\n",
        prompt="attack",
    )
    assert told.off == ("words",)
    (broken,) = told.detectors
    assert not_run(broken.outcome) == "failed: RuntimeError: out of order"
    assert told.rules[0].why == ("nothing found in toy, prompt_attack, but not every detector ran",)
    assert conclusion(told.verdict) == "block by on_error"


def test_what_monitor_mode_holds_back_is_in_the_conclusion():
    told = story(
        "{id: a, when: {category: prompt_attack}, action: block}", "mode: monitor\n", prompt="attack"
    )
    assert conclusion(told.verdict) == "allow (would block: monitor mode)"
