"""Tell what a model file is: its style, net and training."""

from __future__ import annotations

import argparse
from pathlib import Path


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    made = argparse.ArgumentParser(prog="stylenet info", description=__doc__)
    help = "a run, the name of its folder, its model.pt, or an exported .onnx"
    made.add_argument("model", type=Path, metavar="RUN_OR_FILE", help=help)
    return made
