"""Loss curves on disk: what a crash cuts short is no row, and damage takes no other row along."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image
from training import a_full_disk

from stylenet.callbacks.curves import LossCurves, plot_curves, running_mean
from stylenet.runs.curves import read_rows
from stylenet.system.errors import UserError

ROWS = "step,total,seconds\n1,2.5,0.25\n2,2.25,0.75\n"


@pytest.mark.parametrize("cut", ["", "\n"])
def test_whole_rows_are_read(tmp_path: Path, cut: str):
    path = tmp_path / "losses.csv"
    path.write_text(ROWS + cut)
    assert [row["seconds"] for row in read_rows(path)] == ["0.25", "0.75"]


@pytest.mark.parametrize("length", range(1, len("2,2.25,0.75\n")))
def test_a_last_row_cut_anywhere_is_left_out(tmp_path: Path, length: int):
    path = tmp_path / "losses.csv"
    path.write_text(ROWS[:-length])
    assert [row["step"] for row in read_rows(path)] == ["1"]


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        (b"\x00\xff\xfe" * 99 + b"\n" + b"\x80\n", []),
        (b"step,total,step\n1,2,3\n", []),
        (b"total,seconds\n2.5,0.25\n", []),
        (b"step,total,seconds\n1,2.5,0.25\nx,2.5,0.5\n3,2.5,0.75\n", ["1", "3"]),
        (b"step,total,seconds\n1,much,0.25\n2,2.5,0.5\n", ["2"]),
        (b"step,total,seconds\n1,2.5\n2,2.5,0.5\n3,2.5,0.75,1\n", ["2"]),
        (b"step,total,seconds\n1,2.5,0.1\n1,2.5,0.2\n2,2.5,0.3\n\n", ["1", "2"]),
        (b"step,total\n1," + b"9" * 200_000 + b"\n2,2.5\n", []),
    ],
)
def test_what_can_be_read_is_read(tmp_path: Path, text: bytes, steps: list[str]):
    path = tmp_path / "losses.csv"
    path.write_bytes(text)
    assert [row["step"] for row in read_rows(path)] == steps


def test_curves_appear_whole(tmp_path: Path):
    rows = [{"step": str(n), "lr": "1", "total": str(1 / n), "seconds": "1"} for n in range(1, 9)]
    plot_curves(rows, tmp_path / "losses.png", "the $wave")
    with Image.open(tmp_path / "losses.png") as plot:
        assert plot.size == (960, 600)
    before = (tmp_path / "losses.png").read_bytes()
    with a_full_disk(1000), pytest.raises(UserError, match=r"cannot write .*losses\.png"):
        plot_curves(rows, tmp_path / "losses.png", "wave")
    assert (tmp_path / "losses.png").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["losses.png"]


@pytest.mark.parametrize(
    ("window", "means"),
    [(1, [4, 2, 6, 0]), (2, [4, 3, 4, 3]), (3, [4, 3, 4, 8 / 3]), (9, [4, 3, 4, 3])],
)
def test_a_running_mean_is_of_the_steps_before(window: int, means: list[float]):
    assert running_mean(np.array([4.0, 2.0, 6.0, 0.0]), window) == pytest.approx(means)


def test_means_are_drawn_thick_over_pale_steps_below_the_styles_name(tmp_path: Path, monkeypatch):
    drawn: list[Axes] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: drawn.extend(figure.axes))
    rows = [{"step": str(n), "lr": "1", "tv": str(1 / n), "seconds": "1"} for n in range(1, 99)]
    plot_curves(rows, tmp_path / "losses.png", "great_wave")
    [axes] = drawn
    steps, mean = axes.lines
    assert mean.get_zorder() > steps.get_zorder()
    assert mean.get_linewidth() > steps.get_linewidth()
    assert steps.get_alpha() < 0.5
    assert "great_wave" in axes.get_title(loc="left")


def test_a_full_disk_is_named_with_the_file(tmp_path: Path):
    curves = LossCurves(str(tmp_path), "wave")
    with a_full_disk(10), pytest.raises(UserError, match=r"cannot write .*losses\.csv"):
        curves._append([{"step": 1, "total": 2.5}])
