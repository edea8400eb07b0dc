"""Stylise one photo by pixel optimisation: it takes minutes, and needs no trained net."""

from __future__ import annotations

import sys

from stylenet.commands.optimize import parser
from stylenet.system.errors import interrupted
from stylenet.system.loading import say_loading

if __name__ == "__main__":  # before the imports below, which take seconds
    sys.excepthook = interrupted
    parser().parse_intermixed_args()  # shows help, and mistakes, at once
    say_loading()

import argparse
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from omegaconf import DictConfig
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from torch import Tensor

from stylenet.config.arguments import split_share
from stylenet.config.hardware import kind
from stylenet.models.checkpoint import load_model
from stylenet.nets.apply import apply_net
from stylenet.nets.traits import traits
from stylenet.pictures.formats import READABLE, file_format
from stylenet.pictures.grey import (
    Grey,
    apply_change,
    read_grey,
    resize_grey,
    similarity,
    write_grey,
)
from stylenet.pictures.images import Bytes, Picture, read_picture, write_picture
from stylenet.pictures.images import resize as resize_picture
from stylenet.pictures.outputs import model_file, refuse_overwriting
from stylenet.pictures.resizing import resize_shorter_side
from stylenet.pixels.optimisation import Iteration, noise
from stylenet.pixels.pyramid import Painting, levels, paint, resize
from stylenet.pixels.settings import described
from stylenet.pixels.strength import calibrate
from stylenet.pixels.vigour import style_weights
from stylenet.runs.found import found_model
from stylenet.runtime.postprocess import Postprocess
from stylenet.styles.chosen import find_style
from stylenet.system.errors import UserError, exit_on_user_error
from stylenet.system.memory import limit_memory, out_of_memory_names
from stylenet.system.terminal import progress_bar
from stylenet.system.threads import share_cpus
from stylenet.tensors import to_bytes, to_tensor

ITERATIONS = 100

WRITTEN = 10
"""How many times the result is written along the way."""


@dataclass(frozen=True)
class Wanted:
    """A style from the command line: its picture and its share."""

    picture: Bytes
    share: float


def wanted(text: str) -> Wanted:
    """Read the style that ``NAME_OR_PICTURE`` or ``NAME_OR_PICTURE:SHARE`` names.

    Raises:
        UserError: the style or picture does not exist, or its share is 0.
    """
    name, share = split_share(text)
    if not share:
        raise UserError(f"--style {text} has no share of the result; leave it out")
    return Wanted(find_style(name).picture().rgb, share)


def start_image(init: str, photo: Tensor, seed: int) -> Tensor:
    """The image to start from: ``photo``, ``noise``, a picture, or a trained net's result.

    Raises:
        UserError: `init` is none of these.
    """
    if init == "photo":
        return photo
    height, width = photo.shape[-2:]
    if init == "noise":
        return noise((height, width), seed)
    path = Path(init)
    if path.suffix.lower() in READABLE:
        rgb = read_picture(path).rgb
        if rgb.shape[:2] != (height, width):
            raise UserError(
                f"--init {path} is {rgb.shape[1]}x{rgb.shape[0]}, the photo {width}x{height}; "
                "stylise it with the same --size"
            )
    else:
        net = load_model(found_model(path)).net
        if traits(net).takes_style:
            raise UserError(
                f"--init {path} takes any style; give a picture that stylenet.stylize made with it"
            )
        if traits(net).styles:
            raise UserError(
                f"--init {path} has several styles; give a picture that stylenet.stylize made"
            )
        rgb = apply_net(net, to_bytes(photo))
    return to_tensor(rgb)


class Result:
    """The file of the result, which is refreshed along the way.

    Args:
        photo: the photo to stylise. grey: its grey values, (H, W), if the result is to be grey.
    """

    def __init__(
        self, photo: Picture, grey: Grey | None, target: Path, postprocess: Postprocess
    ) -> None:
        self.photo = photo
        self.grey = grey
        self.target = target
        self.postprocess = postprocess

    def write(self, image: Tensor) -> None:
        """Write an image, (1, 3, h, w) of any size, to the file, at the size of the photo."""
        made = to_bytes(resize(image, self.photo.size))
        rgb = self.postprocess(self.photo.rgb, made)
        if self.grey is None:
            write_picture(Picture(rgb, self.photo.alpha), self.target)
        else:
            write_grey(apply_change(self.grey, self.photo.rgb, rgb), self.target)


