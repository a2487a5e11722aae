"""An exception and its test, put into a policy's text."""

from __future__ import annotations

import subprocess
from datetime import date

import pytest
from house import POLICY, TEXT
from hypothesis import given
from hypothesis import strategies as st

from safety.detectors.registry import load_registry
from safety.errors import ConfigError
from safety.guard import Guard
from safety.monitor.amend import Wrong, added, amended, difference, own_policy, quoted
from safety.policy.cases import Ended, run_cases
from safety.policy.detectors import build
from safety.policy.file import policy_from_text
from safety.policy.model import content_digest
from safety.types import Origin

HEAD = (
    "version: 1",
    "detectors: {blocklist: {lists: {stop: {terms: [forbidden]}}}}",
    "rules: [{id: stop, when: {category: blocklist.stop}, action: block}]",
)
LATER = date(2099, 1, 1)


def wrong(**fields):
    usual = {
        "text": TEXT,
        "words": "",
        "origin": Origin.USER,
        "rule": "stop",
        "category": "blocklist.stop",
        "reason": "a quotation",
        "expires": LATER,
    }
    return Wrong(**(usual | fields))


def verdicts(text):
    """How the tests of a policy end."""
    loaded = policy_from_text(text)
    with Guard(loaded.policy, build(loaded.policy, load_registry())) as guard:
        return [(result.case.name, result.ended) for result in run_cases(guard.check, loaded.cases)]


# --- the text


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"words": "forbidden word"},
        {"origin": Origin.ASSISTANT},
        {"origin": Origin.DOCUMENT},
        {"origin": Origin.TOOL_RESULT},
        {"origin": Origin.SYSTEM},
        {"origin": Origin.REASONING},
        {"origin": Origin.TOOL_DEFINITION},
        {"reason": 'it\'s "so": # - {x}', "text": "forbidden\n\t - # 'x' \"y\" \\ é 😀 \x85 \u2028 end"},
    ],
)
def test_the_exception_lets_pass_what_was_wrong_and_its_test_says_so(fields):
    one = wrong(**fields)
    before = policy_from_text(POLICY)
    after = policy_from_text(amended(POLICY, one))
    assert len(after.policy.exceptions) == len(before.policy.exceptions) + 1
    made = after.policy.exceptions[-1]
    assert (made.reason, made.expires, made.rules, made.categories) == (
        one.reason,
        LATER,
        ("stop",),
        ("blocklist.stop",),
    )
    assert made.text == (one.words or None)
    assert made.sha256 == (None if one.words else content_digest(one.text))
    assert [ended for _, ended in verdicts(amended(POLICY, one))] == [Ended.PASSED, Ended.PASSED]
    # The same test without the exception fails: it can tell.
    only_test = added(POLICY, "tests", ["- {name: x, prompt: " + quoted(TEXT) + ", expect: allow}"])
    assert verdicts(only_test)[-1] == ("x", Ended.FAILED)


def test_nothing_else_of_the_file_changes():
    after = amended(POLICY, wrong())
    lines = after.splitlines()
    assert [line for line in POLICY.splitlines() if line not in lines] == []
    at = lines.index("    expires: 2027-01-01")
    assert lines[at + 1].startswith("  - sha256: ")
    assert lines[at + 6] == ""
    assert lines[-4].startswith("- name:")


@pytest.mark.parametrize(
    "text",
    [
        "version: 1\n",
        "version: 1",
        "version: 1\nexceptions: []\ntests:   # none yet\n",
        "version: 1\r\nexceptions: ~\r\n\r\n# end\r\n",
        "version: 1\nexceptions:\n- {text: a, reason: b, expires: 2027-01-01}\n# then\ntests: null\n",
        "version: 1\nexceptions:\n   -   text: a\n       reason: b\n       expires: 2027-01-01\n\nname: n",
    ],
)
def test_lists_are_found_or_made_however_they_are_written(text):
    end = "\r\n" if "\r\n" in text else "\n"
    text = text.replace("version: 1", end.join(HEAD), 1)
    after = policy_from_text(amended(text, wrong()))
    assert after.policy.exceptions[-1].reason == "a quotation"
    assert after.cases[-1].name == "was wrong: a quotation"
    assert ("\r\n" in amended(text, wrong())) is ("\r\n" in text)


def test_a_list_in_one_line_is_not_guessed_at():
    with pytest.raises(ConfigError, match="line 2: exceptions: is written in one line"):
        amended("version: 1\nexceptions: [{text: a, reason: b, expires: 2027-01-01}]\n", wrong())


@given(st.text())
def test_any_text_can_be_quoted(text):
    if any("\ud800" <= c <= "\udfff" for c in text):
        return
    loaded = policy_from_text(
        f"version: 1\nname: n\ntests:\n  - {{name: {quoted('n' + text)}, prompt: a, expect: allow}}\n"
    )
    assert loaded.cases[0].name == "n" + text


@pytest.mark.parametrize("before", [POLICY, POLICY.rstrip("\n"), "version: 1\nname: house\n"])
def test_the_difference_is_taken_by_patch(tmp_path, before):
    after = amended(before, wrong())
    (tmp_path / "house.yaml").write_text(before)
    diff = difference(before, after, "house.yaml")
    subprocess.run(
        ["patch", "-p1", "--no-backup-if-mismatch"],
        input=diff.encode(),
        cwd=tmp_path,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    assert (tmp_path / "house.yaml").read_text() == after


def test_a_shipped_policy_is_extended_not_changed():
    loaded = policy_from_text(own_policy("default", wrong(rule="prompt-attack", category="prompt_attack")))
    assert loaded.policy.name == "own"
    assert loaded.policy.exceptions[-1].rules == ("prompt-attack",)
