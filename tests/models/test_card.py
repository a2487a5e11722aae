"""The card of a shipped model: it comes back as it was, and what is damaged is named."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from shipped_like import folder

from safety.errors import ConfigError
from safety.models.card import (
    CARD,
    CHEAP,
    LOWER,
    STEPS,
    TOKENIZER,
    UPPER,
    Card,
    Exit,
    Scale,
    file_of,
    read_card,
    scored,
)
from safety.models.cascade import Cascade
from safety.models.heads import HEADS

LOGITS = st.floats(-50, 50)
SCALES = st.builds(Scale, LOGITS, st.floats(0.01, 10))
EXITS = st.builds(Exit, st.none() | LOGITS, st.none() | LOGITS)


def by_head(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(HEADS), values)


CARDS = st.builds(
    Card,
    name=st.text(),
    version=st.text(),
    heads=st.permutations(HEADS).map(tuple),
    window=st.integers(20, 510),
    overlap=st.integers(0, 19),
    scales=by_head(SCALES),
    exits=st.dictionaries(st.sampled_from(STEPS), by_head(EXITS)),
    files=st.dictionaries(st.text(), st.text()),
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder(tmp_path_factory.mktemp("model"))


@given(CARDS)
@settings(deadline=None)
def test_it_comes_back_as_it_was(card: Card) -> None:
    assert Card.from_json(card.to_json()) == card


# ---- scores and exits


@given(SCALES, LOGITS, LOGITS)
@settings(deadline=None)
def test_a_louder_logit_never_scores_less(scale: Scale, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert 0 < scored(low, scale) <= scored(high, scale) <= 1


@given(SCALES, LOGITS)
@settings(deadline=None)
def test_above_half_is_above_the_threshold(scale: Scale, logit: float) -> None:
    assume(abs(logit - scale.threshold) > 1e-9)
    assert (scored(logit, scale) > 0.5) == (logit > scale.threshold)


@given(SCALES)
@settings(deadline=None)
def test_half_is_the_threshold(scale: Scale) -> None:
    assert scored(scale.threshold, scale) == 0.5


@given(LOGITS, LOGITS, LOGITS)
@settings(deadline=None)
def test_sure_is_beyond_a_bound_and_not_on_it(low: float, high: float, logit: float) -> None:
    assume(low <= high)
    assert Exit(low, high).sure(logit) == (not low <= logit <= high)
    assert not Exit(low, high).sure(low)
    assert not Exit(low, high).sure(high)
    assert not Exit().sure(logit)


# ---- damage


@pytest.mark.parametrize("name", [LOWER, UPPER, TOKENIZER, CHEAP, CARD])
def test_an_absent_file_is_named(tmp_path: Path, name: str) -> None:
    path = folder(tmp_path) / name
    path.unlink()
    with pytest.raises(ConfigError, match="No such file") as caught:
        Cascade.load(tmp_path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", [LOWER, UPPER, TOKENIZER, CHEAP])
@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data + b" ", lambda _: b""])
def test_a_changed_file_is_named(tmp_path: Path, name: str, change: Any) -> None:
    path = folder(tmp_path) / name
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ConfigError, match=rf"{name}: damaged: its SHA-256 .* reinstall") as caught:
        Cascade.load(tmp_path)
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_on_the_card_is_damaged(made: Path) -> None:
    card = replace(read_card(made), files={})
    with pytest.raises(ConfigError, match=r"cheap\.npz: damaged"):
        file_of(made, CHEAP, card.files)


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[]", b"{}", b"7", b'"heads"', b"null", b"\xff\xfe", b"PK\x03\x04"],
)
def test_what_is_no_card_is_named(tmp_path: Path, text: bytes) -> None:
    (tmp_path / CARD).write_bytes(text)
    with pytest.raises(ConfigError, match="not a model card") as caught:
        read_card(tmp_path)
    assert str(tmp_path / CARD) in str(caught.value)


@pytest.mark.parametrize("value", [None, [], 5, "hate", {"hate": 7}, {"hate": {"loud": 1}}])
@pytest.mark.parametrize("part", ["heads", "scales", "exits", "window"])
def test_a_part_of_another_kind_is_refused(tmp_path: Path, made: Path, part: str, value: Any) -> None:
    card = {**json.loads(read_card(made).to_json()), part: value}  # the overlap is 5: no window is that short
    (tmp_path / CARD).write_text(json.dumps(card))
    with pytest.raises(ConfigError, match="not a model card"):
        read_card(tmp_path)


@pytest.mark.parametrize(
    "part", [name for name in Card.__slots__ if name not in ("scales", "exits", "files")]
)
def test_a_missing_part_is_refused(tmp_path: Path, made: Path, part: str) -> None:
    card = json.loads(read_card(made).to_json())
    del card[part]
    (tmp_path / CARD).write_text(json.dumps(card))
    with pytest.raises(ConfigError, match=part):
        read_card(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"heads": HEADS[1:]}, "heads: .*: allowed are prompt_attack, .*, each once"),
        ({"heads": (*HEADS, "hate")}, "each once"),
        ({"heads": (*HEADS[1:], "spam")}, "each once"),
        ({"exits": {"late": {}}}, "exits: 'late': allowed are cheap, early"),
        ({"overlap": 20}, "overlap: 20: allowed are 0 to 19"),
        ({"overlap": -1}, "overlap: -1: allowed are 0 to 19"),
    ],
)
def test_what_would_leave_something_unread_is_refused(made: Path, change: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(read_card(made), **change)


@pytest.mark.parametrize(("threshold", "spread"), [(0, 0), (0, -1), (float("nan"), 1), (0, float("inf"))])
def test_a_scale_that_gives_no_scores_is_refused(threshold: float, spread: float) -> None:
    with pytest.raises(ValueError, match="allowed are finite numbers, and a spread above 0"):
        Scale(threshold, spread)