def run(options: argparse.Namespace) -> None:
    """Optimise one photo as the command line says."""
    share_cpus()
    file_format(options.out, transparent=False)
    styles_read = [Path(split_share(text)[0]) for text in options.style]
    refuse_overwriting([options.out], [options.photo, *styles_read, model_file(Path(options.init))])
    wished = described(*options.overrides)
    loss, scene = wished.loss, wished.scene
    photo, grey = read_photo(options.photo, options.size, scene)
    styles = [wanted(text) for text in options.style]
    device = "cuda" if kind("auto") == "gpu" else "cpu"
    vgg = wished.make_vgg(loss.layers).to(device)
    image = to_tensor(photo.rgb)
    side = options.style_size or wished.style_size
    painting = Painting(
        image.to(device),
        start_image(options.init, image, options.seed).to(device),
        [to_tensor(resize_shorter_side(style.picture, side)).to(device) for style in styles],
        [style.share for style in styles],
    )
    optimizer = options.optimizer or ("adam" if options.init == "noise" else "lbfgs")
    pictures = [style.picture for style in styles]
    if loss.strength is not None:
        calibrate(vgg, loss, [photo.rgb], pictures, painting.shares, side / min(photo.size))
    if loss.vigour:
        loss.weights["style"] = fmean(style_weights(vgg, loss, pictures), painting.shares)
    result = Result(photo, grey, options.out, Postprocess(preserve_color=options.preserve_color))
    iterations = options.iterations
    if iterations is None:
        iterations = scene.iterations if scene else ITERATIONS
    steps = paint(painting, vgg, loss.to(device), iterations, optimizer)
    total = sum(level.iterations for level in levels(photo.size, iterations))
    mend = "use --size to make the picture smaller"
    with (
        nullcontext() if device == "cuda" else limit_memory(),
        out_of_memory_names(f"{options.photo} at this size", mend),
    ):
        first, last = follow(steps, total, result)
    print(
        f"{options.out}: total loss {first.terms['total']:.4g} → {last.terms['total']:.4g} "
        f"in {last.number} iterations"
    )
    if grey is not None:
        same = similarity(grey, apply_change(grey, photo.rgb, to_bytes(last.image)))
        print(f"SSIM to the input {same:.3f}; for research, this is no medical device")


def read_photo(
    path: Path, size: int | None, scene: DictConfig | None
) -> tuple[Picture, Grey | None]:
    """The photo, and its grey values if the scene is grey.

    Args:
        size: longer side of both in pixels; None takes the size of the scene or of the file.

    Raises:
        UserError: the file is no picture, or is in colour for a grey scene.
    """
    photo = read_picture(path)
    grey = read_grey(path) if scene and scene.grey else None
    if scene and scene.grey and grey is None:
        raise UserError(f"{path} is in colour; this scene takes grey pictures of 8 or 16 bits")
    side = size or (scene.size if scene else None)
    if side is None or side == max(photo.size):
        return photo, grey
    return resize_picture(photo, side), None if grey is None else resize_grey(grey, side)


def follow(steps: Iterator[Iteration], total: int, result: Result) -> tuple[Iteration, Iteration]:
    """Take all steps, show progress and write the result. Returns the first and the last step."""
    losses = TextColumn("{task.fields[losses]}")
    columns = BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), losses
    first: Iteration | None = None
    with progress_bar(*columns, kept=True) as progress:
        task = progress.add_task("", total=total, losses="")
        for step in steps:
            first = first or step
            shown = "  ".join(f"{name} {value:.4g}" for name, value in step.terms.items())
            progress.update(task, completed=step.number, losses=shown)
            if step.number % max(1, total // WRITTEN) == 0:
                result.write(step.image)
    result.write(step.image)
    assert first is not None
    return first, step


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line. Returns 0, or 130 if interrupted; the picture so far is kept."""
    options = parser().parse_intermixed_args(argv)
    with exit_on_user_error():
        try:
            run(options)
        except KeyboardInterrupt:
            print(f"interrupted; {options.out} is as far as it came", file=sys.stderr)
            return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
