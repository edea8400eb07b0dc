"""Pipes, sockets and devices end in one line, wherever a file is read; none is waited for."""

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from training import train

from stylenet import evaluate, optimize, stylize
from stylenet.evaluation.adapter import read_adapter
from stylenet.export import __main__ as export
from stylenet.models.checkpoint import EMBEDDED
from stylenet.reports.sweep import read_sweep
from stylenet.runs.curves import sound_rows
from stylenet.runs.saved_config import read_config
from stylenet.runtime.regions import Mask
from stylenet.system.errors import UserError
from stylenet.system.integrity import sha256_of
from stylenet.system.special_files import refuse_special
from stylenet.vgg import VGG


@pytest.fixture(autouse=True)
def place(tmp_path: Path, picture: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a photo and pipes."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(picture).save("photo.png")
    for name in ("run/model.pt", "pipe.onnx", "pipe.png", "pipe.mp4", "pipe.yaml", "pipe.pt"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(name)
    return tmp_path


def socket_at(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)  # a path may have about 100 letters


KINDS: dict[str, Callable[[Path], None]] = {
    "a pipe": os.mkfifo,
    "a socket": socket_at,
    "a device": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_named(place, kind):
    KINDS[kind](place / "special.png")
    with pytest.raises(UserError, match=rf"special\.png is {kind}; give a file"):
        refuse_special(place / "special.png")


def test_files_folders_and_what_is_not_there_are_left_to_others(place):
    (place / "loop").symlink_to(place / "loop")
    for name in ("photo.png", ".", "gone", "photo.png/x", "loop", "a\0b"):
        refuse_special(Path(name))


PHOTO = f"photo.png --model {EMBEDDED}"
COMMANDS = {
    stylize: {
        "photo.png --model run -o out.png": "run/model.pt",
        "photo.png --model pipe.onnx -o out.png": "pipe.onnx",
        f"pipe.png --model {EMBEDDED} -o out.png": "pipe.png",
        f"pipe.png --model {EMBEDDED} -o out": "pipe.png",
        f"pipe.mp4 --model {EMBEDDED} -o out.mp4": "pipe.mp4",
        f"{PHOTO} --mask pipe.png -o out.png": "pipe.png",
        f"{PHOTO} --keep pipe.png -o out.png": "pipe.png",
    },
    optimize: {
        "pipe.png --style starry_night -o out.png": "pipe.png",
        "photo.png --style photo.png --init pipe.png -o out.png": "pipe.png",
        "photo.png --style photo.png --init run -o out.png": "run/model.pt",
    },
    export: {"run -o out.onnx": "run/model.pt"},
    evaluate: {"run": "run/model.pt", "pipe.onnx": "pipe.onnx"},
}


@pytest.mark.parametrize(
    ("command", "line"), [(command, line) for command, lines in COMMANDS.items() for line in lines]
)
def test_commands_refuse_pipes(capsys, command, line):
    with pytest.raises(SystemExit) as end:
        sys.exit(command.main(line.split()))
    assert end.value.code == 2
    [error] = capsys.readouterr().err.splitlines()
    assert error.startswith("error: ")
    assert error.endswith(f"{COMMANDS[command][line]} is a pipe; give a file")


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ("style=custom style.image=pipe.png", "pipe.png is a pipe"),
        ("style=custom style.image=photo.png init=run", "run/model.pt is a pipe"),
    ],
)
def test_training_refuses_pipes(monkeypatch, capsys, overrides, told):
    fast = ("trainer=cpu", "trainer.max_steps=1", "run=out")
    assert train(monkeypatch, *overrides.split(), *fast) == 2
    assert f"error: {told}; give a file" in capsys.readouterr().err


def test_a_clip_of_masks_is_no_pipe():
    with pytest.raises(UserError, match=r"pipe\.mp4 is a pipe; give a file"):
        next(Mask(Path("pipe.mp4")).frames())
    with pytest.raises(UserError, match=r"pipe\.png is a pipe; give a file"):
        next(Mask(Path("pipe.png")).frames())


def test_what_evaluation_reads_is_no_pipe():
    for read in (read_adapter, sha256_of):
        with pytest.raises(UserError, match=r"pipe\.yaml is a pipe; give a file"):
            read(Path("pipe.yaml"))


def test_what_a_run_left_is_read_from_files_alone(place):
    os.mkfifo("run/config.yaml")
    os.mkfifo("run/losses.csv")
    assert read_config(place / "run") is None
    assert sound_rows(place / "run/losses.csv") == ([], True)


def test_the_overrides_of_a_sweep_are_no_pipe(place):
    (place / "sweep/0").mkdir(parents=True)
    os.mkfifo(place / "sweep/0/overrides.yaml")
    with pytest.raises(UserError, match=r"overrides\.yaml is a pipe; give a file"):
        read_sweep(place / "sweep")


def test_weights_are_no_pipe():
    with pytest.raises(UserError, match=r"weights=pipe\.pt is a pipe; give a file"):
        VGG(["relu1_1"], weights="pipe.pt")(torch.zeros(1, 3, 32, 32))
