"""From a trained network to the files that ship: two ONNX graphs, the second of which takes up where the
first ended; weights in 7 or 8 bits, in onnxruntime's own fused operations.

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

_SHAPES = {
    **dict.fromkeys(("input_ids", "attention_mask", "token_type_ids"), ("texts", "tokens")),
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
        model = helper.make_model(
            graph.made(early),
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
        last = self._table(np.array([-1], np.int64))
        mask = self._add("Unsqueeze", self._add("Cast", "attention_mask", to=TensorProto.FLOAT), last)
        summed = self._add("ReduceSum", self._add("Mul", states, mask), self._axis(), keepdims=0)
        mean = self._add("Div", summed, self._add("ReduceSum", mask, self._axis(), keepdims=0))
        away = self._add(
            "Mul", self._add("Sub", self._table(np.float32(1)), mask), self._table(np.float32(1e4))
        )
        most = self._add("ReduceMax", self._add("Sub", states, away), axes=[1], keepdims=0)
        return self._add("Concat", mean, most, axis=1)

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
        self._tables.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name


class _Lower(_Graph):
    """From tokens to the states after the first layers, and what those say."""

    def made(self, early: int) -> onnx.GraphProto:
        """The whole graph."""
        states = self._embedded()
        for number in range(early):
            states = self._layer(states, number, "states" if number == early - 1 else "")
        inner = self._add("Gelu", self._dense(self._pooled(states), "early.0"), domain=FUSED)
        self._dense(inner, "early.2", "logits")
        names = ("input_ids", "attention_mask", "token_type_ids")
        return self._graph(dict.fromkeys(names, TensorProto.INT64), ("logits", "states"))

    def _embedded(self) -> str:
        words = self._words()
        length = self._add("Shape", "input_ids", start=1, end=2)
        positions = self._weight("encoder.embeddings.position_embeddings.weight")
        first = [self._table(np.array([0], np.int64)) for _ in range(2)]
        places = self._add("Slice", positions, first[0], length, first[1])
        types = self._weight("encoder.embeddings.token_type_embeddings.weight")
        kinds = self._add("Gather", types, "token_type_ids")
        summed = self._add("Add", self._add("Add", words, kinds), places)
        return self._normalised(summed, "encoder.embeddings.LayerNorm")

    def _words(self) -> str:
        table = self._state["encoder.embeddings.word_embeddings.weight"]
        if not self._quantised:
            return self._add("Gather", self._table(table), "input_ids")
        scales = np.maximum(np.abs(table).max(1, keepdims=True) / 127, 1e-8).astype(np.float32)
        small = np.rint(table / scales).astype(np.int8)
        rows = self._add("Cast", self._add("Gather", self._table(small), "input_ids"), to=TensorProto.FLOAT)
        return self._add("Mul", rows, self._add("Gather", self._table(scales), "input_ids"))


class _Upper(_Graph):
    """From those states to the logits."""

    def made(self, early: int) -> onnx.GraphProto:
        """The whole graph."""
        states = "states"
        layers = 1 + max(
            int(name.split(".")[3]) for name in self._state if name.startswith("encoder.encoder.layer.")
        )
        for number in range(early, layers):
            states = self._layer(states, number)
        self._dense(self._pooled(states), "heads", "logits")
        return self._graph({"states": TensorProto.FLOAT, "attention_mask": TensorProto.INT64}, ("logits",))
