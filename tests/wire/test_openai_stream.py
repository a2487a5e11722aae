from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import httpx
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionChunk

from safety.errors import WireError
from safety.types import Action, DocumentMarks, Exchange, Finding, Hit, Span, Stage, Verdict
from safety.wire.codec import Chunk
from safety.wire.openai import OpenAICodec
from safety.wire.openai_stream import OpenAIStream

REQUEST = OpenAICodec().read_request(
    b'{"model": "phi-4", "stream": true, "messages": [{"role": "user", "content": "Hello"}]}',
    id="ev-1",
    labels={},
    marks=DocumentMarks(),
)
HEAD = '"id":"chatcmpl-9","object":"chat.completion.chunk","created":1764000000,"model":"phi-4-q8"'


def event(delta: str, index: int = 0, finish: str = "null", end: str = "\n\n", more: str = "") -> str:
    choice = f'{{"index":{index},"delta":{delta}{more},"finish_reason":{finish}}}'
    return f'data: {{{HEAD},"choices":[{choice}]}}{end}'


def call(index: int, arguments: str, more: str = "") -> str:
    return f'{{"tool_calls":[{{"index":{index}{more},"function":{{"arguments":{json.dumps(arguments)}}}}}]}}'


AZURE_FIRST = (
    'data: {"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{'
    '"prompt_index":0,"content_filter_results":{"jailbreak":{"filtered":false,"detected":false}}}]}\n\n'
)
STREAM = "".join(
    (
        AZURE_FIRST,
        ": keep-alive\n\n",
        event('{"role":"assistant","content":"","refusal":null}'),
        event('{"reasoning_content":"Let me "}'),
        event('{"content":"Grüße \\ud83d\\ude00 "}', end="\r\n\r\n"),
        event('{"content":"from 1"}', index=1),
        event('{"reasoning_content":"think."}'),
        event('{"content":"aus  Köln 😀"}'),
        event(call(1, '{"ci', ',"id":"call_1","type":"function"'), more=',"logprobs":null'),
        event(call(1, 'ty":1}')),
        event('{"refusal":"no"}', index=1),
        event('{"function_call":{"name":"f","arguments":"{}"}}', index=1),
        event("{}", finish='"stop"'),
        event("{}", index=1, finish='"tool_calls"'),
        'data: {"id":"chatcmpl-9","choices":[],"usage":{"prompt_tokens":1},"timings":{"prompt_n":1}}\n\n',
        "data: [DONE]\n\n",
    )
).encode()


def stream() -> OpenAIStream:
    return OpenAICodec().stream(REQUEST)


def read(pieces: list[bytes], codec: OpenAIStream | None = None) -> list[Chunk]:
    codec = codec or stream()
    return [chunk for piece in pieces for chunk in codec.feed(piece)] + codec.close()


def texts(chunks: list[Chunk]) -> dict[str, str]:
    whole: dict[str, str] = {}
    for chunk in chunks:
        for delta in chunk.deltas:
            whole[delta.path] = whole.get(delta.path, "") + delta.text
    return whole


def hit(path: str | None = None) -> Hit:
    span = None if path is None else Span(path, 0, 3)
    return Hit("rule-1", Action.BLOCK, Finding("d", "violence", span=span, severity=6), message="No.")


def verdict(*hits: Hit) -> Verdict:
    exchange = Exchange("ev-1", Stage.OUTPUT, ())
    return Verdict(exchange, "default@1", Action.BLOCK, Action.BLOCK, hits)


def ask(body: bytes) -> list[ChatCompletionChunk]:
    """What the real SDK makes of these bytes."""
    headers = {"content-type": "text/event-stream"}
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=body, headers=headers))
    with openai.OpenAI(
        api_key="k", base_url="http://test/v1", max_retries=0, http_client=httpx.Client(transport=transport)
    ) as sdk:
        answer: Any = sdk.chat.completions.create(model="m", messages=[], stream=True)
        return list(answer)


