#!/usr/bin/env python
"""How good is a trained net? The L-BFGS iteration that it equals, on photos it never saw.

For each model: the total loss of its clamped output on unseen photos, beside pixel optimisation
(Gatys et al. 2016) of the very same loss, started from the photo. The optimiser is torch's L-BFGS
as the literature runs it: no line search, one evaluation an iteration; its curve is the mean over
the photos and is kept in a JSON file, as it depends on the loss, the style and the photos alone.
With --refine, pixel optimisation also goes on from the net's results, as `stylenet.optimize --init
RUN` does, and what that saves is printed.

    python scripts/benchmark_quality.py RUN [RUN …] --photos FOLDER --style PICTURE
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stylenet.models.checkpoint import load_model
from stylenet.models.criterion import criterion
from stylenet.pictures.images import read_picture
from stylenet.pictures.resizing import resize_shorter_side, square
from stylenet.pixels.optimisation import PixelLoss, optimize
from stylenet.pixels.yardstick import ITERATIONS, Curves, equalled
from stylenet.system.errors import exit_on_user_error
from stylenet.tensors import to_tensor

SHOWN = (0, 10, 25, 50, ITERATIONS)


class Objective:
    """The total loss that a model was trained with, on any image."""

    def __init__(self, config: dict[str, Any], style: Path) -> None:
        trained = criterion(config)
        self.loss, self.vgg = trained.loss, trained.vgg
        rgb = read_picture(style).rgb
        trained.set_style(rgb)
        picture = resize_shorter_side(rgb, trained.style_size)
        described = json.dumps([config["loss"], config["task"]["vgg"], picture.shape])
        self.key = described + hashlib.sha256(picture.tobytes()).hexdigest()

    def terms(self, image: Tensor, photo: Tensor) -> dict[str, float]:
        """Every term, and the total, of the clamped image (1, 3, H, W)."""
        with torch.no_grad():
            terms = PixelLoss(self.vgg, self.loss, photo)(image)
        return {name: value.item() for name, value in terms.items()}

    def lbfgs(self, photo: Tensor, iterations: int, start: Tensor | None = None) -> list[float]:
        """The total loss before each iteration of pixel optimisation, and after the last.

        start: (1, 3, H, W); by default the photo.
        """
        begin = photo if start is None else start
        steps = optimize(PixelLoss(self.vgg, self.loss, photo), begin, iterations)
        return [step.terms["total"] for step in steps]


def square_crop(path: Path, size: int) -> Tensor:
    """The middle of a photo as (1, 3, size, size)."""
    return to_tensor(square(read_picture(path).rgb, size))


def reference_curve(objective: Objective, photos: dict[str, Tensor], curves: Curves) -> list[float]:
    """Mean total loss over the photos, per L-BFGS iteration; done once for each loss and set."""
    size = next(iter(photos.values())).shape[-1]
    found = [
        curves.get(f"{objective.key} {name} {size}", partial(objective.lbfgs, photo, ITERATIONS))
        for name, photo in photos.items()
    ]
    return list(np.mean(found, axis=0))


def saved(refined: list[float], curve: list[float]) -> str:
    """What going on from a net's results saves, in words."""
    found = [
        f"{equalled(refined, curve[i]):.0f} iterations from the net's results give what {i} give"
        for i in SHOWN
        if refined[-1] <= curve[i] < refined[0]
    ]
    return "; ".join(found)


def main() -> None:
    """Print a Markdown table, one row a model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", type=Path, help="run folders or model files")
    parser.add_argument("--photos", type=Path, required=True, help="folder of unseen photos")
    parser.add_argument("--style", type=Path, required=True, help="the style picture")
    parser.add_argument("--count", type=int, default=8, help="photos, evenly chosen (8)")
    parser.add_argument("--size", type=int, default=256, help="side in pixels (256)")
    parser.add_argument("--curves", type=Path, default=Path("lbfgs.json"), help="kept curves")
    help = "iterations from the net's results (none)"
    parser.add_argument("--refine", type=int, default=0, help=help)
    args = parser.parse_args()
    files = sorted(args.photos.iterdir())
    files = files[:: max(1, len(files) // args.count)][: args.count]
    photos = {file.name: square_crop(file, args.size) for file in files}
    print(f"{len(photos)} photos at {args.size}, style {args.style.name}")
    print(f"{platform.platform()}, torch {torch.__version__}, {torch.get_num_threads()} threads\n")
    shown = " | ".join(f"L-BFGS {i}" for i in SHOWN)
    print(f"| model | content | style | total | {shown} | equals iteration |")
    print("|---" * (5 + len(SHOWN)) + "|")
    curves = Curves(args.curves)
    for path in args.models:
        model = load_model(path)
        objective = Objective(model.config, args.style)
        curve = reference_curve(objective, photos, curves)
        with torch.no_grad():
            results = {name: model.net(photo).clamp(0, 1) for name, photo in photos.items()}
            rows = [objective.terms(results[name], photo) for name, photo in photos.items()]
        mean = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
        cells = [f"{mean[name]:.4f}" for name in ("content", "style", "total")]
        cells += [f"{curve[i]:.4f}" for i in SHOWN] + [f"**{equalled(curve, mean['total']):.1f}**"]
        print(f"| {path} | {' | '.join(cells)} |", flush=True)
        if args.refine:
            refined = [
                objective.lbfgs(photo, args.refine, results[name]) for name, photo in photos.items()
            ]
            print("\n" + saved(list(np.mean(refined, axis=0)), curve) + "\n", flush=True)


if __name__ == "__main__":
    with exit_on_user_error():
        main()
