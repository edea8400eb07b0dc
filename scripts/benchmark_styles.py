#!/usr/bin/env python
"""How well does a net for any style take on styles that it never saw? On photos that it never saw.

For each style picture: the style error of the results over that of the photos as they are, in per
cent, and the content error, both as `stylenet.evaluate` judges a look. With --sheet a picture of
all pairs.

    python scripts/benchmark_styles.py RUN [RUN …] --photos FOLDER --styles FOLDER --sheet OUT.png
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps

from stylenet.data.folder import FolderPhotos
from stylenet.evaluation.inputs import Input, picture_file
from stylenet.evaluation.judge import Judge
from stylenet.models.checkpoint import load_model
from stylenet.nets.apply import apply_net
from stylenet.nets.arbitrary import styled
from stylenet.nets.traits import traits
from stylenet.pictures.images import Bytes, Picture, write_picture
from stylenet.system.errors import UserError, exit_on_user_error

TILE = 192


def inputs(folder: Path) -> list[Input]:
    """The pictures of a folder."""
    return [picture_file(file, file.stem) for file in FolderPhotos(str(folder)).files()]


def terms(judge: Judge, result: Bytes, photo: Bytes, style: Bytes) -> tuple[float, float]:
    """Style and content error of a result, uint8 (H, W, 3)."""
    found = judge.look(result, photo, judge.target(style))
    return found["style"], found["content"]


def sheet(rows: list[list[Bytes]]) -> Bytes:
    """Squares of all pictures in rows, uint8 (H, W, 3)."""
    fit = partial(ImageOps.fit, size=(TILE, TILE), method=Image.Resampling.LANCZOS)
    tiles = [[np.asarray(fit(Image.fromarray(rgb))) for rgb in row] for row in rows]
    return np.concatenate([np.concatenate(row, axis=1) for row in tiles])


def main() -> None:
    """Print a Markdown table for each model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", type=Path, help="run folders or model files")
    parser.add_argument("--photos", type=Path, required=True, help="folder of unseen photos")
    parser.add_argument("--styles", type=Path, required=True, help="folder of unseen styles")
    parser.add_argument("--sheet", type=Path, help="a .png to write, of the last model")
    args = parser.parse_args()
    photos = [each.fitted() for each in inputs(args.photos)]
    styles, judge = inputs(args.styles), Judge()
    for path in args.models:
        net = load_model(path).net
        if not traits(net).takes_style:
            raise UserError(f"{path} has learnt one style; use scripts/benchmark_quality.py")
        print(f"{path}\n\n| style | photos | results | left | content |\n|---|---|---|---|---|")
        shown = [[np.full_like(photos[0], 255), *photos]]
        found = []
        for style in styles:
            picture = style.painting()
            told = styled(net, [style.fitted()], [1.0])
            results = [apply_net(told, photo) for photo in photos]
            pairs = list(zip(results, photos, strict=True))
            before = [terms(judge, photo, photo, picture)[0] for photo in photos]
            after, content = zip(*(terms(judge, *pair, picture) for pair in pairs), strict=True)
            row = [float(np.mean(before)), float(np.mean(after)), float(np.mean(content))]
            found.append(row)
            print(line(style.name, *row), flush=True)
            shown.append([picture, *results])
        print(line("mean", *(float(x) for x in np.mean(found, axis=0))), "\n", flush=True)
        if args.sheet:
            write_picture(Picture(sheet(shown)), args.sheet)


def line(name: str, before: float, after: float, content: float) -> str:
    """A row of the table."""
    return f"| {name} | {before:.3f} | {after:.3f} | {after / before:.0%} | {content:.3f} |"


if __name__ == "__main__":
    with exit_on_user_error(), torch.inference_mode():
        main()
