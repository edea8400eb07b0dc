"""A newcomer's walk: README's commands, run as printed, where its placeholders are real files.

Trainings get two steps on small crops, in settings that are put behind the printed ones.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_readme import commands

SMALL = ("trainer.max_steps=2", "data.size=64", "callbacks.previews.height=48")
SHORT = {"train": SMALL, "optimize": ("--size", "96", "--iterations", "2")}
HUB = ("data.limit=20000", "data=wikiart")
ELSEWHERE = {"serve", "push", "evaluate"}
"""Commands that do not end, need a hub, or take minutes; they have tests of their own."""


def runs_here(words: list[str]) -> bool:
    """Whether a command needs neither a network nor a camera nor another test."""
    asks = [*HUB, "--webcam", "--help", "--cfg"]
    return words[0] not in {*ELSEWHERE, "COMMAND"} and not any(word in asks for word in words)


def picture(path: Path, seed: int) -> None:
    """A soft, coloured picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    Image.fromarray(cells).resize((160, 120), Image.Resampling.BICUBIC).save(path, "PNG")


def film(path: Path) -> None:
    """A clip of four frames."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for shade in range(4):
            frame = np.full((64, 96, 3), 60 * shade, np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(frame)))
        out.mux(stream.encode())


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with README's placeholders."""
    folder = tmp_path_factory.mktemp("walk")
    for number, name in enumerate(("PHOTO", "PICTURE", "SKY.png", "photo.jpg")):
        picture(folder / name, number)
    for name in ("PHOTO_OR_FOLDER", "PHOTOS", "PICTURES", "PAINTINGS", "COCO/train2017"):
        for number in range(3):
            picture(folder / name / f"{number}.png", number)
    film(folder / "CLIP.mp4")
    return folder


def walk(place: Path, words: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stylenet", *words, *SHORT.get(words[0], ())],
        cwd=place,
        env={**os.environ, "STYLENET_CACHE": str(place / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_every_command_of_readme_runs_in_the_order_of_readme(place: Path):
    walked = 0
    for words in filter(runs_here, commands()):
        if words[0] == "report":
            shutil.move(next((place / "runs" / "sweeps").iterdir()), place / words[1])
        if "ckpt=last" in words:  # the newest run so far is another kind of net's
            assert walk(place, ["train", "style=great_wave"]).returncode == 0
        done = walk(place, words)
        asked_tensorrt = "tensorrt" in words  # which is not installed; the rest is written
        expected = 2 if asked_tensorrt else 0
        assert done.returncode == expected, (words, done.stdout[-800:], done.stderr[-2000:])
        walked += 1
    assert walked > 30
