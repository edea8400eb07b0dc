"""Stylise photos, folders of photos, a clip or a webcam with a trained model."""

from __future__ import annotations

import argparse
from pathlib import Path

from stylenet.config.arguments import amount, count, output, pixels, scale, share, split_share
from stylenet.pictures.amounts import FEATHER, MAX_FEATHER, MAX_SHARPEN


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    made = argparse.ArgumentParser(
        prog="stylenet stylize",
        description=f"{__doc__} Results keep the size, format and transparency of the photos and "
        "are in sRGB; results of an earlier run are replaced, other pictures in a folder searched "
        "are not.",
    )
    add = made.add_argument
    help = "folders are searched; one clip, such as an .mp4, is stylised frame by frame"
    add("photos", nargs="*", type=Path, metavar="PHOTO_OR_FOLDER", help=help)
    help = "film instead, until Ctrl-C: a camera's number, or its device, such as /dev/video0"
    add("--webcam", metavar="CAMERA", help=help)
    help = (
        "a run, the name of its folder, its model.pt, or an exported .onnx; several need a --mask"
        " for each (default: the starter model)"
    )
    add("--model", type=Path, action="append", default=[], metavar="RUN_OR_FILE", help=help)
    help = (
        "a shipped style, which the starter has learnt; for a model of task=multistyle, the name of"
        " a style that it has learnt; for a model of task=arbitrary, a style picture; several, as"
        " STYLE:SHARE, are mixed, unless each has a --mask"
    )
    add("--style", type=style, action="append", default=[], metavar="STYLE", help=help)
    help = "with a style picture: from 0, the photo's own look, to 1, the style's (default: 1)"
    add("--alpha", type=share, default=1.0, metavar="A", help=help)
    help = (
        "a picture file for one photo, a clip for a clip, or a folder, which mirrors the folders"
        " that are searched"
    )
    add("-o", "--out", type=output, required=True, metavar="OUT", help=help)
    help = "longer side of the results in pixels (default: as the photo)"
    add("--size", type=pixels, metavar="N", help=help)
    help = "size of strokes, a multiple of the net's own: 2 for a large picture (default: 1)"
    add("--stroke-scale", type=scale, default=1.0, metavar="S", help=help)
    help = "keep the colours of the photo, and stylise only light and dark"
    add("--preserve-color", action="store_true", help=help)
    help = "blend of both, from 0, the photo, to 1, fully stylised (default: 1)"
    add("--strength", type=share, default=1.0, metavar="S", help=help)
    help = (
        "stylise only where this grey picture is white; or a folder of masks, named as the photos;"
        " or a clip of masks for a clip; one for each --model, or for each --style of a single one"
    )
    either = made.add_mutually_exclusive_group().add_argument
    either("--mask", type=Path, action="append", default=[], metavar="MASK", help=help)
    help = "as --mask, but keep the photo where the mask is white"
    either("--keep", type=Path, action="append", default=[], metavar="MASK", help=help)
    help = f"pixels over which the edges of masks fade (default: {FEATHER:g})"
    add("--feather", type=amount(MAX_FEATHER), default=FEATHER, metavar="N", help=help)
    help = "smooth, but keep edges, where colours differ by more than E of 1, such as 0.1"
    add("--bilateral", type=share, default=0.0, metavar="E", help=help)
    help = "spread light and dark over the whole range"
    add("--stretch", action="store_true", help=help)
    help = "unsharp mask: 0.5 is crisp, 1 is hard (default: 0)"
    add("--sharpen", type=amount(MAX_SHARPEN), default=0.0, metavar="A", help=help)
    help = (
        "stylise in squares of N pixels, for a picture larger than memory allows; the result is"
        " exactly the same, but takes some six times as long"
    )
    add("--tile", type=pixels, metavar="N", help=help)
    help = "with --tile: the net's norms see only a sample of the picture: faster, nearly the same"
    add("--fast", action="store_true", help=help)
    help = "of a run that learnt both: forth (A2B, photo to painting; default) or back (B2A)"
    add("--direction", choices=("forth", "back"), default="forth", help=help)
    help = (
        "where the net runs; tensorrt is for exported models, on a GPU (default: auto, a GPU by"
        " cuda if there is one)"
    )
    add("--device", choices=("auto", "cpu", "cuda", "tensorrt"), default="auto", help=help)
    help = (
        "for very many photos: by workers on Ray Data, of this machine or of the cluster of"
        " $RAY_ADDRESS; Parquet files are read, too, and the same command goes on where it stopped"
    )
    add("--engine", choices=("ray",), help=help)
    help = "with --engine ray: how many (default: one for each GPU, or else for each core)"
    add("--workers", type=count, metavar="N", help=help)
    return made


def style(text: str) -> tuple[Path, float]:
    """Parse ``STYLE`` or ``STYLE:SHARE`` of the command line."""
    name, share = split_share(text)
    if not share > 0:
        raise argparse.ArgumentTypeError(f"{text} has no share; give one above 0")
    return Path(name), share
