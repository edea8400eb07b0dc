"""Argument types of the command line: numbers with their ranges, outputs, shares."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from pathlib import Path

from stylenet.pictures.sides import MAX_SIDE, MIN_SIDE


def pixels(text: str) -> int:
    """The side of a picture in pixels."""
    if not MIN_SIDE <= int(text) <= MAX_SIDE:
        raise argparse.ArgumentTypeError(f"{text} is not between {MIN_SIDE} and {MAX_SIDE}")
    return int(text)


def count(text: str) -> int:
    """A whole number of at least 1."""
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return int(text)


def share(text: str) -> float:
    """A number in [0, 1]."""
    if not 0 <= float(text) <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return float(text)


def scale(text: str) -> float:
    """A factor from 1/8 to 8."""
    if not 1 / 8 <= float(text) <= 8:
        raise argparse.ArgumentTypeError(f"{text} is not between 0.125 and 8")
    return float(text)


def amount(most: float) -> Callable[[str], float]:
    """The reader of a number from 0 to `most`."""

    def amount(text: str) -> float:
        if not 0 <= float(text) <= most:
            raise argparse.ArgumentTypeError(f"{text} is not between 0 and {most:g}")
        return float(text)

    return amount


def output(text: str) -> str:
    """A file or folder to write.

    An empty name is refused. It comes from a shell variable that is not set, and would mean the
    current folder.
    """
    if not text:
        raise argparse.ArgumentTypeError("it is empty; name a file or a folder")
    return text


def output_path(text: str) -> Path:
    """`output` as a path."""
    return Path(output(text))


def split_share(text: str) -> tuple[str, float]:
    """Split ``NAME:SHARE`` of a command line into name and share. The share is 1 if left out.

    A share is 0, or from 0.000001 to 999999: sums of such numbers are exact enough.
    """
    name, _, share = text.rpartition(":")
    if not name or not re.fullmatch(r"[0-9]{1,6}(\.[0-9]*)?|\.[0-9]+", share):
        return text, 1.0
    return (text, 1.0) if 0 < float(share) < 1e-6 else (name, float(share))
