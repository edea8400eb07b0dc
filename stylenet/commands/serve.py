"""Serve trained models over HTTP: post a photo, get it stylised."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from stylenet.config.arguments import count


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    made = argparse.ArgumentParser(
        prog="stylenet serve",
        description=f"{__doc__} Ctrl-C or SIGTERM ends the service when it has answered. Whoever"
        " reaches the address may use it: for more than this computer, put a proxy before it.",
    )
    add = made.add_argument
    help = (
        "an exported .onnx, or a run, the name of its folder or its model.pt, which is exported"
        " first; called by its name, unless one is given"
    )
    add("models", nargs="+", type=named_model, metavar="[NAME=]MODEL", help=help)
    help = "address to listen at; 0.0.0.0 is every one (default: 127.0.0.1)"
    add("--host", default="127.0.0.1", metavar="HOST", help=help)
    help = "port to listen at; 0 takes a free one (default: 8000)"
    add("--port", type=port, default=8000, metavar="N", help=help)
    help = "the most that the net paints of a photo; larger ones need a size (default: 4)"
    add("--max-megapixels", type=positive, default=4.0, metavar="N", help=help)
    help = "the largest file of a photo (default: 20000000)"
    add("--max-bytes", type=count, default=20_000_000, metavar="N", help=help)
    help = "seconds that a request may take, waiting included (default: 60)"
    add("--timeout", type=positive, default=60.0, metavar="S", help=help)
    help = "the most waiting photos of one size that share a run of the net (default: 4)"
    add("--batch", type=count, default=4, metavar="N", help=help)
    return made


def named_model(text: str) -> tuple[str | None, Path]:
    """Parse ``MODEL`` or ``NAME=MODEL``."""
    found = re.fullmatch(r"([\w-]+)=(.+)", text)
    return (found[1], Path(found[2])) if found else (None, Path(text))


def port(text: str) -> int:
    """A number of a port."""
    if not 0 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 65535")
    return int(text)


def positive(text: str) -> float:
    """A number above 0, and below infinity."""
    if not 0 < float(text) < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return float(text)
