"""The first line of a command: at once, and on terminals only."""

import os
import subprocess
import sys

import pytest

from stylenet.commands.train import only_shows

COMMANDS = {
    "train": ["style=great_wave"],
    "stylize": ["a.jpg", "--model", "b", "-o", "c.png"],
    "optimize": ["a.jpg", "--style", "udnie", "-o", "c.png"],
    "export": ["a", "-o", "b.onnx"],
    "evaluate": ["a"],
    "report": ["a"],
    "prepare": [],
    "info": ["a"],
}


def first_words(*arguments: str) -> str:
    """What the command prints first on a terminal, before it is killed."""
    terminal, stderr = os.openpty()
    command = [sys.executable, "-m", "stylenet", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=stderr)
    try:
        return os.read(terminal, 1000).decode().strip()
    finally:
        process.kill()
        process.wait()
        os.close(terminal)
        os.close(stderr)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_terminal_hears_of_torch_before_anything_else(command: str):
    assert first_words(command, *COMMANDS[command]) == "loading torch …"


def test_mistakes_and_files_that_need_no_torch_are_told_first():
    assert first_words("evaluate").startswith("usage: stylenet evaluate")
    assert first_words("info", "gone.onnx").startswith("error: gone.onnx")
    stylize = ("stylize", "a.jpg", "-o", "c.png")
    assert first_words(*stylize, "--style", "udnie").startswith("error: a.jpg")
    assert first_words(*stylize, "--model", "gone.onnx").startswith("error: ")


@pytest.mark.parametrize("arguments", [["--cfg", "job"], ["-c", "job"], ["--version"]])
def test_what_only_shows_the_config_says_nothing_of_torch(arguments: list[str]):
    assert only_shows(["style=udnie", *arguments])


@pytest.mark.parametrize("arguments", [["style=udnie"], ["-m", "seed=1,2"], []])
def test_a_training_does(arguments: list[str]):
    assert not only_shows(arguments)
