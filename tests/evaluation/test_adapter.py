"""Peers' nets: what their adapters say is what they are given."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from stylenet.evaluation.adapter import Adapter, PeerNet, Port, read_adapter
from stylenet.system.errors import UserError


def save(path: Path, nodes: list, shape: list, *others: str, kind: int = TensorProto.FLOAT) -> Path:
    """An ONNX net from ``image``, and scalar `others`, to ``result``."""
    ends = [helper.make_tensor_value_info(name, kind, shape) for name in ("image", "result")]
    scalars = [helper.make_tensor_value_info(name, TensorProto.FLOAT, []) for name in others]
    graph = helper.make_graph(nodes, "net", [ends[0], *scalars], [ends[1]])
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


@pytest.fixture
def identity(tmp_path: Path) -> Path:
    nodes = [helper.make_node("Identity", ["image"], ["result"])]
    return save(tmp_path / "identity.onnx", nodes, ["n", "a", "b", "c"])


@pytest.fixture
def coarse(tmp_path: Path) -> Path:
    """Halves and doubles its picture, so that odd sizes lose a pixel."""
    nodes = [
        helper.make_node("AveragePool", ["image"], ["small"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Constant", [], ["scales"], value_floats=[1.0, 1.0, 2.0, 2.0]),
        helper.make_node("Resize", ["small", "", "scales"], ["result"], mode="nearest"),
    ]
    return save(tmp_path / "coarse.onnx", nodes, ["n", "c", "h", "w"])


def test_a_port_encodes_as_it_says():
    rgb = np.array([[[255, 0, 51]]], np.uint8)
    imagenet = Port(mean=(0.5, 0.25, 0.2), std=(0.5, 0.25, 2.0))
    np.testing.assert_allclose(imagenet.encode(rgb).ravel(), [1, -1, 0], atol=1e-6)
    caffe = Port("NHWC", 255, "BGR", mean=(51, 1, 5))
    np.testing.assert_allclose(caffe.encode(rgb), [[[[0, -1, 250]]]], atol=1e-4)
    assert Port(dtype="uint8", range=255).encode(rgb).tolist() == [[[[255]], [[0]], [[51]]]]


@pytest.mark.parametrize(
    "port",
    [
        Port(),
        Port(layout="NHWC", range=255),
        Port(channels="BGR", mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4)),
        Port(range=2, mean=(1, 1, 1)),
    ],
)
def test_an_identity_between_equal_ports_changes_nothing(identity, picture, port):
    net = PeerNet(identity, Adapter(input=port, output=port))
    np.testing.assert_array_equal(net(picture), picture)


def test_other_channels_out_than_in_swap_red_and_blue(identity, picture):
    net = PeerNet(identity, Adapter(output=Port(channels="BGR")))
    np.testing.assert_array_equal(net(picture), picture[..., ::-1])


def test_results_beyond_the_range_are_clamped(identity, picture):
    net = PeerNet(identity, Adapter(input=Port(range=2)))
    np.testing.assert_array_equal(net(picture), np.minimum(2 * picture.astype(int), 255))


def test_pictures_are_padded_to_the_multiple_and_cropped(coarse, picture):
    odd = picture[:65, :51]
    with pytest.raises(UserError, match="made 64x50x3 of 65x51x3; mend"):
        PeerNet(coarse, Adapter())(odd)
    assert PeerNet(coarse, Adapter(multiple=4))(odd).shape == odd.shape


def test_the_only_size_of_a_net_is_resized_to(tmp_path, picture):
    nodes = [helper.make_node("Identity", ["image"], ["result"])]
    file = save(tmp_path / "fixed.onnx", nodes, [1, 3, 48, 64])
    assert PeerNet(file, Adapter(size=(48, 64)))(picture).shape == picture.shape
    with pytest.raises(UserError, match=r"fixed\.onnx and its adapter do not fit \(.*nvalid"):
        PeerNet(file, Adapter())(picture)


def test_other_inputs_are_constants(tmp_path, picture):
    nodes = [helper.make_node("Mul", ["image", "strength"], ["result"])]
    file = save(tmp_path / "strong.onnx", nodes, ["n", "c", "h", "w"], "strength")
    net = PeerNet(file, Adapter(constants={"strength": 0}))
    assert net(picture).max() == 0
    with pytest.raises(UserError, match="has an input strength; give it under constants"):
        PeerNet(file, Adapter())
    with pytest.raises(UserError, match="has no strange, but image strength; mend its adapter"):
        PeerNet(file, Adapter(constants={"strength": 0, "strange": 1}))


def test_a_file_says_it_all(tmp_path):
    file = tmp_path / "peer.yaml"
    file.write_text(
        "input: {name: image, layout: NHWC, range: 255, dtype: uint8}\n"
        "output: {channels: BGR, mean: [1, 2, 3]}\n"
        "multiple: 4\nsize: [224, 224]\nconstants: {weights: [1, 0]}\nstyle: wave.jpg\n"
    )
    assert read_adapter(file) == Adapter(
        input=Port("NHWC", 255, dtype="uint8", name="image"),
        output=Port(channels="BGR", mean=(1, 2, 3)),
        multiple=4,
        size=(224, 224),
        constants={"weights": [1, 0]},
        style=tmp_path / "wave.jpg",
    )


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("inputs: {}", "inputs is unknown; use input output multiple size constants style"),
        ("input: {order: RGB}", "input.order is unknown; use layout range channels mean std"),
        ("input: NCHW", "input is no mapping; its keys are layout"),
        ("- input", "it is no mapping; its keys are input"),
        ("input: {layout: CHW}", "layout: CHW is not one of NCHW NHWC"),
        ("input: {range: [0, 255]}", "range: (0, 255) is not above 0; use 1 or 255"),
        ("output: {std: [1, 0, 1]}", "mean and std need three numbers each, those of std above 0"),
        ("output: {mean: 0.5}", "mean and std need three numbers each, those of std above 0"),
        ("multiple: 0", "multiple: 0 is not 1 or more"),
        ("size: 224", "size: 224 is not [HEIGHT, WIDTH]"),
        ("constants: 1", "constants: 1 is no mapping of input names to values"),
        ("input: {", "peer.yaml is no YAML file"),
    ],
)
def test_mistakes_name_the_file_and_the_key(tmp_path, text, error):
    file = tmp_path / "peer.yaml"
    file.write_text(text)
    with pytest.raises(UserError) as caught:
        read_adapter(file)
    assert "peer.yaml" in str(caught.value)
    assert error in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"cannot open .*gone\.yaml \(No such file"):
        read_adapter(tmp_path / "gone.yaml")


@pytest.mark.parametrize(
    "node",
    [
        helper.make_node("SequenceConstruct", ["image"], ["result"]),
        helper.make_node("Squeeze", ["image"], ["result"]),
        helper.make_node("ReduceSum", ["image"], ["result"], keepdims=0),
        helper.make_node("Concat", ["image", "image"], ["result"], axis=0),
        helper.make_node("Log", ["image"], ["result"]),
        helper.make_node("Cast", ["image"], ["result"], to=TensorProto.STRING),
    ],
    ids=lambda node: node.op_type,
)
def test_what_is_no_picture_is_named(tmp_path: Path, node: onnx.NodeProto):
    shape = [1, 3, "h", "w"]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)
    result = onnx.ValueInfoProto(name="result")  # of any type
    graph = helper.make_graph([node], "net", [image], [result])
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), tmp_path / "net.onnx")
    black = np.zeros((32, 40, 3), np.uint8)
    with pytest.raises(UserError, match=r"net\.onnx gives no picture as its result; mend"):
        PeerNet(tmp_path / "net.onnx", Adapter())(black)
