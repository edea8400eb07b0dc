"""Whether TensorRT can build a graph, as far as the graph itself tells: no TensorRT is needed.

The rules are those of TensorRT 10 and 11 (developer guide: ONNX operator support, working with
quantized types, dynamic shapes).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

MAX_OPSET = 20

OPERATORS = frozenset(
    (
        *("Add", "AveragePool", "Cast", "Clip", "Concat", "Conv"),
        *("DepthToSpace", "DequantizeLinear", "Div", "Gather", "Identity", "InstanceNormalization"),
        *("MatMul", "Mul", "Pad", "Pow", "QuantizeLinear", "Relu"),
        *("Reshape", "Resize", "Round", "Shape", "Sigmoid", "Slice"),
        *("Softmax", "Split", "Sqrt", "Squeeze", "Sub", "Tanh"),
        *("Transpose", "Unsqueeze"),
    )
)
"""The operators of stylenet's nets and of their pre- and post-processing."""


def violations(proto: onnx.ModelProto) -> list[str]:
    """What TensorRT would refuse or build wrongly, a line each; none if the graph conforms."""
    graph = _Graph(proto)
    return [*_opset(proto), *_operators(proto), *_free_sizes(proto), *graph.found()]


def _opset(proto: onnx.ModelProto) -> Iterator[str]:
    for entry in proto.opset_import:
        if entry.domain:
            yield f"operators of {entry.domain} are not ONNX's"
        elif entry.version > MAX_OPSET:
            yield f"opset {entry.version} is newer than {MAX_OPSET}"


def _operators(proto: onnx.ModelProto) -> Iterator[str]:
    for kind in sorted({node.op_type for node in proto.graph.node} - OPERATORS):
        yield f"operator {kind} is not known to be supported"


def _free_sizes(proto: onnx.ModelProto) -> Iterator[str]:
    for value in (*proto.graph.input, *proto.graph.output):
        sizes = value.type.tensor_type.shape.dim
        if sum(bool(size.dim_param) for size in sizes) != 3:
            yield f"{value.name} does not leave batch, height and width free"


class _Graph:
    """Rules on single nodes, which look at constants and at the nodes around."""

    def __init__(self, proto: onnx.ModelProto) -> None:
        self.nodes = list(proto.graph.node)
        self.constants = {value.name: value for value in proto.graph.initializer}
        self.makers = {name: node for node in self.nodes for name in node.output}
        self.inputs = {value.name: value.type.tensor_type for value in proto.graph.input}
        self.outputs = {value.name: value.type.tensor_type for value in proto.graph.output}

    def found(self) -> Iterator[str]:
        rules = {
            "QuantizeLinear": self._quantiser,
            "DequantizeLinear": self._quantiser,
            "InstanceNormalization": self._norm,
            "Pad": self._pad,
        }
        for node in self.nodes:
            if node.op_type in rules:
                yield from (f"{node.name}: {what}" for what in rules[node.op_type](node))
        yield from self._bytes()

    def _quantiser(self, node: onnx.NodeProto) -> Iterator[str]:
        if len(node.input) < 3 or node.input[2] not in self.constants:
            yield "has no constant zero point"
            return
        zero = self._constant(node.input[2])
        if zero.any():
            yield f"zero point {zero.flat[0]} is not 0"
        if zero.dtype != np.int8:
            yield f"quantises to {zero.dtype}, not to int8"
        if node.input[1] not in self.constants:
            yield "has no constant scale"
            return
        scales = self._constant(node.input[1]).size
        if self._is_weight(node.input[0]):
            axis = next((a.i for a in node.attribute if a.name == "axis"), 1)
            if scales == 1 or axis != 0:
                yield "weights need a scale for each output channel, on axis 0"
        elif scales != 1:
            yield "activations need a single scale"

    def _norm(self, node: onnx.NodeProto) -> Iterator[str]:
        for name, what in zip(node.input[1:], ("scale", "bias"), strict=True):
            if name not in self.constants:
                yield f"{what} is not an initializer"
            elif self.constants[name].data_type != onnx.TensorProto.FLOAT:
                yield f"{what} is not float32: its variance needs the range"

    def _pad(self, node: onnx.NodeProto) -> Iterator[str]:
        if len(node.input) < 2 or node.input[1] not in self.constants:
            yield "pads are not an initializer"

    def _bytes(self) -> Iterator[str]:
        """TensorRT takes uint8 only at the graph's ends, next to a Cast."""
        uint8 = onnx.TensorProto.UINT8
        for node in self.nodes:
            for name in node.input:
                given = name in self.inputs and self.inputs[name].elem_type == uint8
                if given and node.op_type not in ("Cast", "Shape"):
                    yield f"{name} is uint8 and goes to {node.op_type} without a Cast"
        for name, kind in self.outputs.items():
            if kind.elem_type == uint8 and self.makers[name].op_type != "Cast":
                yield f"{name} is uint8 and does not come from a Cast"

    def _is_weight(self, name: str) -> bool:
        """Whether a value is a constant, or a constant just quantised."""
        maker = self.makers.get(name)
        if maker is not None and maker.op_type == "QuantizeLinear":
            name = maker.input[0]
        return name in self.constants

    def _constant(self, name: str) -> Any:
        return numpy_helper.to_array(self.constants[name])
