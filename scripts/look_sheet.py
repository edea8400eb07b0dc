#!/usr/bin/env python
"""How do results look? Photos down, results across: other nets' pictures, runs, and the optimum.

Each column tells its look as `stylenet.evaluate` measures it: content, style, lines, peak, means
over the photos. A SOURCE is a run or model file, or a folder with another net's results, named
PHOTO.png or PHOTO.jpg and made of the middle squares of the photos. The optimum is pixel
optimisation of loss=default.

    python scripts/look_sheet.py SOURCE [SOURCE …] --photos FOLDER --style PICTURE -o sheet.png
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from stylenet.evaluation.artefacts import grid_lines
from stylenet.evaluation.benchmark import mean
from stylenet.evaluation.judge import Judge, Target
from stylenet.models.checkpoint import load_model
from stylenet.nets.apply import apply_net
from stylenet.pictures.folders import find_pictures
from stylenet.pictures.images import Bytes, Picture, read_picture, write_picture
from stylenet.pictures.lettering import INK, LINE, PAPER, lettered
from stylenet.pictures.resizing import resize_shorter_side, square
from stylenet.pixels.optimisation import optimize
from stylenet.system.errors import UserError, exit_on_user_error
from stylenet.tensors import to_bytes, to_tensor

GAP = 4

Maker = Callable[[str, Bytes], Bytes]
"""The name and the square of a photo → its result."""


def made_by(source: Path) -> Maker:
    """The results of a run, or of a folder of pictures."""
    if source.is_dir() and not (source / "model.pt").exists():
        return lambda name, rgb: square(read_picture(_named(source, name)).rgb, len(rgb))
    net = load_model(source).net
    return lambda _, rgb: apply_net(net, rgb)


def optimum(judge: Judge, style: Bytes, iterations: int) -> Maker:
    """The results of pixel optimisation."""

    def make(_: str, rgb: Bytes) -> Bytes:
        *_, last = optimize(judge.pixel_loss(rgb, style), to_tensor(rgb), iterations)
        return to_bytes(last.image)

    return make


def _named(folder: Path, name: str) -> Path:
    for suffix in (".png", ".jpg"):
        if (folder / f"{name}{suffix}").exists():
            return folder / f"{name}{suffix}"
    raise UserError(f"{folder} has no {name}.png; give --photos that it has results of")


def figures(judge: Judge, target: Target, photo: Bytes, result: Bytes) -> dict[str, float]:
    """The look of a result."""
    return judge.look(result, photo, target) | grid_lines(result)


def column(title: str, said: str, tiles: list[Bytes]) -> Image.Image:
    """Results below each other, with two lines of text above."""
    side = len(tiles[0])
    canvas = Image.new("RGB", (side, 2 * LINE + len(tiles) * (side + GAP)), PAPER)
    canvas.paste(lettered(title, INK, side), (0, 0))
    canvas.paste(lettered(said, INK, side), (0, LINE))
    for number, tile in enumerate(tiles):
        canvas.paste(Image.fromarray(tile), (0, 2 * LINE + number * (side + GAP)))
    return canvas


def columns(args: argparse.Namespace) -> Iterator[Image.Image]:
    """The photos, and every source's results."""
    judge = Judge()
    style = resize_shorter_side(read_picture(args.style).rgb, args.style_size)
    target = judge.target(style)
    files = find_pictures(args.photos)
    files = files[:: max(1, len(files) // args.count)][: args.count]
    photos = {file.stem: square(read_picture(file).rgb, args.size) for file in files}
    makers: dict[str, Maker] = {"photo": lambda _, rgb: rgb}
    makers |= {str(source): made_by(source) for source in args.sources}
    if args.optimum:
        makers[f"optimum, {args.optimum} iterations"] = optimum(judge, style, args.optimum)
    for title, make in makers.items():
        results = [make(name, rgb) for name, rgb in photos.items()]
        pairs = zip(photos.values(), results, strict=True)
        found = mean([figures(judge, target, photo, result) for photo, result in pairs])
        said = "  ".join(f"{name} {value:.3g}" for name, value in found.items())
        print(f"{title}: {said}", flush=True)
        yield column(title, said, results)


def main() -> None:
    """Print every column's figures, and write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sources", type=Path, nargs="+", help="runs, model files, or folders")
    parser.add_argument("--photos", type=Path, required=True, help="folder of unseen photos")
    parser.add_argument("--style", type=Path, required=True, help="the style picture")
    parser.add_argument("--count", type=int, default=4, help="photos, evenly chosen (4)")
    parser.add_argument("--size", type=int, default=512, help="side in pixels (512)")
    help = "shorter side of the style picture in pixels (512)"
    parser.add_argument("--style-size", type=int, default=512, help=help)
    help = "iterations of pixel optimisation for a last column (none)"
    parser.add_argument("--optimum", type=int, default=0, help=help)
    parser.add_argument("-o", "--output", type=Path, required=True, help="the sheet")
    args = parser.parse_args()
    shown = list(columns(args))
    width = sum(each.width + GAP for each in shown) - GAP
    canvas = Image.new("RGB", (width, shown[0].height), PAPER)
    for number, each in enumerate(shown):
        canvas.paste(each, (number * (each.width + GAP), 0))
    write_picture(Picture(np.asarray(canvas)), args.output)


if __name__ == "__main__":
    with exit_on_user_error():
        main()
