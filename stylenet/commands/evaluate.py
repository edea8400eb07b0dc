"""The standardised benchmark: how well, how steadily and how fast models stylise."""

from __future__ import annotations

import argparse
from pathlib import Path

from stylenet.config.arguments import output_path


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    made = argparse.ArgumentParser(
        prog="stylenet evaluate",
        description=f"{__doc__} All models run on the CPU and are judged by the same VGG-19. "
        "The same inputs give the same figures, except for timings.",
    )
    add = made.add_argument
    help = (
        "a run, the name of its folder, its model.pt, an exported .onnx, or a peer's .onnx with its"
        " --adapter"
    )
    add("models", nargs="+", type=Path, metavar="MODEL", help=help)
    help = (
        "samples: three embedded photos, each model with its own style; coco-wikiart: every photo "
        "with every style; video: the embedded photos under moving cameras (default: samples)"
    )
    add("--suite", choices=("samples", "coco-wikiart", "video"), default="samples", help=help)
    help = "with --suite video: also judge this clip; its flow is estimated"
    add("--clip", type=Path, metavar="CLIP", help=help)
    add("--content", type=Path, metavar="FOLDER", help="photos, such as MS-COCO's")
    add("--styles", type=Path, metavar="FOLDER", help="style pictures, such as WikiArt's")
    help = "YAML that describes a peer's net; one for all peers, or one for each, in their order"
    add("--adapter", type=Path, action="append", default=[], metavar="FILE", help=help)
    help = (
        "also find the L-BFGS iteration that each result equals; a new pair of photo and style"
        " takes minutes, and its curve is kept"
    )
    add("--lbfgs", action="store_true", help=help)
    add(
        "-o",
        "--out",
        type=output_path,
        metavar="FOLDER",
        help="for JSON, Markdown, HTML and manifest",
    )
    return made
