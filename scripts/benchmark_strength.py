#!/usr/bin/env python
"""Does an equal style reduction look equal? What is reached, over many styles.

Each style picture is brought into a few photos by some iterations of pixel optimisation (Adam),
under three readings of one weight: `loss.strength`, measured on other photos; raw Gram errors with
the same weight for all styles; and errors relative to the style's energy (our default). The weights
of the last two are those with which the median style is reduced as much as by the first. The
reduction is the share of the photos' own style error that is gone, the geometric mean over the
layers. Its coefficient of variation over the styles says how unequal equal weights are.

    python scripts/benchmark_strength.py --photos FOLDER --styles FOLDER
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean, median, stdev

import torch
from torch import Tensor

from stylenet.config.hardware import kind
from stylenet.data.samples import sample_photos
from stylenet.evaluation.judge import CONTENT_LAYER, STYLE_LAYERS, STYLE_WEIGHT
from stylenet.losses.functional import energy
from stylenet.losses.perceptual import PerceptualLoss
from stylenet.pictures.folders import find_pictures
from stylenet.pictures.images import Bytes, read_picture
from stylenet.pictures.resizing import resize_shorter_side
from stylenet.pixels.optimisation import PixelLoss, optimize
from stylenet.pixels.strength import ITERATIONS, SIDE, calibrate, style_reduction
from stylenet.system.errors import exit_on_user_error
from stylenet.tensors import to_tensor
from stylenet.vgg import VGG

CONTENT = {CONTENT_LAYER: 1.0}
HALVINGS = 6


def relative_loss(weight: float, strength: float | None = None) -> PerceptualLoss:
    """Our default loss, with another style weight or a style reduction."""
    return PerceptualLoss(CONTENT, STYLE_LAYERS, 1.0, weight, 0.0, True, strength)


class Contest:
    """Some photos, one perceptual network, many styles."""

    def __init__(self, photos: Sequence[Path], styles: Path) -> None:
        self.vgg = VGG([*STYLE_LAYERS, CONTENT_LAYER])
        self.photos = [
            to_tensor(resize_shorter_side(read_picture(photo).rgb, SIDE)) for photo in photos
        ]
        self.styles = [read_picture(path).rgb for path in find_pictures(styles)]
        self.other_photos = sample_photos()

    def raw_loss(self, weight: float) -> PerceptualLoss:
        """Raw errors: content in its own energy, so that weights are of one order."""
        with torch.no_grad():
            content = fmean(energy(self.vgg(photo)[CONTENT_LAYER]).item() for photo in self.photos)
        return PerceptualLoss({CONTENT_LAYER: 1 / content}, STYLE_LAYERS, 1.0, weight, 0.0, False)

    def strong_loss(self, strength: float, style: Bytes) -> PerceptualLoss:
        """The loss that `strength` comes to for `style`."""
        loss = relative_loss(0.0, strength)
        calibrate(self.vgg, loss, self.other_photos, [style], [1.0])
        return loss

    def reductions(self, make_loss: Callable[[Bytes], PerceptualLoss]) -> list[float]:
        """Of every style, under the loss that is made for it."""
        return [self.reduction(make_loss(style), style) for style in self.styles]

    def reduction(self, loss: PerceptualLoss, style: Bytes) -> float:
        """The share of the photos' style error that the optimisation takes away."""
        judge = relative_loss(1.0)
        with torch.no_grad():
            features = self.vgg(to_tensor(resize_shorter_side(style, SIDE)))
            loss.set_style(features)
            judge.set_style(features)
        return fmean(self._reduction(loss, judge, photo) for photo in self.photos)

    def _reduction(self, loss: PerceptualLoss, judge: PerceptualLoss, photo: Tensor) -> float:
        *_, last = optimize(PixelLoss(self.vgg, loss, photo), photo, ITERATIONS, "adam")
        return style_reduction(self.vgg, judge, photo, last.image)

    def equal_weights(
        self, make_loss: Callable[[float], PerceptualLoss], begin: float, wanted: float
    ) -> list[float]:
        """The reductions under the one weight whose median reduction is `wanted`, by bisection."""
        factor, weight = 3.0, begin
        for _ in range(HALVINGS):
            found = self.reductions(lambda _: make_loss(weight))  # noqa: B023
            if abs(median(found) - wanted) < 0.01:
                break
            weight *= factor if median(found) < wanted else 1 / factor
            factor **= 0.6
        return found


def main() -> None:
    """Print a row for each reading of the weight."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    help = "folder of photos; the first of them are used"
    parser.add_argument("--photos", type=Path, required=True, help=help)
    parser.add_argument("--styles", type=Path, required=True, help="folder of style pictures")
    parser.add_argument("--count", type=int, default=4, help="of photos (4)")
    parser.add_argument("--strength", type=float, default=0.7, help="below 1 (0.7)")
    args = parser.parse_args()
    contest = Contest(find_pictures(args.photos)[: args.count], args.styles)
    seen = f"{len(contest.styles)} styles, {len(contest.photos)} photos"
    print(f"{seen}; {platform.platform()}, torch {torch.__version__}\n")
    print("| weights | mean reduction | lowest | highest | coefficient of variation |")
    print("|---|---|---|---|---|")
    strong = contest.reductions(lambda style: contest.strong_loss(args.strength, style))
    _print_row(f"strength {args.strength:g}", strong)
    middle = median(strong)
    begin = STYLE_WEIGHT * _scale(contest)
    _print_row("raw", contest.equal_weights(contest.raw_loss, begin, middle))
    _print_row("relative", contest.equal_weights(relative_loss, STYLE_WEIGHT, middle))


def _scale(contest: Contest) -> float:
    """What makes raw errors about as large as relative ones: of the median style."""
    with torch.no_grad():
        ratios = []
        for style in contest.styles:
            features = contest.vgg(to_tensor(resize_shorter_side(style, SIDE)))
            errors = []
            for loss in (relative_loss(1.0), contest.raw_loss(1.0)):
                loss.set_style(features)
                photo = contest.photos[0]
                errors.append(PixelLoss(contest.vgg, loss, photo)(photo)["style"].item())
            ratios.append(errors[0] / errors[1])
    return median(ratios)


def _print_row(name: str, found: list[float]) -> None:
    spread = stdev(found) / fmean(found)
    cells = f"{fmean(found):.3f} | {min(found):.3f} | {max(found):.3f} | **{spread:.3f}**"
    print(f"| {name} | {cells} |", flush=True)


if __name__ == "__main__":
    fast = kind("cpu") == "cpu_bf16"
    with exit_on_user_error(), torch.autocast("cpu", torch.bfloat16, enabled=fast):
        main()
