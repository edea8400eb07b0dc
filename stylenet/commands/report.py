"""Show what a sweep found: a page and a picture of all its runs on the same photos."""

from __future__ import annotations

import argparse
from pathlib import Path


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    made = argparse.ArgumentParser(prog="stylenet report", description=__doc__)
    add = made.add_argument
    help = "the folder of a sweep, such as runs/sweeps/NAME; report.html and report.png go there"
    add("sweep", type=Path, metavar="SWEEP", help=help)
    help = (
        "photos to stylise, or a folder to choose six of evenly (default: the held-out sample"
        " photos); they are shown at a longer side of at most 512 pixels"
    )
    add("--photos", nargs="+", type=Path, default=[], metavar="PHOTO_OR_FOLDER", help=help)
    help = (
        "also find the L-BFGS iteration that each run equals under its own loss; this takes minutes"
        " for each run"
    )
    add("--lbfgs", action="store_true", help=help)
    return made
