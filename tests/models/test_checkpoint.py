"""Model files: round trips, safe loading, warm starts."""

import os
import pickle
from pathlib import Path

import pytest
import torch
from torch import nn

from stylenet.models.checkpoint import (
    EMBEDDED,
    EMBEDDED_SLIM,
    load_model,
    one_way,
    save_model,
    start_from,
)
from stylenet.nets.johnson import TransformerNet
from stylenet.nets.slim import SlimNet
from stylenet.nets.twoway import TwoWay
from stylenet.system.errors import UserError

RECIPE = {"_target_": "stylenet.nets.johnson.TransformerNet", "width": 0.125, "blocks": 1}
CONFIG = {"net": RECIPE, "style_picture": {"credit": "a drawing"}, "seed": 0}


def make_net() -> TransformerNet:
    return TransformerNet(width=0.125, blocks=1)


def same(a: nn.Module, b: nn.Module) -> bool:
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return all(torch.equal(x, y) for x, y in pairs)


def test_a_saved_net_is_rebuilt_with_its_config(tmp_path: Path):
    net = make_net()
    save_model(tmp_path / "model.pt", net, CONFIG)
    image = torch.rand(1, 3, 40, 40)
    for path in (tmp_path, tmp_path / "model.pt"):
        model = load_model(path)
        assert model.config == CONFIG
        assert not model.net.training
        assert torch.equal(model.net(image), net.eval()(image))


def test_saving_replaces_whole_files_and_leaves_nothing_else(tmp_path: Path):
    for _ in range(2):
        save_model(tmp_path / "model.pt", make_net(), CONFIG)
    assert [path.name for path in tmp_path.iterdir()] == ["model.pt"]


class Command:
    def __reduce__(self):
        return os.system, ("touch executed",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"text", "no stylenet model"),
        (b"", "no stylenet model"),
        (pickle.dumps(Command()), "no stylenet model"),
    ],
)
def test_other_files_are_refused_and_never_executed(
    content: bytes, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    Path("model.pt").write_bytes(content)
    with pytest.raises(UserError, match=message):
        load_model(Path("model.pt"))
    assert not Path("executed").exists()


def test_a_truncated_model_is_refused(tmp_path: Path):
    save_model(tmp_path / "model.pt", make_net(), CONFIG)
    whole = (tmp_path / "model.pt").read_bytes()
    (tmp_path / "model.pt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="damaged"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 0.25}, "do not fit"),
        ({"depth": 3}, "do not fit"),
        ({"_target_": "os.system"}, "no stylenet model"),
        ({"blocks": {"_target_": "os.system"}}, "no class of stylenet"),
        ({"blocks": [{"_target_": "os.system"}]}, "no class of stylenet"),
        (None, "no stylenet model"),
    ],
)
def test_weights_and_config_must_fit(change: dict | None, message: str, tmp_path: Path):
    recipe = None if change is None else RECIPE | change
    save_model(tmp_path / "model.pt", make_net(), CONFIG | {"net": recipe})
    with pytest.raises(UserError, match=message):
        load_model(tmp_path)


def test_missing_models_are_named(tmp_path: Path):
    for path in (tmp_path, tmp_path / "none.pt"):
        with pytest.raises(UserError, match="does not exist"):
            load_model(path)


def test_a_warm_start_takes_the_weights_and_says_from_where(tmp_path: Path):
    trained, net = make_net(), make_net()
    save_model(tmp_path / "model.pt", trained, CONFIG)
    assert not same(trained, net)
    assert start_from(net, RECIPE, None) == "random weights"
    assert not same(trained, net)
    assert "a drawing" in start_from(net, RECIPE, str(tmp_path))
    assert same(trained, net)


def test_a_warm_start_from_another_net_is_refused(tmp_path: Path):
    save_model(tmp_path / "model.pt", make_net(), CONFIG)
    with pytest.raises(UserError, match="another net"):
        start_from(TransformerNet(width=0.125), RECIPE | {"blocks": 5}, str(tmp_path))


def test_the_embedded_net_is_a_sound_one_and_starts_only_nets_like_it():
    model = load_model(EMBEDDED)
    stylized = model.net(torch.rand(1, 3, 64, 64))
    assert stylized.isfinite().all()
    other = make_net()
    before = {name: value.clone() for name, value in other.state_dict().items()}
    assert "random" in start_from(other, RECIPE, "embedded")
    assert all(torch.equal(before[name], value) for name, value in other.state_dict().items())
    again = TransformerNet(**{k: v for k, v in model.config["net"].items() if k != "_target_"})
    assert "embedded" in start_from(again, model.config["net"], "embedded")
    assert same(again, model.net)


