#!/usr/bin/env python
"""Does equal strength look equal? The style reduction that is reached, over many styles.

Each style picture is brought into one photo by a few iterations of pixel optimisation (Adam),
under three readings of one weight: raw Gram errors with the same weight for all styles; errors
relative to the style's energy (our default); and `loss.strength`, relative to what the unstylised
photo has. The reduction is the share of the photo's own relative style error that is gone. Its
coefficient of variation over the styles says how unequal equal weights are.

    python scripts/benchmark_strength.py --photo PICTURE --styles FOLDER
"""

from __future__ import annotations

import argparse
import platform
from pathlib import Path
from statistics import fmean, median, stdev

import torch
from torch import Tensor

from stylenet.errors import exit_on_user_error
from stylenet.images import find_pictures, read_picture
from stylenet.losses.functional import energy
from stylenet.losses.perceptual import PerceptualLoss
from stylenet.tasks.pixels import PixelLoss, optimize
from stylenet.tensors import resize_shorter_side, to_tensor
from stylenet.vgg import VGG

LAYERS = {f"relu{block}_1": 0.25 for block in (1, 2, 3, 4)}
CONTENT = {"relu3_1": 1.0}


def relative_loss(weight: float, strength: float | None = None) -> PerceptualLoss:
    """Our default loss, with another style weight or a strength."""
    return PerceptualLoss(CONTENT, LAYERS, 1.0, weight, 0.0, True, strength)


class Contest:
    """One photo, one perceptual network, many styles."""

    def __init__(self, photo: Path, styles: Path, size: int, iterations: int) -> None:
        self.vgg = VGG([*LAYERS])
        self.photo = self._image(photo, size)
        self.styles = {path.stem: self._image(path, size) for path in find_pictures(styles)}
        self.iterations = iterations

    @staticmethod
    def _image(path: Path, size: int) -> Tensor:
        return to_tensor(resize_shorter_side(read_picture(path).rgb, size))

    def raw_loss(self, weight: float) -> PerceptualLoss:
        """Raw Gram errors under one weight, which makes it `weight` for the median style."""
        with torch.no_grad():
            content = energy(self.vgg(self.photo)["relu3_1"]).item()
            errors = [self._raw_error(style) for style in self.styles.values()]
            ours = [self._relative_error(style) for style in self.styles.values()]
        factor = median(ours) / median(errors)
        return PerceptualLoss({"relu3_1": 1 / content}, LAYERS, 1.0, weight * factor, 0.0, False)

    def _raw_error(self, style: Tensor) -> float:
        return self._style_error(PerceptualLoss(CONTENT, LAYERS, 1.0, 1.0, 0.0, False), style)

    def _relative_error(self, style: Tensor) -> float:
        return self._style_error(relative_loss(1.0), style)

    def _style_error(self, loss: PerceptualLoss, style: Tensor) -> float:
        loss.set_style(self.vgg(style))
        return PixelLoss(self.vgg, loss, self.photo)(self.photo)["style"].item()

    def reduction(self, loss: PerceptualLoss, style: Tensor) -> float:
        """The share of the photo's relative style error that the optimisation takes away."""
        judge = relative_loss(1.0)
        with torch.no_grad():
            features = self.vgg(style)
            loss.set_style(features)
            judge.set_style(features)
            loss.measure([self.vgg(self.photo)])
        *_, last = optimize(
            PixelLoss(self.vgg, loss, self.photo), self.photo, self.iterations, "adam"
        )
        judged = PixelLoss(self.vgg, judge, self.photo)
        with torch.no_grad():
            before, after = judged(self.photo)["style"], judged(last.image)["style"]
        return 1 - after.item() / before.item()


def main() -> None:
    """Print a row for each reading of the weight."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photo", type=Path, required=True)
    parser.add_argument("--styles", type=Path, required=True, help="folder of style pictures")
    parser.add_argument("--size", type=int, default=128, help="shorter side in pixels (128)")
    parser.add_argument("--iterations", type=int, default=25, help="of Adam (25)")
    parser.add_argument("--strength", type=float, default=0.1, help="below 1 (0.1)")
    args = parser.parse_args()
    contest = Contest(args.photo, args.styles, args.size, args.iterations)
    print(f"{len(contest.styles)} styles; {platform.platform()}, torch {torch.__version__}\n")
    print("| weights | mean reduction | lowest | highest | coefficient of variation |")
    print("|---|---|---|---|---|")
    weight = 10 * args.strength / (1 - args.strength)
    readings = {
        "raw": contest.raw_loss(weight),
        "relative to the style": relative_loss(weight),
        f"strength {args.strength:g}": relative_loss(0.0, args.strength),
    }
    for name, loss in readings.items():
        found = [contest.reduction(loss, style) for style in contest.styles.values()]
        spread = stdev(found) / fmean(found)
        cells = f"{fmean(found):.3f} | {min(found):.3f} | {max(found):.3f} | **{spread:.3f}**"
        print(f"| {name} | {cells} |", flush=True)


if __name__ == "__main__":
    with exit_on_user_error():
        main()
