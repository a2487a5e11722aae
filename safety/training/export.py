"""From a trained network to the files that ship: for the guard two ONNX graphs, the second of which takes up
where the first ended; for the verifier one. Weights in 7 or 8 bits, in onnxruntime's own fused operations.

The graphs are written operation by operation rather than traced, so that what runs is what is meant, and no
version of an exporter or an optimiser decides about speed. Matrices are quantised per output column, word
embeddings per word; activations are quantised as they come. 7 bits for matrices: without VNNI two products
of 8 bits overflow the 16-bit sums of x86 processors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
FUSED = "com.microsoft"
EPSILON = 1e-12  # of BERT's layer normalisation
BITS = 7

Array = NDArray[Any]

TOKENS = ("input_ids", "attention_mask", "token_type_ids")
_SHAPES = {
    **dict.fromkeys((*TOKENS, "words"), ("texts", "tokens")),
    "states": ("texts", "tokens", "width"),
    "logits": ("texts", "outputs"),
}


def export(
    state: Mapping[str, Array], lower: Path, upper: Path, *, heads: int, early: int, quantised: bool = True
) -> None:
    """Write the graphs of a ``Network`` with these weights (its ``state_dict`` as arrays).

    ``lower``: inputs ``input_ids``, ``attention_mask``, ``token_type_ids``, int64, (texts, tokens); outputs
    ``logits``, float32, (texts, heads), as the ``early`` first layers give them, and ``states``, float32,
    (texts, tokens, width). ``upper``: inputs ``states`` and ``attention_mask``; output ``logits``, float32,
    (texts, outputs). ``heads``: attention heads per layer.
    """
    for path, graph in ((lower, _Lower(state, heads, quantised)), (upper, _Upper(state, heads, quantised))):
        _write(graph.made(early), path)


def export_pairs(
    state: Mapping[str, Array], path: Path, *, heads: int, window: int, quantised: bool = True
) -> None:
    """Write the graph of a ``PairNetwork`` with these weights, for up to ``window`` tokens.

    Inputs ``input_ids``, ``attention_mask``, ``token_type_ids``, int64, (pairs, tokens); outputs ``logits``,
    float32, (pairs, 2), and ``words``, float32, (pairs, tokens).
    """
    _write(_Pairs(state, heads, quantised).made(window), path)


def _write(graph: onnx.GraphProto, path: Path) -> None:
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(FUSED, 1)],
        ir_version=9,
        producer_name="safety.training.export",
    )
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString(deterministic=True))


class _Graph:
    """The nodes as they are added; every method returns the name of what its node gives."""

    def __init__(self, state: Mapping[str, Array], heads: int, quantised: bool) -> None:
        self._state, self._heads, self._quantised = state, heads, quantised
        self._nodes: list[onnx.NodeProto] = []
        self._tables: list[onnx.TensorProto] = []

    def _graph(self, inputs: Mapping[str, int], outputs: Sequence[str]) -> onnx.GraphProto:
        """What was added; ``inputs`` with their types."""
        given = [helper.make_tensor_value_info(n, kind, _SHAPES[n]) for n, kind in inputs.items()]
        gives = [helper.make_tensor_value_info(n, TensorProto.FLOAT, _SHAPES[n]) for n in outputs]
        return helper.make_graph(self._nodes, "encoder", given, gives, self._tables)

    # ---- parts of the network

    def _layer(self, states: str, number: int, gives: str = "") -> str:
        name = f"encoder.encoder.layer.{number}."
        query, key, value = (
            self._linear(states, f"{name}attention.self.{part}") for part in ("query", "key", "value")
        )
        attended = self._add(
            "MultiHeadAttention", query, key, value, "", self._mask(), domain=FUSED, num_heads=self._heads
        )
        states = self._joined(states, attended, f"{name}attention.output")
        inner = self._linear(states, f"{name}intermediate.dense")
        active = self._add("Gelu", inner, domain=FUSED)
        return self._joined(states, active, f"{name}output", gives)

    def _mask(self) -> str:
        return self._once("Cast", "attention_mask", to=TensorProto.INT32)

    def _joined(self, states: str, added: str, name: str, gives: str = "") -> str:
        dense = self._linear(added, f"{name}.dense")
        norm = [self._weight(f"{name}.LayerNorm.{part}") for part in ("weight", "bias")]
        return self._add(
            "SkipLayerNormalization", dense, states, *norm, gives=gives, domain=FUSED, epsilon=EPSILON
        )

    def _normalised(self, states: str, name: str) -> str:
        norm = [self._weight(f"{name}.{part}") for part in ("weight", "bias")]
        return self._add("LayerNormalization", states, *norm, epsilon=EPSILON, axis=-1)

    def _pooled(self, states: str) -> str:
        mask = self._add("Unsqueeze", self._add("Cast", "attention_mask", to=TensorProto.FLOAT), self._last())
        return self._add("Concat", *self._pools(states, mask), axis=1)

    def _pools(self, states: str, mask: str) -> tuple[str, str]:
        """The mean and the most of the states that ``mask`` is 1 at."""
        summed = self._add("ReduceSum", self._add("Mul", states, mask), self._axis(), keepdims=0)
        mean = self._add("Div", summed, self._add("ReduceSum", mask, self._axis(), keepdims=0))
        away = self._add(
            "Mul", self._add("Sub", self._table(np.float32(1)), mask), self._table(np.float32(1e4))
        )
        return mean, self._add("ReduceMax", self._add("Sub", states, away), axes=[1], keepdims=0)

    def _last(self) -> str:
        return self._table(np.array([-1], np.int64))

    def _dense(self, values: str, name: str, gives: str = "") -> str:
        """A linear layer in 32 bits."""
        weight, bias = self._table(self._state[f"{name}.weight"].T), self._weight(f"{name}.bias")
        return self._add("Gemm", values, weight, bias, gives=gives)

    def _axis(self) -> str:
        return self._table(np.array([1], np.int64))

    def _linear(self, states: str, name: str) -> str:
        weight, bias = self._state[f"{name}.weight"].T, self._weight(f"{name}.bias")
        if not self._quantised:
            return self._add("Add", self._add("MatMul", states, self._table(weight)), bias)
        top = 2 ** (BITS - 1) - 1
        scales = np.maximum(np.abs(weight).max(0) / top, 1e-8).astype(np.float32)
        small = np.rint(weight / scales).astype(np.int8)
        zeros = self._table(np.zeros(len(scales), np.int8))
        matrix = self._table(small), self._table(scales), zeros
        return self._add("DynamicQuantizeMatMul", states, *matrix, bias, domain=FUSED)

    def _embedded(self, places: str) -> str:
        """The states before the first layer; ``places``: the rows of the positions, one per token."""
        name = "encoder.embeddings."
        words = self._rows(f"{name}word_embeddings", "input_ids")
        kinds = self._add("Gather", self._weight(f"{name}token_type_embeddings.weight"), "token_type_ids")
        summed = self._add("Add", self._add("Add", words, kinds), places)
        return self._normalised(summed, f"{name}LayerNorm")

    def _places(self) -> str:
        """The numbers of the tokens, from 0."""
        length = self._add("Shape", "input_ids", start=1, end=2)
        numbers = [self._table(np.array(n, np.int64)) for n in (0, 1)]
        return self._add("Range", numbers[0], self._add("Squeeze", length), numbers[1])

    def _rows(self, name: str, at: str, first: int | None = None) -> str:
        """Rows of a table of embeddings (of its ``first`` ones), in 8 bits each."""
        table = self._state[f"{name}.weight"][:first]
        if not self._quantised:
            return self._add("Gather", self._table(table), at)
        scales = np.maximum(np.abs(table).max(1, keepdims=True) / 127, 1e-8).astype(np.float32)
        small = np.rint(table / scales).astype(np.int8)
        rows = self._add("Cast", self._add("Gather", self._table(small), at), to=TensorProto.FLOAT)
        return self._add("Mul", rows, self._add("Gather", self._table(scales), at))

    def _layers(self) -> int:
        names = (name for name in self._state if name.startswith("encoder.encoder.layer."))
        return 1 + max(int(name.split(".")[3]) for name in names)

    # ---- nodes and tables

    def _add(self, kind: str, *inputs: str, gives: str = "", domain: str = "", **attributes: Any) -> str:
        name = gives or f"{kind}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [name], name, domain=domain, **attributes))
        return name

    def _once(self, kind: str, given: str, **attributes: Any) -> str:
        name = f"{kind}_{given}"
        if not any(name in node.output for node in self._nodes):
            self._add(kind, given, gives=name, **attributes)
        return name

    def _weight(self, name: str) -> str:
        return self._table(self._state[name])

    def _table(self, values: Any) -> str:
        name = f"table_{len(self._tables)}"
        self._tables.append(numpy_helper.from_array(np.asarray(values, order="C"), name))
        return name


class _Lower(_Graph):
    """From tokens to the states after the first layers, and what those say."""

    def made(self, early: int) -> onnx.GraphProto:
        """The whole graph."""
        states = self._embedded(self._sliced())
        for number in range(early):
            states = self._layer(states, number, "states" if number == early - 1 else "")
        inner = self._add("Gelu", self._dense(self._pooled(states), "early.0"), domain=FUSED)
        self._dense(inner, "early.2", "logits")
        return self._graph(dict.fromkeys(TOKENS, TensorProto.INT64), ("logits", "states"))

    def _sliced(self) -> str:
        positions = self._weight("encoder.embeddings.position_embeddings.weight")
        first = [self._table(np.array([0], np.int64)) for _ in range(2)]
        length = self._add("Shape", "input_ids", start=1, end=2)
        return self._add("Slice", positions, first[0], length, first[1])


class _Upper(_Graph):
    """From those states to the logits."""

    def made(self, early: int) -> onnx.GraphProto:
        """The whole graph."""
        states = "states"
        for number in range(early, self._layers()):
            states = self._layer(states, number)
        self._dense(self._pooled(states), "heads", "logits")
        return self._graph({"states": TensorProto.FLOAT, "attention_mask": TensorProto.INT64}, ("logits",))


class _Pairs(_Graph):
    """From the tokens of evidence and claim to what is thought of the claim, and of each token."""

    def made(self, window: int) -> onnx.GraphProto:
        """The whole graph."""
        states = self._embedded(self._rows("encoder.embeddings.position_embeddings", self._places(), window))
        for number in range(self._layers()):
            states = self._layer(states, number)
        claim = self._add(
            "Unsqueeze", self._add("Cast", "token_type_ids", to=TensorProto.FLOAT), self._last()
        )
        first = self._add("Gather", states, self._table(np.array(0, np.int64)), axis=1)
        pooled = self._add("Concat", first, *self._pools(states, claim), axis=1)
        self._dense(pooled, "heads", "logits")
        word = [self._table(self._state["words.weight"].T), self._weight("words.bias")]
        each = self._add("Add", self._add("MatMul", states, word[0]), word[1])
        self._add("Squeeze", each, self._last(), gives="words")
        return self._graph(dict.fromkeys(TOKENS, TensorProto.INT64), ("logits", "words"))
