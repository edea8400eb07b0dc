"""A net for any style as two graphs: parity, mixtures, and what is refused."""

import pickle
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

from stylenet.export.__main__ import main as export
from stylenet.models.checkpoint import load_model, save_model
from stylenet.nets.adain import AdaIN
from stylenet.nets.apply import apply_net
from stylenet.nets.arbitrary import ArbitraryNet, styled
from stylenet.nets.sanet import SANet
from stylenet.runtime.model import open_model
from stylenet.runtime.pair import Pair
from stylenet.stylize import main as stylize
from stylenet.system import integrity
from stylenet.system.errors import UserError

KINDS = {"adain": AdaIN, "sanet": SANet}


def sizes(path: Path) -> dict[str, list[str | int]]:
    """Of the inputs and outputs of a graph."""
    graph = onnx.load(path).graph
    return {
        value.name: [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.output)
    }


def drawn(seed: int, height: int, width: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    size = (width, height)
    return np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC))


def exported(kind: str, folder: Path) -> Path:
    """A model file, and beside it its export, which the command has proven."""
    torch.manual_seed(0)
    recipe = {"_target_": f"stylenet.nets.{kind}.{KINDS[kind].__name__}", "width": 0.05}
    save_model(folder / "net.pt", KINDS[kind](width=0.05), {"net": recipe})
    export([str(folder / "net.pt"), "-o", str(folder / "net.onnx")])
    for seed in (1, 2):
        Image.fromarray(drawn(seed, 70, 90)).save(folder / f"style{seed}.png")
    Image.fromarray(drawn(3, 45, 57)).save(folder / "photo.png")
    return folder


@pytest.fixture(scope="module")
def adain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported("adain", tmp_path_factory.mktemp("adain"))


@pytest.mark.parametrize("name", ["net.onnx", "net.style.onnx"])
def test_the_graphs_say_what_they_take(adain: Path, name: str):
    pictures = ["N", "H", "W", 3]
    takes = {"image": pictures, "code": ["N", 1920], "strength": ["N"], "stylized": pictures}
    if name == "net.style.onnx":
        takes = {"image": pictures, "code": ["N", 1920]}
    assert sizes(adain / name) == takes


def agrees(folder: Path, alphas: list[float]) -> None:
    """The command gives the net's pixels, to 1 of 255, in a mixture of styles."""
    net = load_model(folder / "net.pt").net
    assert isinstance(net, ArbitraryNet)
    styles = ["--style", str(folder / "style1.png"), "--style", f"{folder / 'style2.png'}:3"]
    for alpha in alphas:
        arguments = [str(folder / "photo.png"), "-o", str(folder / "out.png"), *styles]
        model = ["--model", str(folder / "net.onnx"), "--alpha", str(alpha)]
        assert stylize([*arguments, *model]) == 0
        pictures = [drawn(1, 70, 90), drawn(2, 70, 90)]
        expected = apply_net(styled(net, pictures, [1, 3], alpha), drawn(3, 45, 57)).astype(int)
        found = np.asarray(Image.open(folder / "out.png"))
        assert np.abs(found - expected).max() <= 1


def test_the_command_gives_the_nets_pixels_at_any_share_and_alpha(adain: Path):
    agrees(adain, [1.0, 0.4])


@pytest.mark.parametrize("model", ["net.onnx", "net.pt"])
def test_every_style_of_one_model_has_its_region(adain: Path, tmp_path: Path, model: str):
    left = np.zeros((45, 57), np.uint8)
    left[:, :20] = 255
    regions: list[str] = []
    apart: list[np.ndarray] = []
    for number, mask in ((1, left), (2, 255 - left)):
        Image.fromarray(mask).save(tmp_path / f"{number}.png")
        style = ["--style", str(adain / f"style{number}.png")]
        regions += [*style, "--mask", str(tmp_path / f"{number}.png")]
        apart.append(painted(adain / "photo.png", adain / model, style, tmp_path / "out.png"))
    both = painted(
        adain / "photo.png", adain / model, [*regions, "--feather", "0"], tmp_path / "out.png"
    )
    assert np.abs(apart[0].astype(int) - apart[1]).mean() > 1
    assert (both == np.where(left[..., None], *apart)).all()


def painted(photo: Path, model: Path, arguments: list[str], out: Path) -> np.ndarray:
    assert stylize([str(photo), "--model", str(model), *arguments, "-o", str(out)]) == 0
    return np.asarray(Image.open(out))


@pytest.mark.slow
def test_attention_is_exported_with_as_many_places_as_styles_have(tmp_path: Path):
    folder = exported("sanet", tmp_path)
    assert sizes(folder / "net.onnx")["code"] == ["N", 1025, "T"]
    agrees(folder, [1.0])


def test_a_batch_of_photos_takes_a_code_for_all(adain: Path):
    pair, style = Pair(open_model(adain / "net.onnx", device="cpu")), drawn(1, 70, 90)
    session = pair.styled([style], [1.0])
    photos = np.stack([drawn(seed, 40, 44) for seed in (4, 5)])
    together = session.batch(photos).astype(int)
    assert np.abs(together - np.concatenate([session.batch(p[None]) for p in photos])).max() <= 1
    for again in (
        pickle.loads(pickle.dumps(pair)).styled([style], [1.0]),
        pickle.loads(pickle.dumps(session)),
    ):
        assert np.array_equal(again.batch(photos), together)


def test_halves_that_do_not_belong_together_are_refused(adain: Path, tmp_path: Path):
    shutil.copy(adain / "net.onnx", tmp_path)
    with pytest.raises(UserError, match=r"net\.style\.onnx is missing; it belongs beside"):
        Pair(open_model(tmp_path / "net.onnx", device="cpu"))
    other = onnx.load(adain / "net.style.onnx")
    *kept, _ = other.metadata_props  # without the sum of the file, which is another one now
    for entry in kept:
        if entry.key == "stylenet.weights_sha256":
            entry.value = "12ab"
    del other.metadata_props[-1]
    changed = integrity.seal_onnx(other.SerializeToString())
    (tmp_path / "net.style.onnx").write_bytes(changed)
    with pytest.raises(UserError, match=r"does not belong to .*; export or copy both anew"):
        Pair(open_model(tmp_path / "net.onnx", device="cpu"))


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["-o", "o.onnx", "--precision", "fp16"], "is exported in fp32 for whole pictures in byte"),
        (["-o", "o.onnx", "--io", "tiles"], "is exported in fp32 for whole pictures in bytes"),
    ],
)
def test_what_a_pair_cannot_be_is_one_line(adain: Path, monkeypatch, capsys, arguments, error):
    monkeypatch.chdir(adain)
    with pytest.raises(SystemExit) as stop:
        export(["net.pt", *arguments])
    assert stop.value.code == 2
    assert error in capsys.readouterr().err
    assert not Path("o.onnx").exists()


def test_a_model_for_any_style_needs_one(adain: Path, capsys):
    for model in ("net.pt", "net.onnx"):
        with pytest.raises(SystemExit) as stop:
            stylize([str(adain / "photo.png"), "-o", "o.png", "--model", str(adain / model)])
        assert stop.value.code == 2
        assert "takes any style; give one with --style PICTURE" in capsys.readouterr().err
