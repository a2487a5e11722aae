from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safety.errors import WireError
from safety.wire import sse

STREAM = (
    "\ufeff: keep-alive\n\n"
    'event: delta\r\nid: 7\r\ndata: {"text": "né €\U0001f600"}\r\n\r\n'
    "data: one\rdata:two\rdata\r\r"
    "\n"
    "retry: 1500\ndata: last\nunknown: x\n\n"
    "data: [DONE]\n\n"
).encode()

PIECES = st.sampled_from(
    [
        b"\n",
        b"\r",
        b"\r\n",
        b"data",
        b":",
        b" ",
        b"data: x",
        b"event: e",
        b"id: 1\0",
        b"\xef\xbb\xbf",
        b"\xe2\x82",
    ]
)


def read(pieces: list[bytes]) -> list[sse.Event]:
    parser = sse.Parser()
    events = [event for piece in pieces for event in parser.feed(piece)]
    rest = parser.close()
    return events if rest is None else [*events, rest]


def byte_by_byte(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def test_the_events_of_a_stream() -> None:
    events = read([STREAM])
    assert [(event.event, event.data) for event in events] == [
        ("", None),
        ("", None),
        ("delta", '{"text": "né €\U0001f600"}'.encode()),
        ("", b"one\ntwo\n"),
        ("", b"last"),
        ("", b"[DONE]"),
    ]
    assert events[2].id == "7"
    assert events[4].retry == 1500
    assert b"".join(event.raw for event in events) == STREAM


@pytest.mark.parametrize("junk", [b"", b"data: half", b"data: half\n", b"\n", b": c", b"\xff\xfe", b"\r"])
def test_whole_and_byte_by_byte_with_trailing_junk(junk: bytes) -> None:
    events = read([STREAM + junk])
    assert read(byte_by_byte(STREAM + junk)) == events
    assert b"".join(event.raw for event in events) == STREAM + junk


@settings(max_examples=300)
@given(st.lists(PIECES, max_size=30), st.randoms(use_true_random=False))
def test_any_split_gives_the_same_events(pieces: list[bytes], random: object) -> None:
    data = b"".join(pieces)
    cuts = sorted(random.randint(0, len(data)) for _ in range(4))  # type: ignore[attr-defined]
    parts = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    events = read([data])
    assert read(parts) == events == read(byte_by_byte(data))
    assert b"".join(event.raw for event in events) == data


@given(st.lists(PIECES, max_size=30))
def test_the_data_is_what_the_standard_says(pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    complete = [event for event in read([data]) if event.complete and event.data is not None]
    assert [(event.event, event.data) for event in complete] == standard(data)


def standard(stream: bytes) -> list[tuple[str, bytes]]:
    """WHATWG HTML, section 9.2.6, word for word, on the whole stream at once (``data`` undecoded)."""
    lines = stream.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    events, data, kind = [], b"", ""
    for line in lines[:-1]:
        if not line:
            if data:
                events.append((kind, data[:-1]))
            data, kind = b"", ""
        elif not line.startswith(b":"):
            name, _, value = line.partition(b":")
            value = value[1:] if value.startswith(b" ") else value
            if name == b"data":
                data += value + b"\n"
            elif name == b"event":
                kind = value.decode("utf-8", "replace")
    return events


def test_what_is_left_at_the_end_is_reported_as_incomplete() -> None:
    events = read([b"data: a\n\ndata: b\n"])
    assert [(event.data, event.complete) for event in events] == [(b"a", True), (b"b", False)]


def test_an_event_that_ends_in_a_bare_cr_is_complete() -> None:
    events = read([b"data: a\r\r"])
    assert [(event.data, event.complete) for event in events] == [(b"a", True)]


def test_lf_after_cr_belongs_to_the_same_event() -> None:
    parser = sse.Parser()
    assert parser.feed(b"data: a\r\n\r") == []
    assert [event.raw for event in parser.feed(b"\n")] == [b"data: a\r\n\r\n"]


@pytest.mark.parametrize(
    ("block", "field", "value"),
    [
        (b"id: a\0b\n\n", "id", None),
        (b"id\n\n", "id", ""),
        (b"retry: 1x\n\n", "retry", None),
        (b"retry: -1\n\n", "retry", None),
        (b"data\n\n", "data", b""),
        (b"data:  two spaces\n\n", "data", b" two spaces"),
        (b"Data: x\n\n", "data", None),
    ],
)
def test_fields(block: bytes, field: str, value: object) -> None:
    assert getattr(sse.parse(block), field) == value


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
def test_an_event_over_the_cap_is_refused_and_not_kept(size: int) -> None:
    stream = b"data: ok\n\n" + b"data: " + b"x" * 5000
    parser, events = sse.Parser(max_event=1000), []
    with pytest.raises(WireError) as caught:  # noqa: PT012 - which piece it is depends on the size
        for at in range(0, len(stream), size):
            events += parser.feed(stream[at : at + size])
        parser.close()
    assert caught.value.code == "event_too_large"
    assert [event.data for event in events] == [b"ok"]
    with pytest.raises(WireError):
        parser.feed(b"data: more\n\n")


@pytest.mark.parametrize("pieces", [[b"data: 3456\n\n"], byte_by_byte(b"data: 3456\n\n")])
def test_the_cap_is_the_same_for_any_split(pieces: list[bytes]) -> None:
    fits, small = sse.Parser(max_event=12), sse.Parser(max_event=11)
    assert [event.data for piece in pieces for event in fits.feed(piece)] == [b"3456"]
    with pytest.raises(WireError):
        _ = [small.feed(piece) for piece in pieces]


@pytest.mark.parametrize(
    ("raw", "data", "result"),
    [
        (b"data: old\n\n", b"new", b"data: new\n\n"),
        (b"data:old\r\n\r\n", b"", b"data:\r\n\r\n"),
        (b"id: 1\ndata: a\n: c\ndata:b\revent: e\n\n", b"x\ny", b"id: 1\ndata: x\n: c\ndata:y\revent: e\n\n"),
        (b"data\ndata: b\n\n", b"\nc", b"data\ndata: c\n\n"),
        (b"data\ndata: b\n\n", b"x\nc", b"data:x\ndata: c\n\n"),
        (b"\xef\xbb\xbfdata: a\ndata: b\n\n", b"c", b"\xef\xbb\xbfdata: a\ndata: c\n\n"),
    ],
)
def test_replace_data(raw: bytes, data: bytes, result: bytes) -> None:
    assert sse.replace_data(raw, data) == result


def test_replace_data_needs_as_many_lines() -> None:
    with pytest.raises(ValueError, match="2 data lines for an event of 1"):
        sse.replace_data(b"data: a\n\n", b"x\ny")


@given(st.lists(PIECES, max_size=12))
def test_replacing_data_by_itself_changes_nothing(pieces: list[bytes]) -> None:
    for event in read([b"data: x\n" + b"".join(pieces)]):
        if event.data is not None:
            assert sse.replace_data(event.raw, event.data) == event.raw


@pytest.mark.parametrize(
    ("block", "other"),
    [
        (b": c\nevent: e\nid: 1\nretry: 1\ndata: d\ndata\n\n", False),
        (b"\n", False),
        (b"Data: d\n\n", True),
        (b" data: d\n\n", True),
        (b'data: d\r\n{"a": 1}\r\n\r\n', True),
        (b"bare\n\n", True),
    ],
)
def test_a_line_of_no_known_field_is_told(block: bytes, other: bool) -> None:
    assert sse.parse(block).other is other
