"""Nets for any style as a user trains them: they learn, resume, and stylise in styles they meet."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from training import interrupt_at, rows, train

from stylenet import stylize
from stylenet.models.checkpoint import load_model
from stylenet.runs.folder import CHECKPOINT

SMALL = [
    *("task=arbitrary", "trainer=cpu", "net.width=0.05", "data.size=32", "data.cache_side=64"),
    *("callbacks.previews.height=48", "trainer.log_every_n_steps=2", "callbacks.resume.every=3"),
]


def on(styles: Path) -> list[str]:
    """What a run learns from, and a folder of small photos for it to end on."""
    return [f"data.styles={styles}", f"data.validation={styles}"]


@pytest.fixture(scope="module")
def styles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stripes in red, and stripes in blue."""
    folder = tmp_path_factory.mktemp("styles")
    stripes = 127 + 120 * np.sin(np.mgrid[:96, :128][1] / 4)
    for name, order in (("red", (0, 1, 2)), ("blue", (2, 1, 0))):
        rgb = np.stack([stripes, stripes / 4, stripes / 8], -1)[..., order].astype(np.uint8)
        Image.fromarray(rgb).save(folder / f"{name}.png")
    return folder


@pytest.fixture(scope="module")
def trained(styles: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 100 steps."""
    place = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("STYLENET_CACHE", str(place / "cache"))
        overrides = [*on(styles), f"run={place}", "trainer.max_steps=100"]
        assert train(monkeypatch, *SMALL, *overrides, "task.optimizer.lr=0.003") == 0
    return place


def test_a_run_leaves_everything_and_learns(trained: Path, styles: Path):
    found = rows(trained)
    assert list(found[0]) == ["step", "lr", "content", "style", "total"]
    style = [float(row["style"]) for row in found]
    assert np.mean(style[-10:]) < 0.85 * np.mean(style[:5])
    names = {path.name for path in trained.iterdir()}
    assert names >= {"model.pt", "preview.png", "losses.png", "result.yaml", CHECKPOINT}
    config = yaml.safe_load((trained / "config.yaml").read_text())
    assert config["style_picture"]["origin"] == "collection"
    assert str(styles) in config["style_picture"]["credit"]
    assert not any("encoder" in name for name in load_model(trained).net.state_dict())


def test_a_photo_takes_on_the_style_it_is_told(trained: Path, styles: Path, tmp_path, picture):
    Image.fromarray(picture).save(tmp_path / "photo.png")
    ratios = {}
    for name in ("red", "blue"):
        out = tmp_path / f"{name}.png"
        told = ["--model", str(trained), "--style", str(styles / f"{name}.png"), "-o", str(out)]
        assert stylize.main([str(tmp_path / "photo.png"), *told]) == 0
        red, _, blue = np.asarray(Image.open(out)).mean((0, 1))
        ratios[name] = red / blue
    assert ratios["red"] > 1.3 * ratios["blue"]


@pytest.mark.parametrize("net", ["adain", pytest.param("sanet", marks=pytest.mark.slow)])
def test_an_interrupted_run_ends_bit_identical_to_an_uninterrupted_one(
    tmp_path: Path, styles: Path, monkeypatch: pytest.MonkeyPatch, net: str, capsys
):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    common = [f"net={net}", *on(styles), "trainer.max_steps=5"]
    assert train(monkeypatch, *SMALL, *common, f"run={whole}") == 0
    assert f"--model {whole} --style PICTURE -o" in capsys.readouterr().out
    assert train(monkeypatch, *SMALL, *common, f"run={parts}", interrupt_at(2)) == 130
    torch.rand(7)  # a resumed process has another random state
    assert train(monkeypatch, *SMALL, *common, f"run={parts}", "ckpt=last") == 0
    assert rows(parts) == rows(whole)
    expected, found = (load_model(folder).net.state_dict() for folder in (whole, parts))
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_the_embedded_styles_are_painted_and_trained_on(
    tmp_path: Path, styles: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    few = ["trainer.max_steps=1", f"data.validation={styles}"]
    assert train(monkeypatch, *SMALL, f"run={tmp_path / 'run'}", *few) == 0
    config = yaml.safe_load((tmp_path / "run/config.yaml").read_text())
    assert config["style_picture"]["credit"] == "the painted homages"
    said = [record.getMessage() for record in caplog.records]
    [homages] = [line for line in said if line.startswith("training on")]
    assert homages.startswith("training on the painted homages, enough to try it out; give")
    assert "data.styles=FOLDER" in homages


@pytest.mark.parametrize(
    ("override", "error"),
    [
        ("data.styles=gone", "gone"),
        ("style=starry_night", "leave out style="),
        ("loss.statistics=median", "loss.statistics=median is unknown; use mean_std or gram"),
        ("loss.style_weight=-1", "loss.style_weight=-1"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, monkeypatch, capsys, override: str, error: str):
    assert (
        train(monkeypatch, *SMALL, f"run={tmp_path / 'run'}", "trainer.max_steps=1", override) == 2
    )
    assert error in capsys.readouterr().err.strip().splitlines()[-1]
