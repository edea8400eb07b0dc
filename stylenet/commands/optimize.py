"""Stylise one photo by pixel optimisation: it takes minutes, and needs no trained net."""

from __future__ import annotations

import argparse
from pathlib import Path

from stylenet.config.arguments import count, output_path, pixels


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    made = argparse.ArgumentParser(
        prog="stylenet optimize",
        description=f"{__doc__} The result file is refreshed along the way. Large photos are "
        "painted coarse to fine.",
    )
    add = made.add_argument
    add("photo", type=Path, metavar="PHOTO")
    help = "the name of a style, or a picture; several, as STYLE:SHARE, are mixed"
    add("--style", required=True, action="append", metavar="STYLE", help=help)
    add("-o", "--out", required=True, type=output_path, metavar="OUT", help="a picture file")
    add(
        "--size",
        type=pixels,
        metavar="N",
        help="longer side in pixels (default: the photo's or the scene's)",
    )
    help = (
        "iterations at the coarsest size; each doubling of the size takes two fifths as many"
        " (default: 100, or the scene's)"
    )
    add("--iterations", type=count, metavar="N", help=help)
    help = (
        "what to start from: photo, noise, a picture, or a run or model file, whose result is"
        " refined (default: photo)"
    )
    add("--init", default="photo", metavar="START", help=help)
    help = "default: lbfgs, but adam from noise"
    add("--optimizer", choices=("lbfgs", "adam"), help=help)
    help = (
        "shorter side of the style picture, which sets the size of strokes (default: 512, as with"
        " strokes=medium; strokes=fine, strokes=bold)"
    )
    add("--style-size", type=pixels, metavar="N", help=help)
    add("--preserve-color", action="store_true", help="keep the colours of the photo")
    add("--seed", type=int, default=0, help="seed of the noise (default: 0)")
    help = (
        "settings of the config, as in training: strokes=bold, loss.style_weight=40, loss=gatys,"
        " scene=art …"
    )
    add("overrides", nargs="*", metavar="KEY=VALUE", help=help)
    return made
