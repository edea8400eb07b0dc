"""Trainings on a GPU as a user starts them. On a CPU the same checks hold, and check themselves."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from training import interrupt_at, train

from stylenet.export.__main__ import main as export
from stylenet.models.checkpoint import load_model
from stylenet.nets.apply import apply_net
from stylenet.runtime import Session

ROOT = Path(__file__).parent.parent

SMALL = [
    *("net=slim", "net.channels=16", "net.blocks=1", "init=null", "trainer.max_steps=8"),
    *("data.size=32", "data.batch_size=2", "data.workers=0", "data.cache_side=64"),
    *("strokes.style_size=64", "callbacks.previews=null", "callbacks.resume.every=2"),
]


@pytest.fixture(params=["cpu", pytest.param("gpu", marks=pytest.mark.gpu)])
def small(request: pytest.FixtureRequest, tmp_path: Path, picture: np.ndarray) -> list[str]:
    """Overrides of a training of eight steps on the device."""
    Image.fromarray(picture).save(tmp_path / "drawn.png")
    return [f"trainer={request.param}", f"style.image={tmp_path / 'drawn.png'}", *SMALL]


def weights(run: Path) -> Tensor:
    net = load_model(run / "model.pt").net
    return torch.cat([value.flatten().float() for value in net.state_dict().values()])


@pytest.mark.slow
def test_an_interrupted_run_goes_on_exactly(
    small: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The graph of a GPU is recorded anew in the middle, and a step takes no step twice."""
    same = ["trainer.deterministic=true", "style=custom"]
    assert train(monkeypatch, *small, *same, f"run={tmp_path / 'whole'}") == 0
    cut = [*small, *same, f"run={tmp_path / 'cut'}"]
    assert train(monkeypatch, *cut, interrupt_at(5)) == 130
    assert train(monkeypatch, *cut, "ckpt=last") == 0
    whole, resumed = weights(tmp_path / "whole"), weights(tmp_path / "cut")
    assert torch.isfinite(whole).all()
    assert torch.equal(whole, resumed)


@pytest.mark.slow
def test_what_was_learnt_is_exported(
    small: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, picture: np.ndarray
):
    run, file = tmp_path / "run", tmp_path / "model.onnx"
    assert train(monkeypatch, *small, "style=custom", f"run={run}") == 0
    export([str(run), "-o", str(file)])
    net = load_model(run / "model.pt").net
    difference = Session(file)(picture).astype(int) - apply_net(net, picture).astype(int)
    assert np.abs(difference).max() <= 1


@pytest.mark.slow
def test_two_trainings_on_one_device_are_the_same(small: list[str], tmp_path: Path):
    command = [sys.executable, "-m", "stylenet.train", *small, "style=custom"]
    runs = [tmp_path / name for name in ("first", "second")]
    both = [
        subprocess.Popen([*command, "trainer.deterministic=true", f"run={run}"], cwd=ROOT)
        for run in runs
    ]
    assert [each.wait(600) for each in both] == [0, 0]
    first, second = map(weights, runs)
    assert torch.equal(first, second)
