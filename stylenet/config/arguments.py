"""Numbers on the command line, each within its range."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from stylenet.pictures.sides import MAX_SIDE, MIN_SIDE


def pixels(text: str) -> int:
    """A side in pixels, of the command line."""
    if not MIN_SIDE <= int(text) <= MAX_SIDE:
        raise argparse.ArgumentTypeError(f"{text} is not between {MIN_SIDE} and {MAX_SIDE}")
    return int(text)


def count(text: str) -> int:
    """A number of at least 1, of the command line."""
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return int(text)


def share(text: str) -> float:
    """A number in [0, 1], of the command line."""
    if not 0 <= float(text) <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return float(text)


def scale(text: str) -> float:
    """A factor from 1/8 to 8, of the command line."""
    if not 1 / 8 <= float(text) <= 8:
        raise argparse.ArgumentTypeError(f"{text} is not between 0.125 and 8")
    return float(text)


def amount(most: float) -> Callable[[str], float]:
    """Reads a number from 0 to `most`, of the command line."""

    def amount(text: str) -> float:
        if not 0 <= float(text) <= most:
            raise argparse.ArgumentTypeError(f"{text} is not between 0 and {most:g}")
        return float(text)

    return amount


def output(text: str) -> str:
    """A file or folder to write, of the command line.

    An empty name, as of a variable that is not set, would be that of the current folder.
    """
    if not text:
        raise argparse.ArgumentTypeError("it is empty; name a file or a folder")
    return text


def output_path(text: str) -> Path:
    """`output` as a path."""
    return Path(output(text))