def test_the_deltas_together_are_the_whole() -> None:
    chunks = read([STREAM])
    assert texts(chunks) == {
        "/choices/0/message/reasoning_content": "Let me think.",
        "/choices/0/message/content": "Grüße \U0001f600 aus  Köln \U0001f600",
        "/choices/1/message/content": "from 1",
        "/choices/0/message/tool_calls/1/function/arguments": '{"city":1}',
        "/choices/1/message/refusal": "no",
        "/choices/1/message/function_call/name": "f",
        "/choices/1/message/function_call/arguments": "{}",
    }
    assert b"".join(chunk.raw for chunk in chunks) == STREAM
    assert [chunk.ends for chunk in chunks if chunk.ends] == [(0,), (1,)]
    assert [chunk.done for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert {delta.path: str(delta.origin) for chunk in chunks for delta in chunk.deltas} == {
        "/choices/0/message/reasoning_content": "reasoning",
        "/choices/0/message/content": "assistant",
        "/choices/1/message/content": "assistant",
        "/choices/0/message/tool_calls/1/function/arguments": "tool_call",
        "/choices/1/message/refusal": "assistant",
        "/choices/1/message/function_call/name": "tool_call",
        "/choices/1/message/function_call/arguments": "tool_call",
    }
    for chunk in chunks:
        assert all(delta.choice == int(delta.path.split("/")[2]) for delta in chunk.deltas)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_any_split_gives_the_same_chunks(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[start:end] for start, end in pairwise(edges)]
    assert read(pieces) == read([STREAM])


def test_byte_by_byte() -> None:
    assert read([STREAM[at : at + 1] for at in range(len(STREAM))]) == read([STREAM])


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_rewrite_changes_the_text_and_nothing_else(data: st.DataObject) -> None:
    chunk = data.draw(st.sampled_from([chunk for chunk in read([STREAM]) if chunk.deltas]))
    new = [data.draw(st.text(st.characters(exclude_categories=["Cs"]), min_size=1)) for _ in chunk.deltas]
    codec = stream()
    (after,) = read([codec.rewrite(chunk, new)])
    assert [delta.text for delta in after.deltas] == new
    old = [delta.text for delta in chunk.deltas]
    assert read([codec.rewrite(after, old)])[0].data == chunk.data
    assert codec.rewrite(chunk, old) is chunk.raw


TWO_LINES = 'id: 1\ndata: {"choices":[{"delta":\ndata: {"content":"%s"}}]}\n\n'
WITH_TOKENS = 'data: {"choices":[{"delta":{"content":"a"},"logprobs":{"content":[{"token":"a"}]}}]}\n\n'
TWO_DELTAS = 'data: {"choices":[{"delta":{"content":"%s","reasoning":"r"}}]}\n\n'
SPACED = 'data:{"choices":[ {"delta":{"content":"%s"} } ]}\r\n\r\n'


@pytest.mark.parametrize(
    ("before", "new", "after"),
    [
        (SPACED % "4111", [""], SPACED % ""),
        (TWO_LINES % "\\u00e9", ["\u00e9"], TWO_LINES % "\\u00e9"),
        (TWO_LINES % "\\u00e9", ["x"], TWO_LINES % "x"),
        (WITH_TOKENS, ["b"], 'data: {"choices":[{"delta":{"content":"b"},"logprobs":null}]}\n\n'),
        (TWO_DELTAS % "a", ["b", "r"], TWO_DELTAS % "b"),
    ],
)
def test_rewrite_byte_for_byte(before: str, new: list[str], after: str) -> None:
    (chunk,) = read([before.encode()])
    assert stream().rewrite(chunk, new).decode() == after


def test_a_byte_order_mark_goes_by_itself() -> None:
    mark, chunk = read([b"\xef\xbb\xbf" + event('{"content":"a"}').encode()])
    assert (mark.raw, [delta.text for delta in chunk.deltas]) == (b"\xef\xbb\xbf", ["a"])


def test_rewrite_wants_a_text_for_each_delta() -> None:
    (chunk,) = read([event('{"content":"a"}').encode()])
    with pytest.raises(ValueError, match="2 texts for a chunk of 1 deltas"):
        stream().rewrite(chunk, ["a", "b"])


GARBAGE = [
    ("data: hello\n\n", "invalid_json"),
    ('data: {"choices":[],"choices":[]}\n\n', "duplicate_key"),
    ("data: 5\n\n", "not_a_chunk"),
    ('data: {"type":"response.output_text.delta","delta":"secret"}\n\n', "not_a_chunk"),
    ('data: {"choices":"x"}\n\n', "not_a_chunk"),
    ('data: {"choices":[{"delta":"x"}]}\n\n', "wrong_type"),
    ('data: {"choices":[{"index":-1,"delta":{}}]}\n\n', "wrong_type"),
    (
        'data: {"choices":[{"delta":{"tool_calls":[{"index":"0/x","function":{"arguments":"a"}}]}}]}\n\n',
        "wrong_type",
    ),
    ("data: [DONE]forbidden\n\n", "not_a_chunk"),
    ("data: [DONE]\ndata: forbidden\n\n", "not_a_chunk"),
    ('Data: {"choices":[]}\n\n', "not_a_chunk"),
    (' data: {"choices":[]}\n\n', "not_a_chunk"),
    ('{"choices":[]}\n\n', "not_a_chunk"),
    ('data: {"choices":[]}\nforbidden\n\n', "not_a_chunk"),
    ('data: {"choices":[],"Choices":[]}\n\n', "ambiguous_key"),
    ("data: " + "x" * 2_000_000, "event_too_large"),
]


@pytest.mark.parametrize(("garbage", "code"), GARBAGE)
def test_garbage_is_an_error_and_what_came_before_it_is_not_lost(garbage: str, code: str) -> None:
    codec, good = stream(), event('{"content":"a"}')
    assert [chunk.raw.decode() for chunk in codec.feed((good + garbage).encode())] == [good]
    for again in (lambda: codec.feed(b"data: [DONE]\n\n"), codec.close):
        with pytest.raises(WireError) as caught:
            again()
        assert (caught.value.code, caught.value.status) == (code, 502)


def test_a_stream_cut_inside_an_event_is_an_error() -> None:
    codec = stream()
    codec.feed(b'data: {"choices":[{"delta":{"content":"secr')
    with pytest.raises(WireError) as caught:
        codec.close()
    assert caught.value.code == "stream_cut"


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_last_event_without_its_blank_line_gets_one(missing: int) -> None:
    whole = event('{"content":"a"}').encode()
    (chunk,) = read([whole[: len(whole) - missing]])
    assert (chunk.raw, [delta.text for delta in chunk.deltas]) == (whole, ["a"])


def test_errors_of_the_upstream_pass() -> None:
    raw = b'event: error\ndata: {"error":{"message":"overloaded","code":"busy"}}\n\n'
    (chunk,) = read([raw])
    assert (chunk.raw, chunk.deltas) == (raw, ())
    with pytest.raises(openai.APIError):
        ask(raw)


def test_text_in_unknown_members_is_read() -> None:
    (chunk,) = read([b'data: {"choices":[{"delta":{"thoughts":["a b"]},"text":"c"}]}\n\n'])
    assert [(delta.path, delta.text) for delta in chunk.deltas] == [
        ("/choices/0/message/thoughts/0", "a b"),
        ("/choices/0/text", "c"),
    ]


def test_stop_ends_the_choice_as_the_sdk_expects() -> None:
    codec = stream()
    before = codec.feed(STREAM[: STREAM.index(b'"from 1"') - 200])
    stopped = codec.stop(verdict(hit("/choices/0/message/content")), [0])
    chunks = ask(b"".join(chunk.raw for chunk in before[1:]) + stopped + codec.end())
    last = chunks[-1]
    assert (last.id, last.object, last.model) == ("chatcmpl-9", "chat.completion.chunk", "phi-4-q8")
    assert last.created == 1764000000
    (choice,) = last.choices
    assert (choice.index, choice.finish_reason) == (0, "content_filter")
    assert choice.delta.content is None
    extra: Any = choice.model_extra
    assert extra["content_filter_results"]["violence"] == {"filtered": True, "severity": "high"}
    assert (extra["safety"]["event_id"], extra["safety"]["message"]) == ("ev-1", "No.")
    assert b'"delta":{}' in stopped


def test_stop_without_choices_ends_those_seen() -> None:
    codec = stream()
    read([STREAM], codec)
    chunks = ask(codec.stop(verdict(hit()), []) + codec.end())
    assert [chunk.choices[0].index for chunk in chunks] == [0, 1]


def test_stop_before_anything_came() -> None:
    (chunk,) = ask(stream().stop(verdict(hit()), []))
    ChatCompletionChunk.model_validate(chunk.model_dump())
    assert (chunk.id, chunk.model, chunk.choices[0].index) == ("chatcmpl-ev-1", "phi-4", 0)


def test_stop_tells_a_choice_its_own_hits_only() -> None:
    stopped = stream().stop(verdict(hit("/choices/1/message/content")), [0])
    (chunk,) = ask(stopped)
    extra: Any = chunk.choices[0].model_extra
    assert extra["content_filter_results"]["violence"]["filtered"] is False


def test_fail_raises_in_the_sdk() -> None:
    with pytest.raises(openai.APIError) as caught:
        ask(event('{"content":"a"}').encode() + stream().fail("upstream_failed", "the model went away"))
    assert (caught.value.code, caught.value.message) == ("upstream_failed", "the model went away")


def test_end() -> None:
    assert stream().end() == b"data: [DONE]\n\n"


def test_the_cap_on_an_event_is_the_codecs() -> None:
    codec = OpenAICodec(max_event=50).stream(REQUEST)
    with pytest.raises(WireError, match="larger than 50 bytes"):
        codec.feed(event('{"content":"a"}').encode())


def test_a_tool_name_in_pieces_is_one_text() -> None:
    names = [{"tool_calls": [{"index": 0, "function": {"name": name}}]} for name in ("forb", "idden text")]
    chunks = read([event(json.dumps(name)).encode() for name in names])
    assert texts(chunks) == {"/choices/0/message/tool_calls/0/function/name": "forbidden text"}


def test_text_in_place_of_choices_is_read() -> None:
    raw = b'data: {"id":"c-1","choices":[],"output_text":"forbidden","usage":{"a":"b"}}\n\n'
    (chunk,) = read([raw])
    assert [(delta.path, delta.text) for delta in chunk.deltas] == [("/output_text", "forbidden")]
    assert stream().rewrite(chunk, ["x"]) == raw.replace(b"forbidden", b"x")


def test_lines_of_known_fields_pass() -> None:
    raw = b': note\nevent: message\nid: 1\nretry: 5\ndata: {"choices":[]}\n\n'
    (chunk,) = read([raw])
    assert (chunk.raw, chunk.deltas) == (raw, ())
