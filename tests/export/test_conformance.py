"""TensorRT's rules: our graphs keep them, and graphs that break one are named."""

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from stylenet.export.conformance import violations

Change = Callable[[onnx.ModelProto], object]


def graph() -> onnx.ModelProto:
    """bytes → Cast → Pad → Q/DQ → Conv of Q/DQ weights → InstanceNorm → Cast → bytes."""
    constants = {
        "pads": np.array([0, 0, 1, 1, 0, 0, 1, 1]),
        "scale": np.array(0.1, np.float32),
        "zero": np.array(0, np.int8),
        "weight": np.ones((3, 3, 3, 3), np.int8),
        "weight_scale": np.full(3, 0.1, np.float32),
        "weight_zero": np.zeros(3, np.int8),
        "gamma": np.ones(3, np.float32),
        "beta": np.zeros(3, np.float32),
    }
    node = helper.make_node
    nodes = [
        node("Cast", ["image"], ["x"], "in", to=TensorProto.FLOAT),
        node("Transpose", ["x"], ["nchw"], "turn", perm=[0, 3, 1, 2]),
        node("Pad", ["nchw", "pads"], ["padded"], "pad", mode="reflect"),
        node("QuantizeLinear", ["padded", "scale", "zero"], ["q"], "q"),
        node("DequantizeLinear", ["q", "scale", "zero"], ["dq"], "dq"),
        node("DequantizeLinear", ["weight", "weight_scale", "weight_zero"], ["w"], "dw", axis=0),
        node("Conv", ["dq", "w"], ["c"], "conv"),
        node("InstanceNormalization", ["c", "gamma", "beta"], ["n"], "norm"),
        node("Transpose", ["n"], ["back"], "back", perm=[0, 2, 3, 1]),
        node("Cast", ["back"], ["stylized"], "out", to=TensorProto.UINT8),
    ]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.UINT8, ["N", "H", "W", 3])
        for name in ("image", "stylized")
    ]
    made = helper.make_graph(
        nodes,
        "graph",
        ends[:1],
        ends[1:],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    proto = helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)])
    onnx.checker.check_model(proto)
    return proto


def put(name: str, value: np.ndarray) -> Change:
    """Another constant under a name."""

    def change(proto: onnx.ModelProto) -> None:
        constant = next(each for each in proto.graph.initializer if each.name == name)
        constant.CopyFrom(numpy_helper.from_array(value, name))

    return change


def drop(name: str) -> Change:
    """A constant that another node, not the file, would give."""

    def change(proto: onnx.ModelProto) -> None:
        constant = next(each for each in proto.graph.initializer if each.name == name)
        proto.graph.initializer.remove(constant)

    return change


def rename(old: str, new: str) -> Change:
    """Another operator in place of one."""

    def change(proto: onnx.ModelProto) -> None:
        for node in proto.graph.node:
            if node.name == old:
                node.op_type = new

    return change


def without_zero_point(proto: onnx.ModelProto) -> None:
    next(node for node in proto.graph.node if node.name == "q").input.pop()


def fixed(proto: onnx.ModelProto) -> None:
    proto.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 512


def on_axis_1(proto: onnx.ModelProto) -> None:
    del next(node for node in proto.graph.node if node.name == "dw").attribute[:]


def newer(proto: onnx.ModelProto) -> None:
    proto.opset_import[0].version = 21


def foreign(proto: onnx.ModelProto) -> None:
    proto.opset_import.append(helper.make_opsetid("com.microsoft", 1))


def test_a_graph_that_keeps_the_rules():
    assert violations(graph()) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (newer, "opset 21 is newer than 20"),
        (foreign, "operators of com.microsoft are not ONNX's"),
        (rename("conv", "QLinearConv"), "operator QLinearConv is not known to be supported"),
        (put("zero", np.array(3, np.int8)), "q: zero point 3 is not 0"),
        (put("zero", np.array(0, np.uint8)), "q: quantises to uint8, not to int8"),
        (without_zero_point, "q: has no constant zero point"),
        (drop("zero"), "dq: has no constant zero point"),
        (put("scale", np.ones(3, np.float32)), "dq: activations need a single scale"),
        (on_axis_1, "dw: weights need a scale for each output channel, on axis 0"),
        (put("weight_scale", np.array(0.1, np.float32)), "dw: weights need a scale for each"),
        (put("weight_zero", np.zeros(3, np.int32)), "dw: quantises to int32, not to int8"),
        (drop("gamma"), "norm: scale is not an initializer"),
        (put("beta", np.zeros(3, np.float16)), "norm: bias is not float32"),
        (drop("pads"), "pad: pads are not an initializer"),
        (fixed, "image does not leave batch, height and width free"),
        (rename("in", "Transpose"), "image is uint8 and goes to Transpose without a Cast"),
        (rename("out", "Identity"), "stylized is uint8 and does not come from a Cast"),
    ],
)
def test_a_broken_rule_is_named(change: Change, said: str):
    proto = graph()
    change(proto)
    assert any(line.startswith(said) for line in violations(proto)), violations(proto)
