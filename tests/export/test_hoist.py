"""Values are quantised before they are moved, and are the same as after."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from stylenet.export.hoist import hoisted

MOVED = [
    helper.make_node("Concat", ["photo", "photo"], ["both"], axis=1),
    helper.make_node("Slice", ["both", "start", "end", "axes"], ["part"]),
    helper.make_node("Pad", ["part", "pads"], ["mirrored"], mode="reflect"),
    helper.make_node("QuantizeLinear", ["mirrored", "scale", "zero"], ["bytes"], name="q"),
    helper.make_node("DequantizeLinear", ["bytes", "scale", "zero"], ["result"]),
]
CONSTANTS = {
    "start": np.array([1, 0], np.int64),
    "end": np.array([6, 9], np.int64),
    "axes": np.array([2, 3], np.int64),
    "pads": np.array([0, 0, 2, 2, 0, 0, 1, 3], np.int64),
    "scale": np.array(0.011, np.float32),
    "zero": np.array(90, np.uint8),
}


def graph(*results: str) -> onnx.ModelProto:
    floats = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * 4) for name in results
    ]
    photo = helper.make_tensor_value_info("photo", TensorProto.FLOAT, [1, 3, 7, 9])
    constants = [numpy_helper.from_array(value, name) for name, value in CONSTANTS.items()]
    made = helper.make_graph(MOVED, "moved", [photo], floats, constants)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def results(proto: onnx.ModelProto) -> list[np.ndarray]:
    onnx.checker.check_model(proto, full_check=True)
    photo = np.random.default_rng(0).normal(0, 1, (1, 3, 7, 9)).astype(np.float32)
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    return [np.asarray(found) for found in session.run(None, {"photo": photo})]


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (("result",), [*["QuantizeLinear"] * 2, "Concat", "Slice", "Pad", "DequantizeLinear"]),
        (("result", "mirrored"), [node.op_type for node in MOVED]),
    ],
)
def test_bytes_are_moved_where_none_reads_the_floats(read: tuple[str, ...], expected: list[str]):
    before, after = graph(*read), graph(*read)
    hoisted(after)
    assert [node.op_type for node in after.graph.node] == expected
    for one, other in zip(results(before), results(after), strict=True):
        np.testing.assert_array_equal(one, other)
