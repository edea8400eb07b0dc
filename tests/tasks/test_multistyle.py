"""Several styles in one net as a user trains them: they learn, resume, and are told apart."""

from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from PIL import Image
from torch import nn
from training import interrupt_at, rows, train

from stylenet.config.compose import composed
from stylenet.models.checkpoint import load_model, start_from
from stylenet.nets.johnson import TransformerNet
from stylenet.nets.multistyle import MultiStyleNet
from stylenet.stylize import main as stylize
from stylenet.tasks.base import Task
from stylenet.tasks.multistyle import MultiStyleTask

SMALL = [
    *("task=multistyle", "trainer=cpu", "net.net.width=0.125", "net.net.blocks=1"),
    *("data.size=64", "callbacks.previews.height=48", "trainer.log_every_n_steps=2"),
    *("+loss.content_layers.relu2_1=1", "~loss.content_layers.relu4_2", "init=null"),
    *(
        "~loss.style_layers.relu3_1",
        "~loss.style_layers.relu4_1",
        "~loss.style_layers.relu5_1",
        "task.style_size=64",
    ),
]


def pictures(folder: Path) -> list[Path]:
    """A red and a blue one, with stripes."""
    stripes = np.tile(np.repeat([60, 250], 4), 12)[None].repeat(80, 0)
    files = []
    for name, channel in (("red", 0), ("blue", 2)):
        rgb = np.full((80, 96, 3), 10, np.uint8)
        rgb[..., channel] = stripes
        Image.fromarray(rgb).save(folder / f"{name}.png")
        files.append(folder / f"{name}.png")
    return files


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, *overrides: str) -> int:
    styles = ",".join(str(file) for file in pictures(folder))
    return train(monkeypatch, *SMALL, f"net.styles=[{styles}]", *overrides)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("multistyle")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("STYLENET_CACHE", str(folder / "cache"))
        overrides = [f"run={folder / 'run'}", "trainer.max_steps=160", "data.batch_size=2"]
        assert run(monkeypatch, folder, *overrides) == 0
    return folder


def test_the_next_command_names_a_style_that_the_net_has_learnt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    folder = tmp_path / "run"
    assert run(monkeypatch, tmp_path, f"run={folder}", "trainer.max_steps=1") == 0
    assert f"--model {folder} --style red -o stylized/" in capsys.readouterr().out


def test_each_style_gets_its_own_colour(trained: Path):
    net = load_model(trained / "run").net
    assert isinstance(net, MultiStyleNet)
    assert net.styles == ["red", "blue"]
    photo = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        red, blue = net(photo.repeat(2, 1, 1, 1), torch.eye(2)).mean((2, 3))
    assert red[0] - red[2] > blue[0] - blue[2] + 0.05
    style = [float(row["style"]) for row in rows(trained / "run")]
    assert np.mean(style[-10:]) < 0.7 * np.mean(style[:10])


def test_the_run_holds_a_preview_of_each_style_and_says_which(trained: Path):
    config = load_model(trained / "run").config
    assert config["style_picture"]["origin"] == "collection"
    assert [picture["name"] for picture in config["style_picture"]["pictures"]] == ["red", "blue"]
    assert Image.open(trained / "run" / "preview.png").height > 2 * 48  # a row each


def stylized(trained: Path, *styles: str) -> np.ndarray:
    out = trained / "out.png"
    options = [option for style in styles for option in ("--style", style)]
    photo, model = str(trained / "photo.png"), str(trained / "run")
    noise = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    Image.fromarray(noise).save(photo)
    assert stylize([photo, "--model", model, "-o", str(out), *options]) == 0
    return np.asarray(Image.open(out)).astype(float)


def test_the_command_takes_names_and_mixtures(trained: Path):
    red, blue = stylized(trained, "red"), stylized(trained, "blue")
    assert red[..., 0].mean() > blue[..., 0].mean() + 8
    halves = stylized(trained, "red:1", "blue:1")
    assert blue[..., 0].mean() < halves[..., 0].mean() < red[..., 0].mean()
    np.testing.assert_array_equal(stylized(trained, "red:3"), red)


def test_regions_get_styles_of_one_model(trained: Path):
    stylized(trained, "red")  # leaves the photo
    left = np.zeros((40, 50), np.uint8)
    left[:, :25] = 255
    for name, mask in (("left", left), ("right", 255 - left)):
        Image.fromarray(mask).save(trained / f"{name}.png")
    regions = ["--style", "red", "--mask", str(trained / "left.png")]
    regions += ["--style", "blue", "--mask", str(trained / "right.png"), "--feather", "0"]
    options = ["--model", str(trained / "run"), "-o", str(trained / "both.png"), *regions]
    assert stylize([str(trained / "photo.png"), *options]) == 0
    both = np.asarray(Image.open(trained / "both.png")).astype(float)
    np.testing.assert_array_equal(both[:, :25], stylized(trained, "red")[:, :25])
    np.testing.assert_array_equal(both[:, 25:], stylized(trained, "blue")[:, 25:])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "learnt red, blue; choose with --style NAME"),
        (["--style", "green"], "--style green is not among its styles"),
        (["--style", "red", "--alpha", "0.5"], "--alpha is for models that take any style"),
    ],
)
def test_mistakes_are_named(
    trained: Path, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
):
    photo = pictures(trained)[0]
    command = [str(photo), "--model", str(trained / "run"), "-o", str(trained / "no.png")]
    with pytest.raises(SystemExit) as end:
        stylize([*command, *options])
    assert end.value.code == 2
    assert message in capsys.readouterr().err