def test_a_slim_net_has_embedded_weights_of_its_own():
    model = load_model(EMBEDDED_SLIM)
    net = SlimNet()
    assert "embedded" in start_from(net, model.config["net"], "embedded")
    assert same(net, model.net)
    other = SlimNet(blocks=4)
    assert "random" in start_from(other, model.config["net"] | {"blocks": 4}, "embedded")


@pytest.mark.parametrize("attention", [False, True])
def test_weights_older_than_attention_start_a_net_with_it_where_they_left_off(
    tmp_path: Path, attention: bool
):
    trained = make_net()
    save_model(tmp_path / "model.pt", trained, CONFIG)
    net = TransformerNet(width=0.125, blocks=1, attention=attention)
    start_from(net, RECIPE | {"attention": attention}, str(tmp_path))
    image = torch.rand(1, 3, 40, 40)
    assert torch.equal(net.eval()(image), trained.eval()(image))


@pytest.mark.parametrize("width", [0.25, 0.3])
@pytest.mark.parametrize("skips", [True, False])
def test_a_wider_net_starts_with_the_pictures_of_the_narrow_one(
    tmp_path: Path, width: float, skips: bool
):
    trained = TransformerNet(width=0.125, blocks=2, skips=skips).eval()
    for name, parameter in trained.named_parameters():
        if name.endswith(".bias") or ".1." in name:
            torch.nn.init.uniform_(parameter)  # as training leaves norms: no two channels alike
    recipe = RECIPE | {"blocks": 2, "skips": skips}
    save_model(tmp_path / "model.pt", trained, CONFIG | {"net": recipe})
    net = TransformerNet(width=width, blocks=2, skips=skips)
    start_from(net, recipe | {"width": width}, str(tmp_path))
    image = torch.rand(1, 3, 40, 40)
    torch.testing.assert_close(net.eval()(image), trained(image), rtol=1e-4, atol=1e-5)


def test_copies_of_a_channel_do_not_learn_the_same(tmp_path: Path):
    save_model(tmp_path / "model.pt", make_net(), CONFIG)
    net = TransformerNet(width=0.25, blocks=1)
    start_from(net, RECIPE | {"width": 0.25}, str(tmp_path))
    net(torch.rand(1, 3, 40, 40)).square().mean().backward()
    rows = net.residuals[0].body[0][0].weight.grad.flatten(1)
    assert (torch.cdist(rows, rows) + torch.eye(len(rows))).min() > 0


def test_a_narrower_net_keeps_the_channels_that_matter(tmp_path: Path):
    trained = TransformerNet(width=0.25, blocks=2).eval()
    stream = ["down2.1", "residuals.0.body.2", "residuals.1.body.2"]
    inner = [["residuals.0.body.0.1"], ["residuals.1.body.0.1"]]
    for norms in (["stem.1"], ["down1.1"], stream, *inner, ["up1.1"], ["up2.1"]):
        count = trained.get_submodule(norms[0]).weight.numel()
        silent = torch.randperm(count)[: count // 2]
        for norm in norms:
            trained.get_submodule(norm).weight.data[silent] = 0  # and the shift is 0 at the start
    recipe = RECIPE | {"blocks": 2, "width": 0.25}
    save_model(tmp_path / "model.pt", trained, CONFIG | {"net": recipe})
    net = TransformerNet(width=0.125, blocks=2)
    start_from(net, recipe | {"width": 0.125}, str(tmp_path))
    image = torch.rand(1, 3, 40, 40)
    torch.testing.assert_close(net.eval()(image), trained(image), rtol=1e-4, atol=1e-5)


def test_a_net_with_attention_does_not_start_one_without(tmp_path: Path):
    net = TransformerNet(width=0.125, blocks=1, attention=True)
    save_model(tmp_path / "model.pt", net, CONFIG | {"net": RECIPE | {"attention": True}})
    with pytest.raises(UserError, match="another net"):
        start_from(make_net(), RECIPE, str(tmp_path))


def test_of_two_directions_the_one_asked_for_is_taken(tmp_path: Path):
    recipe = {
        "_target_": "stylenet.nets.twoway.TwoWay",
        "forth": RECIPE,
        "back": RECIPE | {"skips": False},
    }
    net = TwoWay(make_net(), TransformerNet(width=0.125, blocks=1, skips=False))
    save_model(tmp_path / "model.pt", net, CONFIG | {"net": recipe})
    for direction, part in (("forth", net.forth), ("back", net.back)):
        model = one_way(load_model(tmp_path), direction)
        assert same(model.net, part)
        assert model.config["net"] == recipe[direction]
        assert model.config["style_picture"] == CONFIG["style_picture"]


def test_a_model_of_one_way_has_no_way_back(tmp_path: Path):
    save_model(tmp_path / "model.pt", make_net(), CONFIG)
    model = load_model(tmp_path)
    assert one_way(model, "forth") is model
    with pytest.raises(UserError, match="--direction back"):
        one_way(model, "back")
