"""From "this was wrong" to an exception and a test to review; policies shown and tried."""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from house import POLICY, TEXT
from watching import EDITOR, VIEWER, record, recorded, verdict

from safety.events.entry import Notice
from safety.events.log import EventLog
from safety.monitor.amend import quoted
from safety.policy.file import policy_from_text
from safety.policy.model import content_digest

# --- over a real server


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    folder = tmp_path_factory.mktemp("house")
    policy = folder / "house.yaml"
    policy.write_text(POLICY)
    loaded = policy_from_text(POLICY, folder=folder)
    events = [
        verdict(
            "stopped",
            words="forbidden",
            text=TEXT,
            category="blocklist.stop",
            rule="stop",
            policy=loaded.policy.id,
        ),
        verdict(
            "old",
            words="forbidden",
            text=TEXT,
            category="blocklist.stop",
            rule="stop",
            policy="house@000000000000",
        ),
        verdict(
            "shipped",
            words="forbidden",
            text=TEXT,
            category="prompt_attack",
            rule="prompt-attack",
            policy="rag@1",
        ),
        verdict("foreign", words="forbidden", text=TEXT, category="x", rule="r", policy="theirs@1"),
        verdict(
            "gone",
            words="forbidden",
            text=TEXT,
            category="blocklist.stop",
            rule="gone",
            policy=loaded.policy.id,
        ),
        verdict("clean", words=""),
    ]
    with recorded(folder, events, raw=True, policies=(str(policy), "default")) as one:
        yield one


def fields(**more):
    expires = datetime.now(UTC).date() + timedelta(days=30)
    usual = {
        "hit": "0",
        "text": TEXT,
        "kind": "sha256",
        "words": "",
        "reason": "a quotation",
        "tested": "yes",
    }
    return usual | {"expires": expires.isoformat()} | more


def notices(watch, what):
    rows = watch.monitor.desk.records.search({"what": [what]})
    return [entry for _, entry in rows if isinstance(entry, Notice)]


def diff_on(text):
    spans = re.search(r'<pre class="diff"[^>]*>(.*?)</pre>', text, re.DOTALL)[1]
    return unescape(re.sub(r"</?span[^>]*>", "", spans))


def test_wrong_makes_a_difference_to_review(house):
    before = (house.store.parent / "house.yaml").read_text()
    known = len(notices(house, "exception"))
    answer = house.form("/monitor/wrong/stopped.input", fields())
    assert answer.status_code == 200
    shown = diff_on(answer.text)
    assert f"+  - sha256: {content_digest(TEXT)}" in shown
    assert f"+  prompt: {quoted(TEXT)}" in shown
    assert "Tried: the text passes, and all tests that there were pass." in answer.text
    assert (house.store.parent / "house.yaml").read_text() == before
    (notice, *_) = notices(house, "exception")
    assert len(notices(house, "exception")) == known + 1
    assert (notice.by, notice.about) == ("somebody on this machine", "stopped.input")
    assert "a quotation" in notice.detail
    assert TEXT not in notice.to_json()


def test_the_difference_can_be_downloaded_and_taken(house, tmp_path):
    known = len(notices(house, "exception"))
    answer = house.form("/monitor/diff/stopped.input", fields(kind="text", words="forbidden word"))
    assert answer.headers["content-disposition"] == 'attachment; filename="exception.diff"'
    assert answer.headers["content-type"] == "text/x-diff; charset=utf-8"
    (tmp_path / "house.yaml").write_text(POLICY)
    subprocess.run(
        ["patch", "-p1"], input=answer.content, cwd=tmp_path, check=True, stdout=subprocess.DEVNULL
    )
    loaded = policy_from_text((tmp_path / "house.yaml").read_text())
    assert loaded.policy.exceptions[-1].text == "forbidden word"
    assert len(notices(house, "exception")) == known


def test_an_exception_that_breaks_other_tests_is_said_to(house):
    answer = house.form("/monitor/wrong/stopped.input", fields(kind="text", words="forbidden"))
    assert (
        "Tried: the text passes, but then the test &#39;stops&#39; failed: expected block, got allow"
        in answer.text
    )


def test_an_exception_for_a_rule_that_is_gone_is_said_to_be_none(house):
    answer = house.form("/monitor/wrong/gone.input", fields())
    assert "cannot be used as it is" in answer.text
    assert "unknown rule &#39;gone&#39;" in answer.text


def test_an_exception_that_does_not_help_is_said_to_fail(house):
    answer = house.form(
        "/monitor/wrong/stopped.input", fields(text=TEXT + " forbidden", kind="text", words="quoted")
    )
    assert answer.status_code == 200
    assert "Tried: the new test failed: expected allow, got block" in answer.text


def test_without_a_test_the_text_stays_out_of_the_policy(house):
    answer = house.form("/monitor/wrong/stopped.input", {k: v for k, v in fields().items() if k != "tested"})
    assert TEXT not in diff_on(answer.text)
    assert "Tried without a test of this exception, and all tests" in answer.text


