"""Answers that their documents do not bear out, through the proxy: footnotes, sentences dropped, replaced,
put right, and streams stopped. With the exact checks alone: what a model thinks is tested elsewhere."""

from __future__ import annotations

import itertools
import json
from typing import Any

import httpx
import openai
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rigs import RigMaker
from upstreams import completion, events, streamed, whole

DOCUMENT = (
    "Items can be returned within 30 days of purchase. The receipt is needed. Sale items are final. "
    "Our shop in Lyon opens at 9 and closes at 18 o'clock."
)
QUESTION = [{"role": "user", "content": f"<documents>{DOCUMENT}</documents> How long may I return an item?"}]
RIGHT, WRONG, LAST = (
    "The receipt is needed. ",
    "Items can be returned within 90 days of purchase. ",
    "Sale items are final.",
)
TEXT = RIGHT + WRONG + LAST
BODY = {"model": "m", "messages": QUESTION, "stream": True}


def policy(rule: str, correction: str = "none") -> str:
    return f"""
version: 1
name: test
detectors: {{groundedness: {{model: none, correction: {correction}}}}}
rules:
  - {{id: ungrounded, when: {{category: ungrounded, stage: output}}, {rule}}}
"""


def pieces(text: str) -> list[str]:
    return [text[at : at + 7] for at in range(0, len(text), 7)]


def answered(url: str) -> tuple[str, list[str]]:
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0, timeout=20)
    text, ends = "", []
    for chunk in client.chat.completions.create(model="m", messages=QUESTION, stream=True):  # type: ignore[call-overload]
        for choice in chunk.choices:
            text += choice.delta.content or ""
            ends += [choice.finish_reason] if choice.finish_reason else []
    return text, ends


@pytest.mark.parametrize(
    ("rule", "correction", "text", "end"),
    [
        ("action: redact, replacement: ''", "none", RIGHT + LAST, "stop"),
        ("action: redact, replacement: '[?]'", "none", f"{RIGHT}[?] {LAST}", "stop"),
        ("action: redact, correct: true, replacement: ''", "extract", TEXT.replace("90", "30"), "stop"),
        ("action: redact, correct: true, replacement: ''", "none", RIGHT + LAST, "stop"),
        ("action: annotate", "none", TEXT, "stop"),
        ("action: block, message: no", "none", RIGHT, "content_filter"),
    ],
)
def test_what_a_rule_does_to_a_streamed_sentence(
    rig: RigMaker, rule: str, correction: str, text: str, end: str
) -> None:
    one = rig(streamed(events(pieces(TEXT))), policy(rule, correction))
    assert answered(one.url) == (text, [end])
    (hit,) = one.log.events[-1].hits
    assert (hit.category, hit.evidence) == ("ungrounded.contradiction", "number_differs")
    assert hit.support is not None
    assert QUESTION[0]["content"][hit.support_start : hit.support_end].startswith("Items can be returned")


@pytest.mark.parametrize("correct", [True, False])
def test_a_whole_answer_is_treated_alike(rig: RigMaker, correct: bool) -> None:
    rule = f"action: redact, correct: {str(correct).lower()}, replacement: ''"
    one = rig(whole(completion(TEXT)), policy(rule, "extract"))
    answer = httpx.post(f"{one.url}/v1/chat/completions", json={**BODY, "stream": False}).json()
    wanted = TEXT.replace("90", "30") if correct else RIGHT + LAST
    assert answer["choices"][0]["message"]["content"] == wanted


def test_what_speaks_of_nothing_in_the_documents_can_only_be_taken_out(rig: RigMaker) -> None:
    invented = "Penguins deliver every parcel by submarine. "
    rule = "action: redact, correct: true, replacement: ''"
    one = rig(streamed(events(pieces(RIGHT + invented + LAST))), policy(rule, "extract"))
    assert answered(one.url) == (RIGHT + LAST, ["stop"])


def notes(body: str) -> list[dict[str, Any]]:
    """The choices of chunks that carry annotations and no text."""
    chunks = [json.loads(line[6:]) for line in body.splitlines() if line.startswith("data: {")]
    return [c for chunk in chunks for c in chunk["choices"] if "content_filter_offsets" in c]


def test_a_footnote_follows_its_sentence_and_says_where_it_stands(rig: RigMaker) -> None:
    one = rig(streamed(events(pieces(TEXT))), policy("action: annotate"))
    body = httpx.post(f"{one.url}/v1/chat/completions", json=BODY).text
    (note,) = notes(body)
    assert (note["index"], note["delta"], note["finish_reason"]) == (0, {}, None)
    start, end = len(RIGHT), len(RIGHT + WRONG) - 1
    assert note["content_filter_offsets"] == {"check_offset": end, "start_offset": start, "end_offset": end}
    found = note["content_filter_results"]["ungrounded_material"]
    assert (found["detected"], found["filtered"]) == (True, False)
    assert found["details"] == [{"completion_start_offset": start, "completion_end_offset": end}]
    assert note["safety"]["rules"][0]["rule"] == "ungrounded"
    assert body.index('"content_filter_offsets"') < body.index('"stop"')


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_chunking_leaves_the_same_text_and_one_footnote(rig: RigMaker, data: st.DataObject) -> None:
    body = b"".join(events(pieces(TEXT)))
    cuts = sorted({0, len(body), *data.draw(st.lists(st.integers(0, len(body)), max_size=12))})
    parts = [body[a:b] for a, b in itertools.pairwise(cuts)]
    one = rig(streamed(parts), policy("action: annotate"))
    assert len(notes(httpx.post(f"{one.url}/v1/chat/completions", json=BODY).text)) == 1
    two = rig(streamed(parts), policy("action: redact, replacement: ''"))
    assert answered(two.url) == (RIGHT + LAST, ["stop"])


def test_a_rule_that_only_watches_sends_no_footnote(rig: RigMaker) -> None:
    one = rig(streamed(events(pieces(TEXT))), policy("action: annotate, mode: monitor"))
    assert notes(httpx.post(f"{one.url}/v1/chat/completions", json=BODY).text) == []
    assert one.log.events[-1].hits


@pytest.mark.parametrize(
    ("said", "used"),
    [
        ("You have 30 days to return items.", True),
        ("You have 400 days, and penguins deliver the items.", False),
        ("NOTHING", False),
        ("", False),
    ],
)
def test_the_word_of_a_chat_endpoint_is_judged_before_it_is_used(
    rig: RigMaker, said: str, used: bool
) -> None:
    chat = rig(whole(completion(said)))
    own = f"""
version: 1
name: test
detectors:
  groundedness:
    {{model: none, correction: endpoint, endpoint: "{chat.upstream.url}/v1", endpoint_model: c}}
rules:
  - {{id: ungrounded, when: {{category: ungrounded}}, action: redact, correct: true, replacement: ""}}
"""
    wrong = "Penguins take any items back whenever somebody rings the bell. "
    one = rig(streamed(events(pieces(RIGHT + wrong + LAST))), own)
    text, ends = answered(one.url)
    assert (text, ends) == (RIGHT + (f"{said} " if used else "") + LAST, ["stop"])
    asked = chat.upstream.requests[0].json["messages"]
    assert wrong.strip() in asked[1]["content"]
    assert wrong.strip() not in asked[0]["content"]