def test_a_style_that_cannot_be_found_and_a_strength_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    for override, message in (
        ("net.styles=[udnei]", "udnei is no picture, and none of composition_vii"),
        ("loss.strength=0.5", "loss.strength is for one style"),
        ("net.styles=udnie", "net.styles=udnie should be a list, such as [starry_night,"),
        ("task.styles=[udnie]", "task.styles are not net.styles"),
    ):
        assert run(monkeypatch, tmp_path, f"run={tmp_path / 'run'}", override) == 2
        assert message in capsys.readouterr().err


def test_a_net_of_several_styles_is_not_trained_on_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    image = f"style.image={pictures(tmp_path)[0]}"
    small = ["trainer=cpu", f"run={tmp_path / 'run'}"]
    assert train(monkeypatch, *small, "style=custom", image, "net=multistyle") == 2
    assert "add task=multistyle" in capsys.readouterr().err
    assert train(monkeypatch, *small, "task=multistyle", "net=slim") == 2
    assert "net@net.net=slim" in capsys.readouterr().err


def test_photos_of_a_batch_are_judged_by_their_own_styles(tmp_path: Path):
    red, blue = map(str, pictures(tmp_path))
    names = f"net.styles=[{red},{blue}]"
    task = instantiate(composed([*SMALL, names]).task)
    task.read_style()
    photo = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        nn.init.normal_(task.net.scale)
        together = task.terms(photo, {"styles": torch.tensor([1, 0])})
        alone = [task.terms(photo[i : i + 1], {"styles": torch.tensor([1 - i])}) for i in range(2)]
        other = task.terms(photo[:1], {"styles": torch.tensor([0])})
    for name, values in together.items():
        torch.testing.assert_close(values, torch.cat([each[name] for each in alone]))
    assert abs(together["style"][0] - other["style"]) > 1e-3


def test_styles_count_by_their_own_weights(tmp_path: Path):
    red, _ = pictures(tmp_path)
    Image.fromarray(np.asarray(Image.open(red)) // 4).save(tmp_path / "dark.png")
    names = f"net.styles=[{red},{tmp_path / 'dark.png'}]"
    task = instantiate(composed([*SMALL, names]).task)
    task.read_style()
    weights = task.measured()["style_weights"]
    assert weights["red"] > 2 * weights["dark"]
    terms = {"content": torch.tensor([1.0, 2.0]), "style": torch.ones(2)}
    expected = torch.tensor([1 + weights["dark"], 2 + weights["red"]])
    torch.testing.assert_close(task.total(terms, {"styles": torch.tensor([1, 0])}), expected)
    for number, weight in enumerate(weights.values()):
        assert task.loss_in(number).weights["style"] == pytest.approx(weight)


def test_photos_take_the_styles_by_turns():
    """Whatever the batch and however many processes: the next photo, the next style."""
    met: list[int] = []
    for step in range(2):
        for rank in range(2):
            place = SimpleNamespace(
                global_step=step, global_rank=rank, trainer=SimpleNamespace(world_size=2)
            )
            task = SimpleNamespace(first_photo=partial(Task.first_photo, place), notes=[{}] * 3)
            met += MultiStyleTask.targets(task, torch.zeros(2, 3, 8, 8))["styles"].tolist()
    assert met == [0, 1, 2, 0, 1, 2, 0, 1]


def test_an_interrupted_run_ends_with_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert run(monkeypatch, tmp_path, f"run={whole}", "trainer.max_steps=5") == 0
    assert run(monkeypatch, tmp_path, f"run={cut}", "trainer.max_steps=5", interrupt_at(2)) == 130
    assert run(monkeypatch, tmp_path, f"run={cut}", "trainer.max_steps=5", "ckpt=last") == 0
    assert rows(whole) == rows(cut)
    first, second = (load_model(run).net.state_dict() for run in (whole, cut))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_it_starts_from_one_styles_net_or_goes_on_with_its_own(trained: Path):
    settings = {"width": 0.125, "blocks": 5, "norm": "instance", "upsampling": "smooth"}
    settings |= {"skips": True, "attention": False}
    net = MultiStyleNet(TransformerNet(**settings), ["a", "b"])
    target = "stylenet.nets.johnson.TransformerNet"
    started = start_from(net, {"net": {"_target_": target, **settings}}, "embedded")
    assert started.startswith("embedded")
    assert torch.equal(net.scale[0], net.scale[1])
    assert net.scale.std() > 0
    model = load_model(trained / "run")
    again = load_model(trained / "run").net
    torch.nn.init.zeros_(again.scale)
    start_from(again, model.config["net"], str(trained / "run"))
    assert torch.equal(again.scale, model.net.scale)
