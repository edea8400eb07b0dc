#!/usr/bin/env python
"""Does equal strength look equal? The style reduction that is reached, over many styles.

Each style picture is brought into one photo by a few iterations of pixel optimisation (Adam),
under three readings of one weight: raw Gram errors with the same weight for all styles; errors
relative to the style's energy (our default); and `loss.strength`, measured on other photos. The
weights of the first two are those with which the median style is reduced as much as by the third.
The reduction is the share of the photo's own relative style error that is gone. Its coefficient
of variation over the styles says how unequal equal weights are.

    python scripts/benchmark_strength.py --photo PICTURE --styles FOLDER
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Callable
from pathlib import Path
from statistics import fmean, median, stdev

import torch

from stylenet.data.samples import SamplePhotos
from stylenet.errors import exit_on_user_error
from stylenet.images import Bytes, find_pictures, read_picture
from stylenet.losses.functional import energy
from stylenet.losses.perceptual import PerceptualLoss
from stylenet.tasks.pixels import PixelLoss, optimize
from stylenet.tasks.strength import calibrate
from stylenet.tensors import resize_shorter_side, to_tensor
from stylenet.vgg import VGG

LAYERS = {f"relu{block}_1": 0.25 for block in (1, 2, 3, 4)}
CONTENT = {"relu3_1": 1.0}
WEIGHT = 10.0
HALVINGS = 8


def relative_loss(weight: float, strength: float | None = None) -> PerceptualLoss:
    """Our default loss, with another style weight or a strength."""
    return PerceptualLoss(CONTENT, LAYERS, 1.0, weight, 0.0, True, strength)


class Contest:
    """One photo, one perceptual network, many styles."""

    def __init__(self, photo: Path, styles: Path, size: int, iterations: int) -> None:
        self.vgg = VGG([*LAYERS])
        self.size, self.iterations = size, iterations
        self.photo = to_tensor(resize_shorter_side(read_picture(photo).rgb, size))
        self.styles = [read_picture(path).rgb for path in find_pictures(styles)]
        held_out = SamplePhotos(held_out=True).listing().photos
        self.other_photos = [photo.decode().rgb for photo in held_out]

    def raw_loss(self, weight: float) -> PerceptualLoss:
        """Raw errors: content in its own energy, so that weights are of one order."""
        with torch.no_grad():
            content = energy(self.vgg(self.photo)["relu3_1"]).item()
        return PerceptualLoss({"relu3_1": 1 / content}, LAYERS, 1.0, weight, 0.0, False)

    def strong_loss(self, strength: float, style: Bytes) -> PerceptualLoss:
        """The loss that `strength` comes to for `style`."""
        loss = relative_loss(0.0, strength)
        calibrate(self.vgg, loss, self.other_photos, [style], [1.0])
        return loss

    def reductions(self, make_loss: Callable[[Bytes], PerceptualLoss]) -> list[float]:
        """Of every style, under the loss that is made for it."""
        return [self.reduction(make_loss(style), style) for style in self.styles]

    def reduction(self, loss: PerceptualLoss, style: Bytes) -> float:
        """The share of the photo's relative style error that the optimisation takes away."""
        judge = relative_loss(1.0)
        with torch.no_grad():
            features = self.vgg(to_tensor(resize_shorter_side(style, self.size)))
            loss.set_style(features)
            judge.set_style(features)
        pixels = PixelLoss(self.vgg, loss, self.photo)
        *_, last = optimize(pixels, self.photo, self.iterations, "adam")
        judged = PixelLoss(self.vgg, judge, self.photo)
        with torch.no_grad():
            before, after = judged(self.photo)["style"], judged(last.image)["style"]
        return 1 - after.item() / before.item()

    def equal_weights(
        self, make_loss: Callable[[float], PerceptualLoss], begin: float, wanted: float
    ) -> list[float]:
        """The reductions under the one weight whose median reduction is `wanted`, by bisection."""
        factor, weight = 4.0, begin
        for _ in range(HALVINGS):
            found = self.reductions(lambda _: make_loss(weight))  # noqa: B023
            if abs(median(found) - wanted) < 0.01:
                break
            weight *= factor if median(found) < wanted else 1 / factor
            factor **= 0.7
        return found


def main() -> None:
    """Print a row for each reading of the weight."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photo", type=Path, required=True)
    parser.add_argument("--styles", type=Path, required=True, help="folder of style pictures")
    parser.add_argument("--size", type=int, default=128, help="shorter side in pixels (128)")
    parser.add_argument("--iterations", type=int, default=25, help="of Adam (25)")
    parser.add_argument("--strength", type=float, default=0.7, help="below 1 (0.7)")
    args = parser.parse_args()
    contest = Contest(args.photo, args.styles, args.size, args.iterations)
    print(f"{len(contest.styles)} styles; {platform.platform()}, torch {torch.__version__}\n")
    print("| weights | mean reduction | lowest | highest | coefficient of variation |")
    print("|---|---|---|---|---|")
    strong = contest.reductions(lambda style: contest.strong_loss(args.strength, style))
    _print_row(f"strength {args.strength:g}", strong)
    middle = median(strong)
    _print_row("relative", contest.equal_weights(relative_loss, WEIGHT, middle))
    begin = WEIGHT * _scale(contest)
    _print_row("raw", contest.equal_weights(contest.raw_loss, begin, middle))


def _scale(contest: Contest) -> float:
    """What makes raw errors about as large as relative ones: of the median style."""
    with torch.no_grad():
        ratios = []
        for style in contest.styles:
            features = contest.vgg(to_tensor(resize_shorter_side(style, contest.size)))
            errors = []
            for loss in (relative_loss(1.0), contest.raw_loss(1.0)):
                loss.set_style(features)
                terms = PixelLoss(contest.vgg, loss, contest.photo)(contest.photo)
                errors.append(terms["style"].item())
            ratios.append(errors[0] / errors[1])
    return median(ratios)


def _print_row(name: str, found: list[float]) -> None:
    spread = stdev(found) / fmean(found)
    cells = f"{fmean(found):.3f} | {min(found):.3f} | {max(found):.3f} | **{spread:.3f}**"
    print(f"| {name} | {cells} |", flush=True)


if __name__ == "__main__":
    with exit_on_user_error():
        main()
