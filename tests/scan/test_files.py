"""Rows in from every kind of file, good and damaged; findings out, cut off anywhere and taken up again."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safety.errors import ConfigError
from safety.scan import files
from safety.scan.files import Output, Row, Source, fingerprint


def rows(path: Path, content: bytes) -> list[Row]:
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return list(Source(path))


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.jsonl.gz"])
def test_json_lines(tmp_path: Path, name: str) -> None:
    content = b'\xef\xbb\xbf{"a": 1}\r\n\n  \n{"a": "\xc3\xa4"}'
    assert rows(tmp_path / name, content) == [Row(1, {"a": 1}), Row(4, {"a": "ä"})]


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"{broken", "not JSON"),
        (b"[1]", "list: a row must be an object"),
        (b"null", "NoneType: a row must be an object"),
        (b'{"a": "\xff"}', "byte 7: not UTF-8"),
        (b"[" * 100_000, "not JSON: nested too deeply"),
        (b'"' + b"x" * files.MAX_ROW + b'"', "longer than 16777216 bytes"),
    ],
)
def test_bad_json_lines_are_rows_with_a_reason(tmp_path: Path, line: bytes, error: str) -> None:
    first, bad, last = rows(tmp_path / "a.jsonl", b'{"a": 1}\n' + line + b'\n{"a": 2}\n')
    assert (first, last) == (Row(1, {"a": 1}), Row(3, {"a": 2}))
    assert (bad.number, bad.value) == (2, None)
    assert error in bad.error


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_csv(tmp_path: Path, name: str) -> None:
    content = '\ufeffid,text\n1,"two\nlines"\n\n2,"a, ""b"" ä"\n'.encode()
    found = rows(tmp_path / name, content)
    assert found == [
        Row(2, {"id": "1", "text": "two\nlines"}, encoded=True),
        Row(5, {"id": "2", "text": 'a, "b" ä'}, encoded=True),
    ]


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"1", "1 fields: the header has 2"),
        (b"1,2,3", "3 fields: the header has 2"),
        (b'1,"a"b', "not CSV"),
        (b"1,\xff", "not UTF-8"),
        (b"1," + b"x" * (files.MAX_ROW + 1), "not CSV: field larger"),
    ],
)
def test_bad_csv_rows(tmp_path: Path, line: bytes, error: str) -> None:
    bad, last = rows(tmp_path / "a.csv", b"id,text\n" + line + b"\n2,fine\n")
    assert last == Row(3, {"id": "2", "text": "fine"}, encoded=True)
    assert (bad.number, bad.value) == (2, None)
    assert error in bad.error


def test_a_quote_that_is_never_closed_is_reported(tmp_path: Path) -> None:
    (bad,) = rows(tmp_path / "a.csv", b'id,text\n1,"open\n2,lost\n')
    assert (bad.number, bad.error) == (2, "not CSV: unexpected end of data")


def test_a_column_that_stands_twice_would_be_lost(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="column 'text' stands twice"):
        rows(tmp_path / "a.csv", b"text,text\na,b\n")


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = pa.table({"text": ["a", None] * 100, "docs": [["x"], []] * 100, "unread": [1, 2] * 100})
    pq.write_table(table, path)
    source = Source(path, frozenset({"text", "docs"}))
    found = list(source)
    assert found[0] == Row(1, {"text": "a", "docs": ["x"]})
    assert found[199] == Row(200, {"text": None, "docs": []})
    assert (source.position, source.total) == (200, 200)


def test_damaged_files_stop_the_scan_and_say_where(tmp_path: Path) -> None:
    whole = gzip.compress(b'{"a": 1}\n' * 10_000)
    cut = tmp_path / "cut.jsonl.gz"
    cut.write_bytes(whole[:-20])
    with pytest.raises(ConfigError, match=r"cut.jsonl.gz: unreadable after row \d+"):
        list(Source(cut))
    for name in ("no.jsonl.gz", "no.parquet"):
        (tmp_path / name).write_bytes(b"not that at all")
        with pytest.raises(ConfigError, match=f"{name}: unreadable after row 0"):
            list(Source(tmp_path / name))
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(ConfigError, match=r"unknown kind of file: \.jsonl"):
        Source(tmp_path / "a.txt")


def test_position_grows_to_the_total(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1}\n' * 10)
    source = Source(path)
    assert source.position == 0
    list(source)
    assert source.position == source.total == 90


def test_a_fingerprint_tells_files_apart(tmp_path: Path) -> None:
    texts = ("a", "b", "aa", "a" * (3 << 20), "a" * (3 << 20) + "b", "b" + "a" * (3 << 20))
    for number, text in enumerate(texts):
        (tmp_path / str(number)).write_text(text)
    assert len({fingerprint(tmp_path / str(number)) for number in range(len(texts))}) == len(texts)


# --- findings out -----------------------------------------------------------------------------------------


def written(path: Path, batches: list[list[str]], **options: Any) -> Output:
    """An output to which ``batches`` were written, each ending with its number as its row."""
    output = Output(path, {"policy": "p"}, **options)
    for number, batch in enumerate(batches[output.state.row :], output.state.row + 1):
        for line in batch:
            output.write(line)
        output.commit(number, {"rows": number})
    output.close()
    return output


BATCHES = st.lists(st.lists(st.text("ab\u00e4\ud800", max_size=5), max_size=3), max_size=6)


@settings(max_examples=60)
@given(BATCHES, st.data())
def test_an_interrupted_output_ends_up_the_same(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[str]], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("output")
    written(folder / "whole", batches)
    done = data.draw(st.integers(0, len(batches)))
    output = written(folder / "cut", batches[:done])
    # The crash comes while the next batch is being written: some bytes are there that do not count.
    with (folder / "cut").open("ab") as file:
        file.write(data.draw(st.binary(max_size=9)))
    assert output.state.row == done
    again = written(folder / "cut", batches)
    assert (folder / "cut").read_bytes() == (folder / "whole").read_bytes()
    assert again.state.summary == ({"rows": len(batches)} if batches else None)


def test_another_policy_or_input_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "out"
    written(path, [["a"]])
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="begun with another input, policy: use --restart"):
        Output(path, {"policy": "q", "input": "i"})
    assert path.read_bytes() == before
    Output(path, {"policy": "q"}, restart=True).close()
    assert path.read_bytes() == b""


def test_a_file_that_is_no_scans_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text("precious")
    with pytest.raises(ConfigError, match=r"exists, and there is no out\.state"):
        Output(path, {})
    assert path.read_text() == "precious"


def test_a_damaged_state_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "out"
    written(path, [["a"]])
    path.write_bytes(b"")
    with pytest.raises(ConfigError, match="shorter than its state says"):
        Output(path, {"policy": "p"})
    for broken in ("{", "[]", '{"x": 1}', json.dumps({"settings": {}, "row": 1, "y": 2})):
        (tmp_path / "out.state").write_text(broken)
        with pytest.raises(ConfigError, match="not the state of a scan"):
            Output(path, {"policy": "p"})
