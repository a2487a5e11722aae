"""The encoder's graph against the same sums in numpy: 64 bits, one operation after the other."""

from __future__ import annotations

import math
import sys
import threading
import time

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shipped_like import ATTENTION, EARLY, LAYERS, OUTPUTS, WORDS, graphs, state

from safety.detectors.model import Role
from safety.errors import ConfigError
from safety.models.encoder import BUDGETS, CLS, SEP, Encoder, Window
from safety.models.heads import HEADS
from safety.training.export import BITS, EPSILON, OPSET

STATE = state()
# Float32 and float64 may round an activation to neighbouring steps of the 255; it moves a logit by this much.
ONE_STEP = 0.03
IDS = st.lists(st.integers(0, len(WORDS) - 1), max_size=40)
ROLES = st.sampled_from(Role)


class Plain:
    """The network of ``training.network``, without a library for networks. Weights as they are."""

    def logits(self, ids: list[int], role: Role) -> np.ndarray:
        return self.dense(self.pooled(self.states(ids, role, LAYERS)), "heads")

    def early(self, ids: list[int], role: Role) -> np.ndarray:
        inner = self.dense(self.pooled(self.states(ids, role, EARLY)), "early.0")
        return self.dense(gelu(inner), "early.2")

    def states(self, ids: list[int], role: Role, layers: int) -> np.ndarray:
        states = self.embedded([CLS, *ids, SEP], role)
        for number in range(layers):
            states = self.layer(states, f"encoder.encoder.layer.{number}.")
        return states

    def pooled(self, states: np.ndarray) -> np.ndarray:
        return np.concatenate((states.mean(0), states.max(0)))

    def dense(self, values: np.ndarray, name: str) -> np.ndarray:
        return values @ self.weight(f"{name}.weight").T + self.weight(f"{name}.bias")

    def embedded(self, ids: list[int], role: Role) -> np.ndarray:
        own = "encoder.embeddings."
        words = self.words(self.weight(f"{own}word_embeddings.weight"))[ids]
        places = self.weight(f"{own}position_embeddings.weight")[: len(ids)]
        kind = self.weight(f"{own}token_type_embeddings.weight")[role]
        return self.normalised(words + places + kind, f"{own}LayerNorm")

    def layer(self, states: np.ndarray, own: str) -> np.ndarray:
        query, key, value = (
            np.stack(np.split(self.linear(states, f"{own}attention.self.{part}"), ATTENTION, axis=1))
            for part in ("query", "key", "value")
        )
        looks = np.exp(query @ key.swapaxes(1, 2) / math.sqrt(query.shape[2]))
        seen = np.concatenate(looks / looks.sum(2, keepdims=True) @ value, axis=1)
        joined = self.linear(seen, f"{own}attention.output.dense") + states
        states = self.normalised(joined, f"{own}attention.output.LayerNorm")
        inner = self.linear(states, f"{own}intermediate.dense")
        return self.normalised(
            self.linear(gelu(inner), f"{own}output.dense") + states, f"{own}output.LayerNorm"
        )

    def normalised(self, states: np.ndarray, name: str) -> np.ndarray:
        spread = np.sqrt(states.var(1, keepdims=True) + EPSILON)
        even = (states - states.mean(1, keepdims=True)) / spread
        return even * self.weight(f"{name}.weight") + self.weight(f"{name}.bias")

    def weight(self, name: str) -> np.ndarray:
        return STATE[name].astype(np.float64)

    def words(self, table: np.ndarray) -> np.ndarray:
        return table

    def linear(self, states: np.ndarray, name: str) -> np.ndarray:
        return states @ self.weight(f"{name}.weight").T + self.weight(f"{name}.bias")


def gelu(values: np.ndarray) -> np.ndarray:
    return values * (1 + np.vectorize(math.erf)(values / math.sqrt(2))) / 2


class Quantised(Plain):
    """The same in steps: weights per output in 7 bits, activations in 8 as they come (ONNX's
    DynamicQuantizeLinear), word embeddings per word in 8."""

    def words(self, table: np.ndarray) -> np.ndarray:
        return in_steps(table, 127)

    def linear(self, states: np.ndarray, name: str) -> np.ndarray:
        low, high = min(states.min(), 0), max(states.max(), 0)
        step = (high - low) / 255
        zero = np.rint(-low / step)
        states = (np.clip(np.rint(states / step) + zero, 0, 255) - zero) * step
        weight = in_steps(self.weight(f"{name}.weight"), 2 ** (BITS - 1) - 1)
        return states @ weight.T + self.weight(f"{name}.bias")


