"""The command line that paints one photo."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from stylenet.models.checkpoint import save_model
from stylenet.nets.adain import AdaIN
from stylenet.optimize import Result, main, start_image
from stylenet.pictures.images import Picture
from stylenet.runtime.postprocess import Postprocess
from stylenet.system.errors import UserError

LIGHT = ["~loss.content_layers.relu4_2", "+loss.content_layers.relu1_1=1.0"] + [
    f"~loss.style_layers.relu{block}_1" for block in range(2, 6)
]


@pytest.fixture
def place(tmp_path: Path, picture: np.ndarray) -> Path:
    Image.fromarray(picture).save(tmp_path / "photo.png")
    Image.fromarray(picture[::-1] // 4 + np.array([120, 20, 0], np.uint8)).save(
        tmp_path / "style.png"
    )
    return tmp_path


def run(place: Path, *more: str, photo: str = "photo.png", out: str = "out.png") -> int:
    command = [f"{place}/{photo}", "--style", f"{place}/style.png", "-o", f"{place}/{out}"]
    try:
        return main([*command, "--iterations", "6", *more, *LIGHT])
    except SystemExit as end:
        return int(str(end.code))


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path)).astype(float)


def test_the_result_has_the_photos_size_and_less_of_the_loss(
    place: Path, capsys: pytest.CaptureFixture[str]
):
    assert run(place) == 0
    photo, out = pixels(place / "photo.png"), pixels(place / "out.png")
    assert out.shape == photo.shape
    assert np.abs(out - photo).mean() > 1
    before, after = capsys.readouterr().out.split("total loss ")[1].split(" in ")[0].split(" → ")
    assert float(after) < 0.2 * float(before)


def test_preserving_colour_keeps_the_photos_chroma(place: Path):
    assert run(place, "--preserve-color") == 0
    photo, out = pixels(place / "photo.png"), pixels(place / "out.png")
    inside = ((out > 3) & (out < 252)).all(-1)
    chroma = (photo[..., 0] - photo[..., 2]) - (out[..., 0] - out[..., 2])
    assert np.abs(chroma[inside]).max() <= 2


def test_a_start_is_refined(place: Path, capsys: pytest.CaptureFixture[str]):
    assert run(place) == 0
    first = capsys.readouterr().out
    assert run(place, "--init", f"{place}/out.png", out="more.png") == 0
    again = capsys.readouterr().out
    start = float(again.split("total loss ")[1].split()[0])
    end = float(first.split("→ ")[1].split()[0])
    assert start == pytest.approx(end, rel=0.2)


def test_the_medical_scene_keeps_16_bits(place: Path, capsys: pytest.CaptureFixture[str]):
    grey = np.arange(80 * 90, dtype=np.uint16).reshape(80, 90) * 9
    Image.fromarray(grey).save(place / "scan.png")
    assert run(place, "scene=medical", "--size", "90", photo="scan.png") == 0
    with Image.open(place / "out.png") as out:
        assert out.mode == "I;16"
        assert out.size == (90, 80)
    said = capsys.readouterr().out
    assert "SSIM" in said
    assert "no medical device" in said


def test_a_colour_picture_is_refused_by_the_medical_scene(
    place: Path, capsys: pytest.CaptureFixture[str]
):
    assert run(place, "scene=medical") == 2
    assert "in colour" in capsys.readouterr().err


def test_coarse_results_are_written_at_the_photos_very_size(tmp_path: Path):
    rgb = np.zeros((667, 1001, 3), np.uint8)
    photo = Picture(rgb, np.full((667, 1001), 90, np.uint8))
    result = Result(photo, None, tmp_path / "out.png", Postprocess(preserve_color=True))
    result.write(torch.rand(1, 3, 167, 250))  # a quarter, rounded
    with Image.open(tmp_path / "out.png") as out:
        assert out.size == (1001, 667)
        assert out.mode == "RGBA"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--style", "mona_lisa"], "mona_lisa"),
        (["--init", "nothing.png"], "nothing.png"),
        (["--init", "style.pt"], "style.pt"),
        (["loss.stile_weight=3"], "stile_weight"),
        (["loss.style_weight=-3"], "loss.style_weight=-3"),
        (["--style", "udnie:0"], "udnie:0 has no share"),
        (["loss.strength=0.5", "loss.content_weight=0"], "give loss.content_weight above 0"),
    ],
)
def test_mistakes_are_one_line(
    place: Path, more: list[str], said: str, capsys: pytest.CaptureFixture[str]
):
    assert run(place, *more) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (place / "out.png").exists()


def test_a_net_for_any_style_is_no_start_by_itself(tmp_path: Path):
    net = {"_target_": "stylenet.nets.adain.AdaIN", "width": 0.1}
    save_model(tmp_path / "model.pt", AdaIN(width=0.1), {"net": net})
    with pytest.raises(UserError, match="takes any style"):
        start_image(str(tmp_path / "model.pt"), torch.rand(1, 3, 64, 64), seed=0)


def test_ctrl_c_keeps_the_picture_as_far_as_it_is(place: Path):
    command = [sys.executable, "-m", "stylenet.optimize", f"{place}/photo.png"]
    options = ["--style", f"{place}/style.png", "-o", f"{place}/out.png", "--iterations", "9999"]
    process = subprocess.Popen([*command, *options, *LIGHT], stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 300  # a shared machine may be slow
    while not (place / "out.png").exists() and time.monotonic() < end:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "as far as it came" in said
    assert pixels(place / "out.png").shape == (96, 128, 3)
