"""Half and eight bits: what stays in float, what the proof demands, what the file says."""

import json
import os
import re
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from onnx import TensorProto
from PIL import Image

from stylenet.config.compose import FOLDER
from stylenet.export import parity
from stylenet.export.__main__ import main
from stylenet.export.conformance import violations
from stylenet.export.drift import MOST, loss_drift
from stylenet.export.equalise import equalised
from stylenet.export.int8 import Calibrated, calibrated
from stylenet.export.mixed import FIRST, Proof, mixed
from stylenet.export.onnx import to_onnx
from stylenet.export.photos import photos
from stylenet.models.checkpoint import TrainedModel, load_model, save_model
from stylenet.nets.apply import apply_net
from stylenet.nets.johnson import TransformerNet
from stylenet.runtime import Session
from stylenet.system.errors import UserError

WIDTH, BLOCKS = 0.25, 2

LOUDNESS = 20
"""Of a last convolution whose results eight bits cannot hold: 31 dB, where one of 12 keeps 33."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder; its net changes photos mildly, as far as random weights allow."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("run")
    style = folder / "style.png"
    rng = np.random.default_rng(9)
    Image.fromarray(rng.integers(0, 256, (80, 90, 3), dtype=np.uint8)).save(style)
    with initialize_config_dir(str(FOLDER), version_base="1.3"):
        net = [f"net.width={WIDTH}", f"net.blocks={BLOCKS}"]
        cfg = compose("train", ["style=custom", f"style.image={style}", "trainer=cpu", *net])
    config = OmegaConf.to_container(cfg, resolve=True)
    made = TransformerNet(width=WIDTH, blocks=BLOCKS)
    made.head.weight.data *= 0.2
    save_model(folder / "model.pt", made, config)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn photos."""
    place = tmp_path_factory.mktemp("photos")
    for number in range(6):
        rng = np.random.default_rng(number)
        coarse = rng.integers(0, 256, (9, 11, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((330, 290), Image.Resampling.BICUBIC).save(
            place / f"{number}.png"
        )
    return place


@pytest.fixture(scope="module")
def eight(run: Path, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("int8") / "model.onnx"
    main([str(run), "-o", str(file), "--precision", "int8", "--photos", str(folder)])
    return file


def kinds(proto: onnx.ModelProto) -> dict[str, int]:
    """The type of every constant."""
    return {value.name: value.data_type for value in proto.graph.initializer}


def test_half_keeps_norms_in_float32_and_convolutions_in_float16(run: Path, tmp_path: Path):
    file = tmp_path / "half.onnx"
    main([str(run), "-o", str(file), "--precision", "fp16"])
    proto = onnx.load(file)
    types = kinds(proto)
    for node in proto.graph.node:
        if node.op_type == "Conv":
            assert types[node.input[1]] == TensorProto.FLOAT16
        if node.op_type == "InstanceNormalization":
            assert [types[name] for name in node.input[1:]] == [TensorProto.FLOAT] * 2
    assert Session(file).model.metadata["stylenet.precision"] == "fp16"
    assert violations(proto) == []


def test_drift_is_the_change_of_the_loss_that_was_trained(run: Path, tmp_path: Path):
    config = load_model(run).config
    photo = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    same = loss_drift(config, [photo], lambda rgb: rgb, lambda rgb: rgb, run)
    grey = loss_drift(config, [photo], lambda rgb: rgb, lambda rgb: rgb // 3 + 85, run)
    assert same == 0
    assert grey > MOST
    with pytest.raises(UserError, match=r"style; put a copy beside it as style\.png"):
        loss_drift(config, [photo], lambda rgb: rgb, lambda rgb: rgb, tmp_path)


@torch.no_grad()
def test_equalised_channels_give_the_same_picture():
    torch.manual_seed(1)
    net = TransformerNet(width=0.25, blocks=1).eval()
    net.stem[0].weight.data[0] *= 50
    images = [torch.rand(1, 3, 48, 52) for _ in range(3)]
    level = equalised(net, images)
    for image in images:
        assert (level(image) - net(image)).abs().max() < 1e-3

    def peaks(some: TransformerNet) -> torch.Tensor:
        found: list[torch.Tensor] = []
        hook = some.stem[0].register_forward_hook(
            lambda _, __, output: found.append(output.abs().amax((0, 2, 3)))
        )
        for image in images:
            some(image)
        hook.remove()
        return torch.stack(found).amax(0)

    assert peaks(net).max() / peaks(net).min() > 20
    torch.testing.assert_close(peaks(level), peaks(level).median().expand(8), rtol=1e-4, atol=0)


@torch.no_grad()
def test_a_channel_the_epsilon_shows_in_is_left_alone():
    net = TransformerNet(width=0.25, blocks=0).eval()
    net.stem[0].weight.data[0] *= 1e-4
    image = torch.rand(1, 3, 40, 40)
    level = equalised(net, [image])
    assert torch.equal(level.stem[0].weight[0], net.stem[0].weight[0])
    assert (level(image) - net(image)).abs().max() < 1e-3


@pytest.mark.slow
def test_eight_bits_are_explicit_and_the_first_convolutions_stay_float(eight: Path):
    proto = onnx.load(eight)
    makers = {name: node for node in proto.graph.node for name in node.output}
    convs = [node for node in proto.graph.node if node.op_type == "Conv"]
    quantised = [
        makers[c.input[0]].op_type == "DequantizeLinear" if c.input[0] in makers else False
        for c in convs
    ]
    assert quantised == [False] * FIRST + [True] * (len(convs) - FIRST)
    for conv in convs[FIRST:]:
        weight = makers[conv.input[1]]
        scale = next(v for v in proto.graph.initializer if v.name == weight.input[1])
        assert list(scale.dims) == [conv_width(proto, weight)]


def test_eight_bits_are_made_before_values_are_moved(eight: Path):
    proto = onnx.load(eight)
    makers = {name: node.op_type for node in proto.graph.node for name in node.output}
    quantisers = [node for node in proto.graph.node if node.op_type == "QuantizeLinear"]
    assert quantisers
    assert not {makers.get(node.input[0]) for node in quantisers} & {"Concat", "Pad", "Slice"}


def conv_width(proto: onnx.ModelProto, weight: onnx.NodeProto) -> int:
    """Output channels of a quantised weight."""
    return next(v for v in proto.graph.initializer if v.name == weight.input[0]).dims[0]


def test_the_metadata_tells_how_eight_bits_were_made_and_what_they_cost(eight: Path):
    known = Session(eight).model.metadata
    assert known["stylenet.precision"] == "int8"
    facts = json.loads(known["stylenet.int8"])
    assert "3 photos at 256" in facts["calibrator"]
    assert facts["least_psnr_db"] >= 30
    assert facts["float"] == "InstanceNorm and 4 of 10 convolutions: 1, 2, 3, 4"
    assert facts["proven_on"] == "3.png, 4.png, 5.png; each at 257, 512 and 1024 pixels"
    assert facts["worst"].split(" at ")[0] in ("3.png", "4.png", "5.png")
    assert abs(float(facts["loss_drift"].rstrip("%"))) <= 3
    assert facts["ms_at_512"] > 0
    assert eight.stat().st_size < facts["bytes_fp32"] / 1.4


def test_eight_bits_for_tensorrt_are_symmetric_and_conform(run: Path, folder: Path):
    model, chosen = load_model(run), photos(str(folder))
    squares = [rgb[:256, :256] for rgb in chosen.calibration]
    single = to_onnx(model, "bytes")

    def found(for_tensorrt: bool) -> list[str]:
        ranges = calibrated(single, squares, for_tensorrt)
        return violations(onnx.load_from_string(ranges.quantised(ranges.convs[:FIRST])))

    assert found(for_tensorrt=True) == []
    assert any("not to int8" in line for line in found(for_tensorrt=False))


@pytest.fixture(scope="module")
def loud(folder: Path) -> tuple[Calibrated, list[np.ndarray], Proof]:
    """A net that eight bits cost too much, calibrated; the photos for that; a proof."""
    torch.manual_seed(0)
    net = TransformerNet(width=WIDTH, blocks=BLOCKS).eval()
    net.head.weight.data *= LOUDNESS
    chosen = photos(str(folder))
    squares = [rgb[:96, :96] for rgb in chosen.calibration]
    content = to_onnx(TrainedModel(net, {"net": {}}), "bytes")
    pictures = [(name, rgb[:128, :160]) for name, rgb in chosen.proof.items()]
    proof = Proof(pictures, [apply_net(net, rgb) for _, rgb in pictures])
    return calibrated(content, squares, for_tensorrt=False), squares, proof


def least(proof: Proof, content: bytes) -> float:
    return min(each.psnr for each in proof.differences(content))


def test_one_more_convolution_stays_float_until_the_proof_holds(
    loud: tuple[Calibrated, list[np.ndarray], Proof], capsys: pytest.CaptureFixture[str]
):
    ranges, squares, proof = loud
    assert least(proof, ranges.quantised(ranges.convs[:FIRST])) < 35
    found = mixed(ranges, squares, proof, lambda content: None)
    assert found.worst.psnr == least(proof, found.content) >= 35
    count = int(found.floats.split(" of ")[0])
    assert FIRST < count < len(ranges.convs)
    assert found.floats.startswith(f"{count} of 10 convolutions: 1, 2, 3, 4, ")
    makers = {
        name: node
        for node in onnx.load_from_string(found.content).graph.node
        for name in node.output
    }
    convs = [node for node in makers.values() if node.op_type == "Conv"]
    floats = [c.input[1] not in makers for c in convs]
    listed = [number for number, is_float in enumerate(floats, 1) if is_float]
    assert found.floats.endswith(": " + ", ".join(map(str, listed)))
    said = capsys.readouterr().out.splitlines()
    assert len(said) == count - FIRST == 2
    assert re.fullmatch(
        r"int8: the export differs from its net, 3\d\.\d\d of 35 dB on [345]\.png, "
        r"in float 4 of 10 convolutions: 1, 2, 3, 4",
        said[0],
    )
    others = range(FIRST, len(ranges.convs))
    one_more = [[*ranges.convs[:FIRST], ranges.convs[other]] for other in others]
    gains = [least(proof, ranges.quantised(floats)) for floats in one_more]
    assert said[1].endswith(f": 1, 2, 3, 4, {FIRST + 1 + int(np.argmax(gains))}")


def test_an_objection_keeps_one_more_convolution_in_float(
    loud: tuple[Calibrated, list[np.ndarray], Proof], capsys: pytest.CaptureFixture[str]
):
    objections = iter(["the sky is green", None])
    assert mixed(*loud, lambda content: next(objections)).floats.startswith("7 of 10 ")
    assert "int8: the sky is green, in float 6 of 10" in capsys.readouterr().out
    with pytest.raises(UserError, match="int8: the sky is green, in float 9 of 10"):
        mixed(*loud, lambda content: "the sky is green")


def test_names_of_photos_are_text_whatever_bytes_they_are(folder: Path, tmp_path: Path):
    for number, name in enumerate([b"a.png", b"b.png", b"c.png", b"\xff.png"]):
        (tmp_path / os.fsdecode(name)).write_bytes((folder / f"{number}.png").read_bytes())
    assert list(photos(str(tmp_path)).proof) == ["b.png", "c.png", "\ufffd.png"]


def test_a_loss_of_quality_beyond_the_bound_is_refused(
    run: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """Noise is no photograph: calibrated on black, every range is wrong."""
    dark = tmp_path / "dark"
    dark.mkdir()
    for number in range(4):
        Image.new("RGB", (64, 64)).save(dark / f"{number}.png")
    for last in sorted(folder.iterdir())[-3:]:
        (dark / f"9{last.name}").write_bytes(last.read_bytes())
    out = tmp_path / "model.onnx"
    with pytest.raises(SystemExit) as stop:
        main([str(run), "-o", str(out), "--precision", "int8", "--photos", str(dark)])
    assert stop.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "error: int8: the export differs from its net, " in line
    assert "of 35 dB on 9" in line
    assert "in float 9 of 10 convolutions" in line
    assert not out.exists()


@pytest.mark.parametrize(
    ("precision", "shape", "psnr", "tolerated"),
    [
        ("fp16", (1, 32, 32), 45.0, True),
        ("fp16", (1, 2000, 32), 44.9, False),
        ("int8", (1, 512, 512), 35.0, True),
        ("int8", (1, 512, 512), 34.9, False),
        ("int8", (1, 512, 513), 30.0, True),
        ("int8", (1, 512, 513), 29.9, False),
    ],
)
def test_the_bounds_are_those_stated(
    precision: str, shape: tuple[int, int, int], psnr: float, tolerated: bool
):
    assert parity.Difference(shape, 255, 9.0, psnr).tolerated(precision) is tolerated


def test_too_few_photos_and_what_does_not_go_together_are_named(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    empty = tmp_path / "empty"
    empty.mkdir()
    cases = {
        ("--precision", "int8", "--photos", str(empty)): f"{empty} holds no pictures",
        ("--io", "tiles", "--precision", "fp16"): "--io tiles is for fp32",
        ("--photos", str(tmp_path)): "--photos calibrates eight bits; add --precision int8",
        ("--photos", str(tmp_path), "--precision", "fp16"): "--photos calibrates eight bits",
    }
    for options, said in cases.items():
        with pytest.raises(SystemExit) as stop:
            main([str(run), "-o", str(tmp_path / "x.onnx"), *options])
        assert stop.value.code == 2
        assert said in capsys.readouterr().err
