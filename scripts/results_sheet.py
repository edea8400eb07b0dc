#!/usr/bin/env python
"""The README's pictures: photos across, one trained style a row.

python scripts/results_sheet.py RUN [RUN …] --photos FOLDER -o notebooks/results.jpg
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps

from stylenet.data.folder import FolderPhotos
from stylenet.data.samples import SamplePhotos
from stylenet.models.checkpoint import TrainedModel, in_mixture, load_model
from stylenet.models.learnt import learnt_picture
from stylenet.nets.traits import traits
from stylenet.pictures.images import Picture, read_picture, write_picture
from stylenet.runtime.mixture import weights_of
from stylenet.system.errors import exit_on_user_error
from stylenet.tensors import to_bytes, to_tensor

HEIGHT = 256
GAP = 8
SIDE = 640  # longer side at which photos are stylised

Bytes = NDArray[np.uint8]


def shrink(rgb: Bytes, width: int, height: int) -> Image.Image:
    """`rgb` within width x height, its proportions kept."""
    return ImageOps.contain(Image.fromarray(rgb), (width, height), Image.Resampling.LANCZOS)


def row(style: Bytes | None, pictures: list[Bytes]) -> Image.Image:
    """The style picture, or a gap, and the pictures beside it, of one height."""
    tiles = [shrink(rgb, 10 * HEIGHT, HEIGHT) for rgb in pictures]
    width = HEIGHT + sum(GAP + tile.width for tile in tiles)
    canvas = Image.new("RGB", (width, HEIGHT), "white")
    if style is not None:
        tile = shrink(style, HEIGHT, HEIGHT)
        canvas.paste(tile, ((HEIGHT - tile.width) // 2, (HEIGHT - tile.height) // 2))
    left = HEIGHT + GAP
    for tile in tiles:
        canvas.paste(tile, (left, 0))
        left += tile.width + GAP
    return canvas


def by_style(model: TrainedModel) -> list[TrainedModel]:
    """A model of several styles in each, or one of one style as it is."""
    styles = traits(model.net).styles
    if not styles:
        return [model]
    return [in_mixture(model, weights_of(styles, [(style, 1.0)])) for style in styles]


@torch.inference_mode()
def main() -> None:
    """Stylise the photos by every run and write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path, help="run folders or model files")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the sheet")
    help = "a folder of photos that no run has seen (embedded ones, held out)"
    parser.add_argument("--photos", type=Path, help=help)
    args = parser.parse_args()
    source = FolderPhotos(str(args.photos)) if args.photos else SamplePhotos(held_out=True)
    photos = [np.asarray(shrink(read_picture(file).rgb, SIDE, SIDE)) for file in source.files()]
    rows = [row(None, photos)]
    for model in (model for run in args.runs for model in by_style(load_model(run))):
        assert model.folder is not None
        style = learnt_picture(model.config, model.folder).rgb
        rows.append(row(style, [to_bytes(model.net(to_tensor(photo))) for photo in photos]))
    canvas = Image.new("RGB", (rows[0].width, len(rows) * (HEIGHT + GAP) - GAP), "white")
    for number, line in enumerate(rows):
        canvas.paste(line, (0, number * (HEIGHT + GAP)))
    write_picture(Picture(np.asarray(canvas)), args.output)


if __name__ == "__main__":
    with exit_on_user_error():
        main()