def in_steps(table: np.ndarray, top: int) -> np.ndarray:
    """Each row in ``top`` equal steps up and as many down."""
    steps = np.abs(table).max(1, keepdims=True) / top
    return np.rint(table / steps) * steps


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """The graphs as they ship."""
    return graphs(tmp_path_factory.mktemp("quantised"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """The graphs with weights as they are."""
    return graphs(tmp_path_factory.mktemp("whole"), quantised=False)


@pytest.fixture(scope="module")
def encoder(graph: tuple[bytes, bytes]) -> Encoder:
    return Encoder(*graph, "encoder.onnx", threads=1)


@pytest.fixture(scope="module")
def unquantised(whole: tuple[bytes, bytes]) -> Encoder:
    return Encoder(*whole, "encoder.onnx", threads=1)


def window(ids: list[int], role: Role) -> Window:
    return Window(np.array(ids, np.int32), role)


def off(encoder: Encoder, network: Plain, ids: list[int], role: Role) -> float:
    """How far apart the two are at most."""
    (begun,) = encoder.begin([window(ids, role)])
    (row,) = encoder.finish([begun])
    assert (begun.logits.shape, row.shape) == ((len(HEADS),), (OUTPUTS,))
    early = np.abs(begun.logits - network.early(ids, role)).max()
    return max(float(early), float(np.abs(row - network.logits(ids, role)).max()))


# ---- what the graph says


@given(ids=IDS, role=ROLES)
@settings(deadline=None)
def test_the_graph_is_the_network(unquantised: Encoder, ids: list[int], role: Role) -> None:
    assert off(unquantised, Plain(), ids, role) < 1e-4


@given(ids=IDS, role=ROLES)
@settings(deadline=None)
def test_the_shipped_graph_is_the_network_in_steps(encoder: Encoder, ids: list[int], role: Role) -> None:
    assert off(encoder, Quantised(), ids, role) < 4 * ONE_STEP
    assert off(encoder, Plain(), ids, role) < 1  # the price of it, with random weights; logits spread over 10


def test_nothing_but_rounding_sets_the_shipped_graph_apart(encoder: Encoder) -> None:
    rng = np.random.default_rng(0)
    texts = [rng.integers(0, len(WORDS), rng.integers(0, 60)).tolist() for _ in range(60)]
    exact = [off(encoder, Quantised(), ids, Role(at % 2)) < 1e-4 for at, ids in enumerate(texts)]
    assert sum(exact) >= 0.8 * len(exact)


@given(IDS.filter(bool))
@settings(max_examples=20, deadline=None)
def test_role_and_order_are_heard(encoder: Encoder, ids: list[int]) -> None:
    said, read, turned = encoder.logits(
        [window(ids, Role.SAID), window(ids, Role.READ), window([*ids, 108, 109], Role.SAID)]
    )
    assert not np.array_equal(said, read)
    assert not np.array_equal(said, turned)


# ---- alone and in company


@given(st.lists(st.tuples(IDS, ROLES), max_size=8))
@settings(max_examples=40, deadline=None)
def test_company_changes_nothing(encoder: Encoder, asked: list[tuple[list[int], Role]]) -> None:
    windows = [window(*one) for one in asked]
    alone = [encoder.logits([one])[0].tolist() for one in windows]
    assert [row.tolist() for row in encoder.logits(windows)] == alone


def test_padding_changes_nothing(
    whole: tuple[bytes, bytes], unquantised: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BUDGETS, "cpu", 4096)
    together = Encoder(*whole, "encoder.onnx", threads=1)
    windows = [window(list(range(103, 103 + length)), Role(length % 2)) for length in (8, 10, 9, 11, 0)]
    for one, row in zip(windows, together.logits(windows), strict=True):
        assert row == pytest.approx(unquantised.logits([one])[0], abs=1e-4)


def test_equal_windows_have_one_key() -> None:
    keys = {window(ids, role).key for ids in ([1, 2], [1, 2], [2, 1], [1]) for role in Role}
    assert len(keys) == 6


def test_other_threads_go_on_while_it_runs(encoder: Encoder) -> None:
    """No thread is made to give way here: this one goes on only when the encoder lets go of the GIL."""
    asked = [window(list(range(103, 116)) * 20, Role.SAID)] * 50
    state: list[str] = ["before"]

    def ask() -> None:
        state.append("during")
        encoder.logits(asked)
        state.append("after")

    thread = threading.Thread(target=ask)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(100)
    try:
        thread.start()
        went_on = 0
        while state[-1] != "after":
            went_on += state[-1] == "during"
            time.sleep(0)
    finally:
        sys.setswitchinterval(interval)
        thread.join()
    assert went_on


# ---- what is refused


def test_a_graph_with_other_inputs_is_refused(graph: tuple[bytes, bytes]) -> None:
    value = onnx.helper.make_tensor_value_info
    given, made = (value(name, onnx.TensorProto.FLOAT, [1]) for name in ("pixels", "logits"))
    node = onnx.helper.make_node("Identity", ["pixels"], ["logits"])
    other = onnx.helper.make_graph([node], "other", [given], [made])
    opset = onnx.helper.make_opsetid("", OPSET)
    model = onnx.helper.make_model(other, opset_imports=[opset], ir_version=9).SerializeToString()
    with pytest.raises(ConfigError, match=r"a/e\.onnx: not the shipped encoder: its inputs are pixels"):
        Encoder(model, graph[1], "a/e.onnx")
    with pytest.raises(
        ConfigError, match=r"a/e\.onnx: not the shipped encoder: its inputs are attention_mask"
    ):
        Encoder(graph[0], graph[0], "a/e.onnx")


def test_what_is_no_graph_is_refused(graph: tuple[bytes, bytes]) -> None:
    lower, upper = graph
    for graphs_given in ((lower[:-100], upper), (lower, upper[:-100])):
        with pytest.raises(ConfigError, match=r"encoder\.onnx: onnxruntime .* cannot load it"):
            Encoder(*graphs_given, "encoder.onnx")