def test_what_the_event_was_judged_by_is_compared(house):
    answer = house.form("/monitor/wrong/old.input", fields())
    assert "The event was judged by house@000000000000; the file is now house@" in answer.text
    shipped = house.form("/monitor/wrong/shipped.input", fields())
    assert "+extends: rag" in diff_on(shipped.text)
    assert "--- /dev/null" in diff_on(shipped.text)
    foreign = house.form("/monitor/wrong/foreign.input", fields())
    assert "not among those shown here" in foreign.text
    assert 'class="diff"' not in foreign.text
    assert "sha256: " in foreign.text


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"text": " "}, "Paste the text"),
        ({"hit": "9"}, "which finding"),
        ({"hit": "x"}, "which finding"),
        ({"reason": ""}, "Give a reason"),
        ({"reason": "x" * 201}, "Give a reason"),
        ({"expires": "soon"}, "the last day"),
        ({"expires": "2020-01-01"}, "the last day"),
        ({"expires": "2999-01-01"}, "the last day"),
        ({"kind": "text"}, "Give the words"),
        ({"kind": "text", "words": "not there"}, "Give the words"),
        ({"text": "x" * 100_001}, "longer than 100,000"),
    ],
)
def test_what_is_missing_is_said_and_nothing_is_lost(house, more, said):
    known = len(notices(house, "exception"))
    for path in ("wrong", "diff"):
        answer = house.form(f"/monitor/{path}/stopped.input", fields(**more))
        assert answer.status_code == 400
        assert said in answer.text
        assert f'value="{fields(**more)["reason"][:200]}' in answer.text
    assert len(notices(house, "exception")) == known


def test_only_what_an_exception_can_let_pass_is_offered(house):
    assert house.get("/monitor/wrong/clean.input").status_code == 404
    assert house.get("/monitor/wrong/nobody.input").status_code == 404
    assert house.get("/monitor/wrong/stopped.input").status_code == 200


def test_a_look_at_words_goes_on_record_first(house):
    path = "/monitor/event/stopped.input"
    masked = house.get(path).text
    assert "forbidden" not in masked
    assert "Show the words" in masked
    assert notices(house, "looked") == []
    shown = house.form(path, {})
    assert "<mark>forbidden</mark>" in shown.text
    (notice,) = notices(house, "looked")
    assert (notice.by, notice.about) == ("somebody on this machine", "stopped.input")


def test_a_look_that_cannot_be_recorded_shows_nothing(tmp_path):
    with recorded(tmp_path, [verdict("one")], raw=True) as one:
        one.monitor.desk.notes._store = str(tmp_path / "nowhere" / "events.sqlite")
        answer = one.form("/monitor/event/one.input", {})
        assert answer.status_code == 503
        assert "ignore all" not in answer.text


# --- policies


def test_policies_are_shown_with_the_numbers_of_their_lines(house):
    text = house.get("/monitor/policies").text
    assert "house@" in text
    assert "as " in text
    assert "was changed since" in text
    assert "not among the policies shown here" in text
    one = house.get("/monitor/policies/0").text
    assert (
        '<tr id="L2"><th scope="row"><a href="#L2">2</a></th><td><code>name: house  # ours</code></td></tr>'
        in one
    )
    assert "Your own; read only" in one
    assert "Shipped with the package" in house.get("/monitor/policies/1").text


def test_a_text_is_tried_and_not_recorded(house):
    rows = house.monitor.desk.records.size().newest
    answer = house.form("/monitor/policies/0", {"text": TEXT, "kind": "prompt"})
    assert answer.status_code == 200
    assert "block by stop" in answer.text
    assert "<mark><bdi>forbidden</bdi></mark>" in answer.text
    assert re.search(r"fired</span> <strong><bdi>stop</bdi>", answer.text)
    passed = house.form("/monitor/policies/0", {"text": "hello", "kind": "answer"})
    assert "did not fire" in passed.text
    assert house.monitor.desk.records.size().newest == rows


def test_a_changed_policy_is_tried_as_it_is_now(tmp_path):
    policy = tmp_path / "house.yaml"
    policy.write_text(POLICY)
    with recorded(tmp_path, policies=(str(policy), str(tmp_path / "none.yaml"))) as one:
        assert (
            "block by stop" in one.form("/monitor/policies/0", {"text": "forbidden", "kind": "prompt"}).text
        )
        policy.write_text(POLICY.replace("terms: [forbidden]", "terms: [other]"))
        assert (
            "block by stop"
            not in one.form("/monitor/policies/0", {"text": "forbidden", "kind": "prompt"}).text
        )
        policy.write_text("version: 1\nrules: 7\n")
        broken = one.form("/monitor/policies/0", {"text": "forbidden", "kind": "prompt"})
        assert broken.status_code == 200
        assert "$.rules" in broken.text
        assert "cannot be read" in one.get("/monitor/policies/1").text
        assert "cannot be used" in one.get("/monitor/policies").text


def test_what_cannot_be_tried_is_said(house):
    for sent, said in (
        ({"text": "", "kind": "prompt"}, "Write a text"),
        ({"text": "x", "kind": "shoe"}, "Write a text"),
        ({"text": "x" * 20_001, "kind": "prompt"}, "At most 20,000"),
    ):
        assert said in house.form("/monitor/policies/0", sent).text


def test_viewers_may_try_but_not_make(tmp_path):
    with EventLog(tmp_path / "events.sqlite") as log:
        record(log, [verdict()])
    with recorded(tmp_path, token_viewer=VIEWER, token_editor=EDITOR, policies=()) as one:
        bearer = {"authorization": f"Bearer {VIEWER}"}
        assert one.get("/monitor/wrong/attack.input", headers=bearer).status_code == 403
        made = one.client.post("/monitor/wrong/attack.input", data=fields(), headers=bearer)
        assert made.status_code == 403
        assert notices(one, "exception") == []
