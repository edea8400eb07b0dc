"""Put a finished run on the Hugging Face hub, with its card."""

from __future__ import annotations

import argparse
import re
from pathlib import Path


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    made = argparse.ArgumentParser(prog="stylenet push", description=__doc__)
    add = made.add_argument
    add("run", type=Path, metavar="RUN", help="a run, or the name of its folder")
    help = "the repository (default: one of yours, stylenet-STYLE)"
    add("--to", type=repository, metavar="OWNER/NAME", help=help)
    add("--private", action="store_true", help="for nobody but the owner to see, if it is new")
    help = "upload the preview and your own style picture although their licences are not known"
    add("--pictures", action="store_true", help=help)
    return made


def repository(text: str) -> str:
    """The name of a repository on the hub."""
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,96}/[A-Za-z0-9._-]{1,96}", text):
        raise argparse.ArgumentTypeError(f"{text} is no OWNER/NAME")
    return text
