"""The task for clips: its temporal term, and training with every net that can take it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from training import interrupt_at, rows, train

from stylenet.models.checkpoint import load_model
from stylenet.nets.johnson import TransformerNet
from stylenet.nets.video import RecurrentNet, WindowNet
from stylenet.tasks.motion import Motion, Moving
from stylenet.tasks.video import flicker

SMALL = [
    *("trainer=cpu", "net.width=0.125", "net.blocks=1", "data.size=64"),
    *("callbacks.previews.height=48", "trainer.log_every_n_steps=2"),
    *("+loss.content_layers.relu2_1=1", "~loss.content_layers.relu4_2"),
    *(
        "~loss.style_layers.relu3_1",
        "~loss.style_layers.relu4_1",
        "~loss.style_layers.relu5_1",
        "task.style_size=64",
    ),
]
KINDS = {"johnson": TransformerNet, "video": RecurrentNet, "video3d": WindowNet}


@pytest.fixture
def style(tmp_path: Path, picture: np.ndarray) -> str:
    Image.fromarray(picture).save(tmp_path / "drawn.png")
    return f"style.image={tmp_path / 'drawn.png'}"


def run(monkeypatch: pytest.MonkeyPatch, *overrides: str) -> int:
    return train(monkeypatch, "style=custom", "task=video", *SMALL, *overrides)


def temporal(folder: Path) -> list[float]:
    return [float(row["temporal"]) for row in rows(folder)]


def test_results_that_move_with_the_photo_do_not_flicker_and_others_do():
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    photo = (0.5 + 0.3 * torch.sin(x / 5) * torch.cos(y / 6)).expand(1, 3, 64, 64)
    motion = Motion(reach=0.1, noise=0.0, brightness=0.0, seed=0)
    moving = Moving(photo, **motion.draw(photo, 1, 3), first=0)
    frames = [moving.frame(time) for time in range(3)]
    assert flicker(moving, frames) < 1e-7
    assert flicker(moving, [frames[0]] * 3) > 1e-3


@pytest.mark.parametrize("net", KINDS)
def test_every_net_trains_and_is_rebuilt(
    net: str, tmp_path: Path, style: str, monkeypatch: pytest.MonkeyPatch
):
    assert run(monkeypatch, style, f"net={net}", f"run={tmp_path}", "trainer.max_steps=2") == 0
    assert len(temporal(tmp_path)) == 2
    assert type(load_model(tmp_path).net) is KINDS[net]


def test_an_interrupted_run_goes_on_with_the_same_motions(
    tmp_path: Path, style: str, monkeypatch: pytest.MonkeyPatch
):
    options = [style, "net=video", "trainer.max_steps=4", "callbacks.resume.every=2"]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert run(monkeypatch, *options, f"run={whole}") == 0
    assert run(monkeypatch, *options, f"run={parts}", interrupt_at(2)) == 130
    assert run(monkeypatch, *options, f"run={parts}", "ckpt=last") == 0
    expected, found = (load_model(folder).net.state_dict() for folder in (whole, parts))
    assert all(torch.equal(expected[name], found[name]) for name in expected)


@pytest.mark.slow
def test_the_temporal_term_falls_when_it_weighs(
    tmp_path: Path, style: str, monkeypatch: pytest.MonkeyPatch
):
    steps = ["trainer.max_steps=60", "task.optimizer.lr=0.005", "init=null"]
    last = {}
    for weight in (0, 1000):
        folder = tmp_path / str(weight)
        options = [f"task.temporal_weight={weight}", f"run={folder}"]
        assert run(monkeypatch, style, *steps, *options) == 0
        last[weight] = np.mean(temporal(folder)[-20:])
    assert last[1000] < 0.5 * last[0]


def test_a_net_for_clips_starts_from_a_per_frame_run(
    tmp_path: Path, style: str, monkeypatch: pytest.MonkeyPatch
):
    first = tmp_path / "frame"
    assert run(monkeypatch, style, f"run={first}", "trainer.max_steps=2") == 0
    options = [style, "net=video", f"init={first}", f"run={tmp_path / 'video'}"]
    rate = "task.optimizer.lr=1e-9"
    assert run(monkeypatch, *options, rate, "trainer.max_steps=1") == 0
    plain, net = load_model(first).net.state_dict(), load_model(tmp_path / "video").net.state_dict()
    frame, before = net.pop("stem.0.weight").split(3, 1)
    torch.testing.assert_close(frame, plain.pop("stem.0.weight"), rtol=0, atol=1e-6)
    assert before.abs().max() < 1e-6
    for name, weight in plain.items():
        torch.testing.assert_close(net[name], weight, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("task.temporal_weight=-1", "task.temporal_weight=-1"),
        ("task.motion.reach=2", "task.motion.reach=2"),
    ],
)
def test_mistakes_are_one_line(
    override: str,
    named: str,
    tmp_path: Path,
    style: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    assert run(monkeypatch, style, f"run={tmp_path / 'run'}", override) == 2
    [line] = capsys.readouterr().err.strip().splitlines()
    assert named in line
