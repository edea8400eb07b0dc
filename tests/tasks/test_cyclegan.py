"""CycleGAN as a user runs it: both directions learn, resume, export and stylise."""

import json
import shutil
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
import torch
import yaml
from PIL import Image
from training import interrupt_at, rows, train

from stylenet import stylize
from stylenet.export.__main__ import main as export
from stylenet.export.conformance import violations
from stylenet.losses.adversarial import CycleLoss
from stylenet.models.checkpoint import load_model, one_way
from stylenet.nets.apply import apply_net
from stylenet.nets.patchgan import PatchGAN
from stylenet.nets.twoway import TwoWay
from stylenet.nets.unet import UNet
from stylenet.optim.schedule import constant_linear
from stylenet.runs.folder import CHECKPOINT
from stylenet.runtime import Session, TiledSession
from stylenet.tasks.cyclegan import CycleGAN

SMALL = [
    *("task=cyclegan", "net=unet", "trainer=cpu", "net.width=0.05", "task.critic.width=0.05"),
    *("data.size=32", "data.cache_side=64", "callbacks.previews.height=48", "task.pool=3"),
    *("trainer.log_every_n_steps=2", "callbacks.resume.every=3"),
]

TERMS = ["forth", "back", "cycle", "identity", "critic", "total"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of two paintings: blue stripes."""
    folder = tmp_path_factory.mktemp("paintings")
    for name, period in (("a", 3), ("b", 5)):
        stripes = 127 + 120 * np.sin(np.mgrid[:96, :128][1] / period)
        rgb = np.stack([stripes / 4, stripes / 2, stripes], -1).astype(np.uint8)
        Image.fromarray(rgb).save(folder / f"{name}.png")
    return folder


@pytest.fixture(scope="module")
def trained(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 100 steps."""
    place = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("STYLENET_CACHE", str(place / "cache"))
        overrides = [f"data.paintings={folder}", f"run={place}", "trainer.max_steps=100"]
        assert train(monkeypatch, *SMALL, *overrides, "task.optimizer.lr=0.005") == 0
    return place


def test_a_step_is_a_batch_and_the_cycle_closes(trained: Path):
    found = rows(trained)
    assert [row["step"] for row in found] == [str(step) for step in range(1, 101)]
    assert list(found[0]) == ["step", "lr", *TERMS]
    assert float(found[49]["lr"]) == 0.005
    assert float(found[-1]["lr"]) == 0
    cycle = [float(row["cycle"]) for row in found]
    assert np.median(cycle[-10:]) < 0.5 * np.median(cycle[:5])
    result = yaml.safe_load((trained / "result.yaml").read_text())
    assert result["total"] == pytest.approx(result["forth"] + 10 * result["cycle"], rel=1e-4)


def test_photos_take_on_the_paintings_colours(trained: Path, picture: np.ndarray):
    """Stripes have twice as much blue as green; a photo as much of all has."""
    red, _, blue = apply_net(load_model(trained).net, picture).mean((0, 1))
    grey = picture.mean((0, 1))
    assert blue / red > 1.2 * grey[2] / grey[0]


def test_the_run_tells_what_it_learnt_from_and_shows_both_directions(trained: Path, folder: Path):
    config = yaml.safe_load((trained / "config.yaml").read_text())
    assert config["style_picture"]["origin"] == "collection"
    assert str(folder) in config["style_picture"]["credit"]
    assert config["net"]["_target_"] == "stylenet.nets.unet.UNet"
    assert load_model(trained).config["net"]["back"] == config["net"]
    with Image.open(trained / "preview.png") as sheet:
        assert sheet.height > 3 * 48  # three photos, two paintings, two pairs a row
    assert {path.name for path in trained.iterdir()} >= {"losses.png", "model.pt", CHECKPOINT}


def test_an_interrupted_run_ends_bit_identical_to_an_uninterrupted_one(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    """Discriminators, both optimisers and a buffer that is full of pictures included."""
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    common = [f"data.paintings={folder}", "trainer.max_steps=10"]
    assert train(monkeypatch, *SMALL, *common, f"run={whole}") == 0
    assert train(monkeypatch, *SMALL, *common, f"run={parts}", interrupt_at(5)) == 130
    saved = torch.load(parts / CHECKPOINT, weights_only=True)
    assert saved["global_step"] == len(rows(parts)) == 6
    assert saved["state_dict"]["pools.forth._extra_state"].shape == (3, 3, 32, 32)
    torch.rand(7)  # a resumed process has another random state
    assert train(monkeypatch, *SMALL, *common, f"run={parts}", "ckpt=last") == 0
    assert rows(parts) == rows(whole)
    expected, found = (
        torch.load(folder / CHECKPOINT, weights_only=True) for folder in (whole, parts)
    )
    assert expected["state_dict"].keys() == found["state_dict"].keys()
    for name, value in expected["state_dict"].items():
        assert torch.equal(value, found["state_dict"][name]), name
    expected, found = (load_model(folder).net.state_dict() for folder in (whole, parts))
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def make_task(folder: Path) -> CycleGAN:
    task = CycleGAN(
        TwoWay(UNet(0.05), UNet(0.05)),
        partial(PatchGAN, 0.05),
        CycleLoss(),
        str(folder),
        pool=2,
        seed=0,
        optimizer=partial(torch.optim.Adam, lr=2e-4),
        critic_lr=5e-5,
        schedule=constant_linear,
    )
    task.trainer = SimpleNamespace(global_step=0, world_size=1, global_rank=0)
    return task


def test_nothing_is_left_to_make_small_where_both_nets_change_nothing(folder: Path):
    task = make_task(folder)
    task.net = TwoWay(torch.nn.Identity(), torch.nn.Identity())
    photo, painting = torch.rand(2, 2, 3, 32, 32)
    real = {"forth": painting, "back": photo}
    terms = task.generator_terms(real, {"forth": photo, "back": painting})
    assert terms["cycle"].tolist() == terms["identity"].tolist() == [0, 0]
    assert terms["forth"].shape == (2,)


def test_a_discriminator_judges_without_teaching_the_generators(folder: Path):
    task = make_task(folder)
    photo, painting = torch.rand(2, 1, 3, 32, 32)
    made = {"forth": task.net.forth(photo), "back": task.net.back(painting)}
    targets = task.targets(torch.stack([photo, painting]))
    task.discriminator_term({"forth": painting, "back": photo}, made, targets).sum().backward()
    assert all(parameter.grad is None for parameter in task.net.parameters())
    for name, parameter in task.critics.named_parameters():
        assert parameter.grad is not None, name


def test_discriminators_learn_at_a_rate_of_their_own(folder: Path):
    task = make_task(folder)
    before = [parameter.detach().clone() for parameter in task.critics.parameters()]
    photo, painting = torch.rand(2, 1, 3, 32, 32)
    real = {"forth": painting, "back": photo}
    targets = task.targets(torch.stack([photo, painting]))
    task.discriminator_term(real, real, targets).sum().backward()
    task.discriminators_optimizer.step()
    pairs = zip(task.critics.parameters(), before, strict=True)
    moved = torch.stack([(now - then).abs().max() for now, then in pairs]).max()
    # Adam's first step is the rate itself, whatever the gradient.
    torch.testing.assert_close(moved, torch.tensor(5e-5), rtol=0.05, atol=0)


def test_other_paintings_are_another_collection(folder: Path, tmp_path: Path):
    shutil.copytree(folder, tmp_path / "more")
    notes = [make_task(tmp_path / "more").style_note() for _ in range(2)]
    shutil.copy(folder / "a.png", tmp_path / "more" / "c.png")
    (tmp_path / "more" / "b.png").write_text("no picture")
    task = make_task(tmp_path / "more")
    assert task.shown == []  # until it is told to read
    task.read_style()
    assert notes[0] == notes[1]
    assert task.style_note()["sha256"] != notes[0]["sha256"]
    assert [name for name, _ in task.shown] == ["a.png", "c.png"]


def test_both_directions_stylise(trained: Path, tmp_path: Path, picture: np.ndarray):
    results = []
    for direction in ("forth", "back"):
        Image.fromarray(picture).save(tmp_path / "photo.png")
        out = tmp_path / f"{direction}.png"
        options = ["--model", str(trained), "-o", str(out), "--direction", direction]
        assert stylize.main([str(tmp_path / "photo.png"), *options, "--device", "cpu"]) == 0
        results.append(np.asarray(Image.open(out).convert("RGB")).astype(int))
        net = one_way(load_model(trained), direction).net
        assert np.abs(results[-1] - apply_net(net, picture)).max() <= 1
    assert np.abs(results[0] - results[1]).mean() > 5


def test_the_way_back_is_exported(trained: Path, tmp_path: Path, picture: np.ndarray):
    file = tmp_path / "back.onnx"
    export([str(trained), "-o", str(file), "--direction", "back"])
    session = Session(file)
    assert json.loads(session.model.metadata["stylenet.net"])["_target_"].endswith("UNet")
    odd = picture[:35, :61]
    net = one_way(load_model(trained), "back").net
    found = session.batch(np.stack([odd, odd[::-1]])).astype(int)
    expected = np.stack([apply_net(net, odd), apply_net(net, odd[::-1].copy())])
    assert np.abs(found - expected).max() <= 1
    assert violations(onnx.load(file)) == []


@pytest.mark.slow
def test_a_unet_works_in_tiles(trained: Path, tmp_path: Path, picture: np.ndarray):
    file = tmp_path / "tiles.onnx"
    export([str(trained), "-o", str(file), "--io", "tiles"])
    large = np.tile(picture, (3, 2, 1))[:270, :250]
    whole = apply_net(load_model(trained).net, large)
    assert np.abs(TiledSession(str(file), 64)(large).astype(int) - whole).max() <= 1


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        (["data.paintings=null"], "data.paintings=FOLDER"),
        (["data.paintings=/missing"], "/missing"),
        (["style=starry_night"], "style"),
        (["loss.cycle_weight=-1"], "loss.cycle_weight=-1"),
        (["task.pool=-1"], "task.pool=-1"),
        (["net.width=0.001"], "net.width=0.001"),
        (["net.blocks=2"], "net.blocks"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    overrides: list[str],
    named: str,
    tmp_path: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    common = [f"data.paintings={folder}", f"run={tmp_path / 'run'}", "trainer.max_steps=2"]
    assert train(monkeypatch, *SMALL, *common, *overrides) == 2
    [line] = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("error: ")
    assert named in line


def test_an_exported_model_has_one_direction(
    tmp_path: Path, picture: np.ndarray, capsys: pytest.CaptureFixture[str]
):
    Image.fromarray(picture).save(tmp_path / "photo.png")
    options = ["--model", "forth.onnx", "--direction", "back", "-o", str(tmp_path / "out.png")]
    with pytest.raises(SystemExit) as stop:
        stylize.main([str(tmp_path / "photo.png"), *options])
    assert stop.value.code == 2
    assert "forth.onnx goes one way only" in capsys.readouterr().err


def test_the_rate_is_constant_and_then_falls_along_a_line():
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = constant_linear(optimizer, steps=8)
    rates = []
    for _ in range(9):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates == [1, 1, 1, 1, 1, 0.75, 0.5, 0.25, 0]
