"""Exported models: their contract, the proof of it, and what is said where it cannot be had."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from stylenet.export import parity
from stylenet.export.__main__ import main
from stylenet.export.conformance import violations
from stylenet.export.onnx import OPSET, to_onnx
from stylenet.models.checkpoint import TrainedModel, load_model, save_model
from stylenet.nets.apply import apply_net
from stylenet.nets.johnson import TransformerNet
from stylenet.nets.slim import SlimNet
from stylenet.nets.unet import UNet
from stylenet.runtime import Session
from stylenet.system.errors import UserError

NET = {"_target_": "stylenet.nets.johnson.TransformerNet", "width": 0.1, "blocks": 2}
CONFIG = {
    "net": NET,
    "style": {"name": "made_up"},
    "style_picture": {"sha256": "12ab", "credit": "/home/someone/mine.jpg"},
    "data": {"_target_": "some.where", "path": "/home/someone/photos"},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("run")
    save_model(folder / "model.pt", TransformerNet(width=0.1, blocks=2), CONFIG)
    return folder


@pytest.fixture(scope="module")
def exported(run: Path) -> Path:
    file = run / "model.onnx"
    main([str(run), "-o", str(file)])
    return file


def test_any_batch_and_any_size_give_the_nets_pixels(run: Path, exported: Path):
    net = load_model(run).net
    session = Session(exported)
    rng = np.random.default_rng(0)
    for shape in [(1, 32, 32), (2, 35, 61), (1, 130, 33)]:
        pictures = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
        stylized = session.batch(pictures).astype(int)
        expected = np.stack([apply_net(net, rgb) for rgb in pictures])
        assert stylized.shape == pictures.shape
        assert np.abs(stylized - expected).max() <= 1
        assert expected.std() > 5


@pytest.mark.parametrize(
    "net",
    [
        lambda: TransformerNet(width=0.1, blocks=1, norm="batch"),
        lambda: SlimNet(channels=16, blocks=1),
        lambda: UNet(width=0.125),
    ],
    ids=["batch", "slim", "unet"],
)
def test_every_other_net_gives_its_pixels_too(net: Callable[[], nn.Module]):
    torch.manual_seed(0)
    model = TrainedModel(net().eval(), CONFIG)
    rng = np.random.default_rng(4)
    shapes = [(2, 33, 47), (1, 130, 97), (1, 32, 32)]
    pictures = [rng.integers(0, 256, (*shape, 3), dtype=np.uint8) for shape in shapes]
    found = parity.compare(to_onnx(model, "bytes"), model.net, pictures)
    assert all(difference.tolerated("fp32") for difference in found)


def test_floats_give_the_same_picture_as_bytes(run: Path, exported: Path, tmp_path: Path):
    file = tmp_path / "floats.onnx"
    main([str(run), "-o", str(file), "--io", "float"])
    picture = np.random.default_rng(1).integers(0, 256, (40, 51, 3), dtype=np.uint8)
    image = picture.transpose(2, 0, 1)[None] / np.float32(255)
    [floats] = onnxruntime.InferenceSession(str(file)).run(None, {"image": image})
    rounded = Session(exported)(picture)
    assert np.abs(floats[0].transpose(1, 2, 0) * 255 - rounded).max() <= 0.5001
    assert len(np.unique(floats)) > 256
    assert np.abs(Session(file)(picture).astype(int) - rounded).max() <= 1


def test_attention_is_exported_for_whole_pictures_alone():
    net = TransformerNet(width=0.1, blocks=1, attention=True).eval()
    nn.init.constant_(net.attention.gamma, 0.5)
    model = TrainedModel(net, CONFIG)
    content = to_onnx(model, "bytes")
    rng = np.random.default_rng(3)
    shapes = [(2, 33, 47), (1, 130, 97)]
    pictures = [rng.integers(0, 256, (*shape, 3), dtype=np.uint8) for shape in shapes]
    assert all(found.tolerated("fp32") for found in parity.compare(content, net, pictures))
    assert violations(onnx.load_from_string(content)) == []
    with pytest.raises(UserError, match="attention"):
        to_onnx(model, "tiles")


def test_the_graph_keeps_the_contract(exported: Path):
    proto = onnx.load(exported)
    [image], [stylized] = proto.graph.input, proto.graph.output
    assert (image.name, stylized.name) == ("image", "stylized")
    for value in (image, stylized):
        kind = value.type.tensor_type
        assert kind.elem_type == onnx.TensorProto.UINT8
        assert [d.dim_param or d.dim_value for d in kind.shape.dim] == ["N", "H", "W", 3]
    assert {entry.domain: entry.version for entry in proto.opset_import} == {"": OPSET}
    assert not any(node.doc_string or node.metadata_props for node in proto.graph.node)


def test_the_metadata_tells_everything(exported: Path):
    known = Session(exported).model.metadata
    assert known["stylenet.contract"] == "1"
    assert known["stylenet.io"] == "bytes"
    assert known["stylenet.style"] == "made_up"
    assert known["stylenet.style_picture_sha256"] == "12ab"
    assert known["stylenet.data"] == "some.where"
    assert '"width": 0.1' in known["stylenet.net"]
    assert known["stylenet.precision"] == "fp32"
    assert len(known["stylenet.weights_sha256"]) == 64
    assert "CC BY 4.0" in known["stylenet.licence"]


def test_the_metadata_tells_no_folder_of_its_user(exported: Path):
    known = Session(exported).model.metadata
    assert not [text for text in known.values() if "/home" in text]
    assert '"path": "photos"' in known["stylenet.config"]
    assert "mine.jpg" in known["stylenet.style_picture"]


def test_a_service_needs_onnxruntime_and_numpy_alone(exported: Path, tmp_path: Path):
    pictures = np.random.default_rng(2).integers(0, 256, (2, 33, 40, 3), dtype=np.uint8)
    np.save(tmp_path / "in.npy", pictures)
    script = Path(__file__).parents[2] / "scripts" / "consume_model.py"
    files = [str(exported), str(tmp_path / "in.npy"), str(tmp_path / "out.npy")]
    subprocess.run([sys.executable, "-I", str(script), *files], check=True)
    expected = Session(exported).batch(pictures)
    assert np.array_equal(np.load(tmp_path / "out.npy"), expected)
    imports = [line for line in script.read_text().splitlines() if "import" in line.split()[:1]]
    assert imports == ["import sys", "import numpy as np", "import onnxruntime"]


def test_the_proof_finds_a_difference_of_two_values(run: Path):
    class Brighter(nn.Module):
        def __init__(self, net: nn.Module) -> None:
            super().__init__()
            self.net = net

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return self.net(image) + 2 / 255

    net = load_model(run).net
    content = to_onnx(load_model(run), "bytes")
    assert all(found.tolerated("fp32") for found in parity.compare(content, net))
    off = Brighter(net).eval()
    assert not any(found.tolerated("fp32") for found in parity.compare(content, off))


def test_a_model_that_differs_is_not_written(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(parity, "TOLERANCE", -1)
    out = tmp_path / "model.onnx"
    with pytest.raises(SystemExit) as stop:
        main([str(run), "-o", str(out)])
    assert stop.value.code == 2
    assert not list(tmp_path.iterdir())
    assert "error: the export differs from its net" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("model", "out", "said"),
    [
        ("nothing", "model.onnx", "nothing does not exist"),
        ("{run}", "model.pb", "model.pb is no .onnx file"),
        ("{run}", "{run}/model.pt/model.onnx", "cannot write"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    run: Path, model: str, out: str, said: str, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit) as stop:
        main([model.format(run=run), "-o", out.format(run=run)])
    error = capsys.readouterr().err
    assert stop.value.code == 2
    assert said in error
    assert error.count("\n") == 1
