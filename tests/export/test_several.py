"""Several styles as one graph, or one of them as a plain export."""

import json
import pickle
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from PIL import Image
from torch import nn

from stylenet.export.__main__ import main as export
from stylenet.export.drift import loss_drift
from stylenet.export.several import proven_several
from stylenet.models.checkpoint import in_mixture, load_model, save_model
from stylenet.nets.apply import apply_net
from stylenet.nets.johnson import TransformerNet
from stylenet.nets.multistyle import MultiStyleNet
from stylenet.runtime.mixture import MixtureSession, weights_of
from stylenet.runtime.model import open_model
from stylenet.runtime.session import Session
from stylenet.stylize import main as stylize
from stylenet.system.errors import UserError

SUMS = ["a" * 64, "b" * 64]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of two styles, its export, which the command has proven, and a photo."""
    folder = tmp_path_factory.mktemp("several")
    torch.manual_seed(0)
    inner = {"_target_": "stylenet.nets.johnson.TransformerNet", "width": 0.125, "blocks": 1}
    target = "stylenet.nets.multistyle.MultiStyleNet"
    recipe = {"_target_": target, "net": inner, "styles": ["udnie", "folder/mine.jpg"]}
    net = MultiStyleNet(TransformerNet(width=0.125, blocks=1), recipe["styles"])
    for learns in (net.scale, net.shift):
        nn.init.normal_(learns, mean=0.5, std=0.5)
    pictures = [{"name": name, "sha256": value} for name, value in zip("ab", SUMS, strict=True)]
    note = {"origin": "collection", "sha256": "c" * 64, "credit": "two", "pictures": pictures}
    save_model(folder / "net.pt", net, {"net": recipe, "style_picture": note})
    export([str(folder / "net.pt"), "-o", str(folder / "net.onnx")])
    noise = np.random.default_rng(3).integers(0, 256, (45, 57, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "photo.png")
    return folder


def test_the_graph_says_what_it_takes(folder: Path):
    model = onnx.load(folder / "net.onnx")
    sizes = {
        value.name: [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.output)
    }
    pictures = ["N", "H", "W", 3]
    assert sizes == {"image": pictures, "style_weights": ["N", 2], "stylized": pictures}
    facts = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(facts["stylenet.styles"]) == ["udnie", "mine"]
    pictures = json.loads(facts["stylenet.style_picture"])["pictures"]
    assert [picture["sha256"] for picture in pictures] == SUMS


def test_the_proof_tells_which_style_it_is_of(folder: Path, capsys: pytest.CaptureFixture[str]):
    proven_several(load_model(folder / "net.pt"))
    said = capsys.readouterr().out
    assert [said.count(f", {name}\n") for name in ("udnie", "mine", "a mixture")] == [1, 1, 6]


def test_a_batch_has_a_mixture_for_each_picture(folder: Path):
    model, net = open_model(folder / "net.onnx"), load_model(folder / "net.pt").net
    rgb = np.random.default_rng(0).integers(0, 256, (2, 40, 33, 3), dtype=np.uint8)
    weights = np.array([[1, 0], [0.25, 0.75]], np.float32)
    given = {"image": rgb, "style_weights": weights}
    [together] = model.session.run(None, given)
    for number in range(2):
        plain = net.mixture(torch.from_numpy(weights[number : number + 1])).eval()
        expected = apply_net(plain, rgb[number]).astype(int)
        assert abs(together[number] - expected).max() <= 1
    assert abs(together[0].astype(int) - together[1]).max() > 5


def test_the_command_gives_the_same_pixels_with_the_export_and_the_run(folder: Path):
    results = []
    for name in ("net.onnx", "net.pt"):
        out = folder / f"{name}.png"
        told = ["--model", str(folder / name), "--style", "mine:3", "--style", "udnie"]
        assert stylize([str(folder / "photo.png"), "-o", str(out), *told]) == 0
        results.append(np.asarray(Image.open(out)).astype(int))
    assert abs(results[0] - results[1]).max() <= 1


def test_one_style_alone_is_a_plain_export_with_its_own_picture(folder: Path):
    out = folder / "mine.onnx"
    export([str(folder / "net.pt"), "-o", str(out), "--style", "mine"])
    model = open_model(out)
    assert model.inputs == ["image"]
    assert model.metadata["stylenet.style"] == "mine"
    assert model.metadata["stylenet.style_picture_sha256"] == SUMS[1]
    rgb = np.asarray(Image.open(folder / "photo.png"))
    mixture = MixtureSession(folder / "net.onnx", [("mine", 1)])
    assert abs(Session(model)(rgb) - mixture(rgb).astype(int)).max() <= 1
    assert np.array_equal(pickle.loads(pickle.dumps(mixture))(rgb), mixture(rgb))


def test_a_mixture_remembers_its_styles_and_one_style_where_its_picture_is(folder: Path):
    model = load_model(folder / "net.pt")
    alone = in_mixture(model, np.array([[1, 0]], np.float32)).config
    assert alone["style"]["title"] == "Udnie"
    both = in_mixture(model, np.array([[0.5, 0.5]], np.float32)).config
    assert both["style"] == {"name": "udnie_mine"}


def test_names_may_have_dots():
    assert weights_of(["mr", "mr.blue"], [("mr.blue", 2)]).tolist() == [[0, 1]]
    assert weights_of(["mr", "mr.blue"], [("folder/mr.png", 2)]).tolist() == [[1, 0]]


def test_the_loss_of_a_mixture_is_not_measured(folder: Path):
    model = load_model(folder / "net.pt")
    config = in_mixture(model, np.array([[0.5, 0.5]], np.float32)).config
    config |= {"task": {"vgg": {}}}
    with pytest.raises(UserError, match="a mixture of styles has no picture of its own"):
        loss_drift(config, [], lambda rgb: rgb, lambda rgb: rgb)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--precision", "fp16"], "choose one with --style NAME"),
        (["--style", "green"], "--style green is not among its styles"),
        (["--style", "udnie:0"], "--style udnie:0 has no share"),
    ],
)
def test_what_does_not_go_together_is_refused(
    folder: Path, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit) as end:
        export([str(folder / "net.pt"), "-o", str(folder / "no.onnx"), *options])
    assert end.value.code == 2
    assert message in capsys.readouterr().err
    assert not (folder / "no.onnx").exists()


def test_a_session_without_a_style_is_refused_as_are_tiles(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    photo, out = str(folder / "photo.png"), str(folder / "no.png")
    command = [photo, "-o", out, "--model", str(folder / "net.onnx")]
    for options, message in (
        ([], "choose with --style NAME"),
        (["--style", "mine", "--tile", "64"], "export one style with --io tiles"),
    ):
        with pytest.raises(SystemExit):
            stylize([*command, *options])
        assert message in capsys.readouterr().err
