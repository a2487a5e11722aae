"""The micro-second model."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shipped_like import WORDS, cheap, words_of

from safety.detectors.model import Role
from safety.errors import ConfigError
from safety.models.cheap import PAIRS, Cheap, pair_rows

FILE = cheap().to_bytes()
IDS = st.lists(st.integers(0, 30_000), min_size=1, max_size=50)


@given(IDS)
@settings(deadline=None)
def test_a_pair_has_one_row_wherever_it_stands(ids: list[int]) -> None:
    rows = pair_rows(np.array(ids, np.int32))
    assert rows.min() >= 0
    assert rows.max() < PAIRS
    again = pair_rows(np.array([7, *ids], np.int32))
    assert again[2:].tolist() == rows[1:].tolist()


def test_pairs_have_an_order() -> None:
    forth, back = (pair_rows(np.array(ids, np.int32))[1] for ids in ([5, 9], [9, 5]))
    assert forth != back


@pytest.mark.parametrize("role", list(Role))
def test_one_word_decides_wherever_it_stands(role: Role) -> None:
    model = cheap()
    for text, logit in (("egg river", -9), ("evil egg river", 9), ("egg river evil", 9)):
        assert model.logits(np.array(words_of(text), np.int32), role) == pytest.approx([logit] * 6)


@given(IDS.map(lambda ids: [number % len(WORDS) for number in ids]), st.sampled_from(Role))
@settings(deadline=None)
def test_it_is_the_two_layers_it_says_it_is(ids: list[int], role: Role) -> None:
    rng = np.random.default_rng(1)
    model = random_cheap(rng)
    pairs = [
        model.pairs[pair_rows(np.array(two, np.int32))[1]] * float(model.scales[1])
        for two in zip([0, *ids], ids, strict=False)
    ]
    states = [model.words[id] * float(model.scales[0]) + pair for id, pair in zip(ids, pairs, strict=True)]
    pooled = [float(role), *np.mean(states, 0), *np.max(states, 0)]
    hidden = np.maximum(np.dot(pooled, model.inner.astype(float)) + model.inner_bias, 0)
    expected = np.dot(hidden, model.outer.astype(float)) + model.outer_bias
    found = model.logits(np.array(ids, np.int32), role)
    assert found.dtype == np.float32
    assert found == pytest.approx(expected, abs=1e-4)


def random_cheap(rng: np.random.Generator) -> Cheap:
    shape = {name: getattr(cheap(), name).shape for name in Cheap.__slots__}
    tables = {name: rng.integers(-127, 128, shape[name]).astype(np.int8) for name in ("words", "pairs")}
    rest = {name: rng.normal(0, 1, shape[name]).astype(np.float32) for name in shape if name not in tables}
    return Cheap(**tables, **{**rest, "scales": np.array([0.01, 0.02], np.float32)})


def test_the_role_is_heard() -> None:
    model = cheap()
    model.inner[0, 1] = 1
    model.outer[1] = 4
    ids = np.array(words_of("egg"), np.int32)
    assert model.logits(ids, Role.READ) == pytest.approx(model.logits(ids, Role.SAID) + 4)


def test_nothing_said_is_nothing_to_fear() -> None:
    assert (cheap().logits(np.array([], np.int32), Role.SAID) < -9).all()


def test_it_comes_back_as_it_was() -> None:
    model = cheap()
    again = Cheap.from_bytes(model.to_bytes(), "cheap.npz")
    for name in Cheap.__slots__:
        assert np.array_equal(getattr(again, name), getattr(model, name))
    assert again.words.shape[0] == len(WORDS)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", FILE[:-30], FILE[100:]])
def test_what_is_no_model_is_refused(data: bytes) -> None:
    with pytest.raises(ConfigError, match=r"cheap\.npz: not the tables of a cheap model"):
        Cheap.from_bytes(data, "cheap.npz")


@given(st.data())
@settings(deadline=None)
def test_a_flipped_bit_is_survived_or_refused(data: st.DataObject) -> None:
    file = bytearray(FILE)
    file[data.draw(st.integers(0, len(file) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with suppress(ConfigError):
        again = Cheap.from_bytes(bytes(file), "cheap.npz")
        assert np.array_equal(again.words, cheap().words)  # it was a bit that says nothing
