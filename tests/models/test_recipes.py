"""What a file describes is built only where it is of the list, and reads nothing."""

import time
from pathlib import Path

import pytest
import torch

from stylenet.losses.perceptual import PerceptualLoss
from stylenet.models.recipes import build
from stylenet.nets.adain import AdaIN
from stylenet.nets.slim import SlimNet
from stylenet.nets.twoway import TwoWay
from stylenet.system.errors import UserError
from stylenet.vgg import VGG

SLIM = {"_target_": "stylenet.nets.slim.SlimNet", "channels": 4, "blocks": 1}
SANET = {"_target_": "stylenet.nets.sanet.SANet"}
TWO = "stylenet.nets.twoway.TwoWay"
LOSS = {
    "_target_": "stylenet.losses.perceptual.PerceptualLoss",
    **{"content_layers": {"relu2_1": 1.0}, "style_layers": {"relu1_1": 1.0}},
    **{"content_weight": 1.0, "style_weight": 1e10, "tv_weight": 0.0, "relative": True},
}
PERCEPTUAL = {"_target_": "stylenet.vgg.VGG", "_partial_": True, "weights": "caffe"}


def test_nets_losses_and_vgg_are_built_with_what_is_in_them():
    net = build(SLIM)
    assert isinstance(net, SlimNet)
    assert len(net.residuals) == 1
    both = build({"_target_": TWO, "forth": SLIM, "back": SLIM | {"blocks": 2}})
    assert isinstance(both, TwoWay)
    assert len(both.back.residuals) == 2
    loss = build(LOSS, style_weight=2.0)
    assert isinstance(loss, PerceptualLoss)
    assert loss.weights["style"] == 2
    vgg = build(PERCEPTUAL, layers=loss.layers)
    assert isinstance(vgg, VGG)
    assert vgg.layers == ("relu2_1", "relu1_1")


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "stylenet.styles.Style",
        "stylenet.styles.homage.Recipe",
        "stylenet.data.folder.FolderPhotos",
        "stylenet.tasks.cyclegan.CycleGAN",
        "stylenet.callbacks.previews.Previews",
        "stylenet.pixels.yardstick.Curves",
        "stylenet.nets.blocks.torch.load",
        "stylenet.nets.blocks.Conv",
        "stylenet.nets.multistyle.Path",
        "stylenet.nets.multistyle.TransformerNet",
        "stylenet.nets.nowhere.Net",
        "stylenet.nets.slim.conv2d",
        "stylenet.nets.slim.SlimNet\n",
        "stylenet..nets.slim.SlimNet",
        "stylenet.system.errors.UserError.add_note",
        ["os.system"],
        {"_target_": "os.system"},
        None,
    ],
)
def test_nothing_else_is_built_however_deep_it_lies(
    target: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    bad = {"_target_": target, "name": "executed"}
    for inner in (bad, [bad], (bad,), {"deeper": [bad]}):
        with pytest.raises(UserError, match="no class of stylenet"):
            build(SLIM | {"blocks": inner})
        with pytest.raises(UserError, match="no class of stylenet"):
            build({"_target_": TWO, "forth": SLIM, "back": SLIM | {"blocks": inner}})
    with pytest.raises(UserError, match="no class of stylenet"):
        build(bad)
    assert not list(tmp_path.iterdir())


def test_nothing_is_looked_up():
    with pytest.raises(UserError, match="would be looked up"):
        build(SLIM | {"blocks": "${oc.env:HOME}"})
    with pytest.raises(UserError, match="nothing that can be built"):
        build({"channels": 4})


@pytest.mark.parametrize("key", ["_args_", "_recursive_", "__class__"])
def test_only_what_our_configs_say_is_understood(key: str):
    with pytest.raises(UserError, match=f"says {key}"):
        build(SLIM | {key: ["x"]})


@pytest.mark.parametrize(
    "recipe",
    [
        PERCEPTUAL | {"weights": "secret.pt"},
        PERCEPTUAL | {"weights": ["caffe"]},
        {"_target_": "stylenet.nets.adain.AdaIN", "weights": "secret.pt"},
        {
            "_target_": TWO,
            "forth": {"_target_": "stylenet.nets.sanet.SANet", "weights": "secret.pt"},
        },
    ],
)
def test_a_file_that_it_names_is_not_opened(recipe: dict):
    with pytest.raises(UserError, match="are not opened for it"):
        build(recipe)


def test_torchvisions_weights_are_not_fetched_but_used_where_they_are_at_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    recipe = {"_target_": "stylenet.nets.adain.AdaIN", "width": 0.05, "weights": "torchvision"}
    with pytest.raises(UserError, match="needs torchvision's vgg19, which is not fetched for it"):
        build(recipe)
    fetched = tmp_path / "hub" / "checkpoints" / "vgg19-dcbb9e9d.pth"
    fetched.parent.mkdir(parents=True)
    torch.save({}, fetched)
    assert isinstance(build(recipe), AdaIN)


def loop() -> list:
    inside: list = []
    inside.append(inside)
    return inside


def doubled() -> list:
    """2**60 parts, in 60."""
    part: list = []
    for _ in range(40):
        part = [part, part]
    return part


@pytest.mark.parametrize(
    "change",
    [
        {"blocks": 10**9},
        {"channels": 10**9},
        {"channels": float("nan")},
        {"channels": 10**5000},
        {"blocks": loop()},
        {"blocks": doubled()},
        {"blocks": torch.ones(1)},
        {"blocks": "many"},
        {"depth": 3},
        {5: 3},
    ],
    ids=["blocks", "channels", "nan", "huge", "loop", "doubled", "tensor", "text", "other", "key"],
)
def test_what_cannot_be_built_ends_in_one_line_and_soon(change: dict):
    start = time.perf_counter()
    with pytest.raises(UserError) as caught:
        build(SLIM | change)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500
    assert time.perf_counter() - start < 2
