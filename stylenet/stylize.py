"""Stylise photos, or folders of them, a clip, or what a webcam sees, with a trained model."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TimeRemainingColumn

from stylenet.config.arguments import amount, output, pixels, scale, share
from stylenet.opening import Mix, Opened, Wanted, open_to_stylize
from stylenet.pictures.images import write_picture
from stylenet.pictures.outputs import model_file, plan_targets, refuse_overwriting
from stylenet.runtime.clips import (
    AnyClipStylizer,
    ClipNet,
    ClipStylizer,
    RegionalClipStylizer,
    per_frame,
)
from stylenet.runtime.damage import DamagedModelError
from stylenet.runtime.frames import SUFFIXES
from stylenet.runtime.pair import STYLE_SUFFIX
from stylenet.runtime.postprocess import MAX_SHARPEN, Postprocess
from stylenet.runtime.regions import FEATHER, MAX_FEATHER, Mask
from stylenet.runtime.strokes import with_strokes
from stylenet.runtime.stylize_clip import stylize_clip
from stylenet.runtime.stylizer import RegionalStylizer, Stylizer
from stylenet.runtime.webcam import stylize_webcam
from stylenet.styles.picture import split_share
from stylenet.system.errors import UserError, exit_on_user_error
from stylenet.system.memory import limit_memory

AnyStylizer = Stylizer | RegionalStylizer


def stylize_all(
    stylizer: AnyStylizer,
    targets: Mapping[Path, Path],
    out: str,
    progress: Progress,
) -> int:
    """Stylise each photo into its target, name those that fail on stderr, return how many did.

    Raises:
        UserError: a result cannot be written, or the model is damaged; the next ones could not
            either.
    """
    start, pixels, failed = time.perf_counter(), 0, 0
    for photo, target in progress.track(targets.items(), len(targets)):
        try:
            result = stylizer(photo)
        except DamagedModelError:
            raise
        except UserError as error:
            progress.console.out(f"error: {error}", highlight=False)
            failed += 1
        else:
            write_picture(result, target)
            pixels += result.rgb.size // 3
    seconds = time.perf_counter() - start
    if len(targets) > failed or failed > 1:
        print(
            f"{len(targets) - failed} of {len(targets)} pictures written to {out} "
            f"in {seconds:.1f} s, {pixels / 1e6 / seconds:.2f} megapixels/s"
        )
    return failed


def _progress() -> Progress:
    console = Console(stderr=True)
    columns = BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


class _Tiles:
    """A second bar, for the tiles of one picture."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID | None = None

    def __call__(self, done: int, total: int) -> None:
        if self._task is None:
            self._task = self._progress.add_task("tiles")
        self._progress.update(self._task, completed=done, total=total)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        The exit code: 0; 2 if the only photo failed; 1 if some of several did; 130 if interrupted.
    """
    options = _parser().parse_args(argv)
    with exit_on_user_error():
        try:
            return _run(options)
        except KeyboardInterrupt:
            print("interrupted; the pictures finished so far are kept", file=sys.stderr)
            return 130


def _run(options: argparse.Namespace) -> int:
    clip = _clip(options)
    targets = {} if clip or options.webcam else plan_targets(options.photos, options.out)
    refuse_overwriting(targets.values() or [Path(options.out)], _read(options, clip))
    progress = _progress()
    masks = _masks(options)
    postprocess = Postprocess(
        bilateral=options.bilateral,
        stretch=options.stretch,
        sharpen=options.sharpen,
        preserve_color=options.preserve_color,
        strength=options.strength,
    )
    device, tile, fast = options.device, options.tile, options.fast
    models = [
        open_to_stylize(path, Wanted(device, tile, fast, options.direction, mix), _Tiles(progress))
        for path, mix in _regions(options, masks)
    ]
    on_cpu = all(model.device == "cpu" for model in models)
    with limit_memory() if on_cpu else nullcontext(), progress:
        if clip or options.webcam:
            frames = _frame_stylizer(models, masks, postprocess, options)
            return _stylize_frames(frames, clip, options, progress)
        stylizer = _stylizer(models, masks, postprocess, options)
        failed = stylize_all(stylizer, targets, options.out, progress)
    return (1 if len(targets) > 1 else 2) if failed else 0


def _clip(options: argparse.Namespace) -> Path | None:
    """The one clip, if it is one that is to be stylised."""
    photos: list[Path] = options.photos
    if bool(photos) == bool(options.webcam):
        raise UserError("give photos, folders or a clip; or else --webcam")
    clips = [path for path in photos[:1] if path.suffix.lower() in SUFFIXES]
    if clips and len(photos) > 1:
        raise UserError(f"{clips[0]} is a clip; give clips one by one")
    return clips[0] if clips else None


def _read(options: argparse.Namespace, clip: Path | None) -> list[Path]:
    """All files that are read, besides photos."""
    beside = [file.with_suffix(STYLE_SUFFIX) for file in options.model if file.suffix == ".onnx"]
    models = [*map(model_file, options.model), *beside]
    styles = [path for path, _ in options.style]
    filmed = [clip] if clip else [Path(options.webcam)] if options.webcam else []
    return [*filmed, *models, *styles, *options.mask, *options.keep]


def _masks(options: argparse.Namespace) -> list[Mask]:
    """One for each model, or for each style of the only one, or none at all.

    Raises:
        UserError: their numbers differ, or a mask does not exist.
    """
    kept = [Mask(path, keep=True) for path in options.keep]
    masks = [*(Mask(path) for path in options.mask), *kept]
    models, styles = len(options.model), len(options.style)
    fitting = {models, styles} if models == 1 else {models}
    if (models > 1 or len(masks) > 1) and len(masks) not in fitting:
        raise UserError(
            f"{models} --model, {styles} --style and {len(masks)} --mask; give a mask for each "
            "model, or for each style of one"
        )
    for mask in masks:
        if not mask.path.exists():
            raise UserError(f"mask {mask.path} does not exist; check the path")
    return masks


def _regions(options: argparse.Namespace, masks: Sequence[Mask]) -> list[tuple[Path, Mix]]:
    """The model of each mask, and what it is to mix; without masks, of the whole picture."""
    if len(masks) > len(options.model):
        [model] = options.model
        return [(model, Mix([style], options.alpha)) for style in options.style]
    return [(model, Mix(options.style, options.alpha)) for model in options.model]


def _stylizer(
    models: Sequence[Opened],
    masks: Sequence[Mask],
    postprocess: Postprocess,
    options: argparse.Namespace,
) -> AnyStylizer:
    stylizers = [
        Stylizer(model.net, options.size, postprocess, options.stroke_scale) for model in models
    ]
    return RegionalStylizer(stylizers, masks, options.feather) if masks else stylizers[0]


def _frame_stylizer(
    models: Sequence[Opened],
    masks: Sequence[Mask],
    postprocess: Postprocess,
    options: argparse.Namespace,
) -> AnyClipStylizer:
    nets = [_with_strokes(model, options.stroke_scale) for model in models]
    stylizers = [ClipStylizer(net, options.size, postprocess) for net in nets]
    if not masks:
        return stylizers[0]
    return RegionalClipStylizer(stylizers, [mask.frames() for mask in masks], options.feather)


def _with_strokes(model: Opened, scale: float) -> ClipNet:
    """The net on clips, with larger strokes.

    Raises:
        UserError: a net that looks beyond a frame.
    """
    if scale == 1:
        return model.clip
    if model.clip.recurrent or model.clip.around:
        raise UserError("--stroke-scale on a clip is for per-frame nets; leave it out")
    return per_frame(lambda rgb: with_strokes(model.net, rgb, scale))


def _stylize_frames(
    stylizer: AnyClipStylizer, clip: Path | None, options: argparse.Namespace, progress: Progress
) -> int:
    start, task = time.perf_counter(), progress.add_task("")

    def report(done: int, total: int = 0) -> None:
        progress.update(task, completed=done, total=total or None)

    def warn(text: str) -> None:
        progress.console.out(f"warning: {text}", highlight=False)

    out = Path(options.out)
    if clip:
        job = {name: str(value) for name, value in vars(options).items() if name != "photos"}
        styles = [path for path, _ in options.style if path.is_file()]
        files = (*options.model, *options.mask, *options.keep, *styles)
        job["changed"] = str([_changed(path) for path in files])
        count = stylize_clip(clip, out, stylizer, job, report, warn)
    else:
        count = stylize_webcam(options.webcam, out, stylizer, report)
    seconds = time.perf_counter() - start
    print(f"{count} frames written to {options.out} in {seconds:.1f} s")
    return 0


def _changed(path: Path) -> int:
    """When a model, or a mask, was written last."""
    return model_file(path).stat().st_mtime_ns


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m stylenet.stylize",
        description=f"{__doc__} Results keep the size, format and transparency of the photos and "
        "are in sRGB; results of an earlier run are replaced.",
    )
    add = parser.add_argument
    help = "folders are searched; one clip, such as an .mp4, is stylised frame by frame"
    add("photos", nargs="*", type=Path, metavar="PHOTO_OR_FOLDER", help=help)
    help = "film instead, until Ctrl-C: a camera's number, or its device, such as /dev/video0"
    add("--webcam", metavar="CAMERA", help=help)
    help = "a run, its model.pt, or an exported .onnx; more than one with a --mask for each"
    add("--model", required=True, type=Path, action="append", metavar="RUN_OR_FILE", help=help)
    help = (
        "a picture whose style a model of task=arbitrary takes, or the name of one that a model of"
        " task=multistyle has learnt; may be given several times, with :SHARE, which are mixed, but"
        " where each has a --mask"
    )
    add("--style", type=style, action="append", default=[], metavar="STYLE", help=help)
    help = "of a picture's --style, from 0, the photo's own look, to 1 (default: 1)"
    add("--alpha", type=share, default=1.0, metavar="A", help=help)
    help = (
        "a picture file for one photo, a clip for a clip, or a folder, which mirrors those searched"
    )
    add("-o", "--out", type=output, required=True, metavar="OUT", help=help)
    help = "longer side of the results in pixels (default: as the photo)"
    add("--size", type=pixels, metavar="N", help=help)
    help = "strokes so many times as large: 2 for a large picture (default: 1)"
    add("--stroke-scale", type=scale, default=1.0, metavar="S", help=help)
    help = "keep the colours of the photo; only light and dark are stylised"
    add("--preserve-color", action="store_true", help=help)
    help = "from 0, the photo, to 1, fully stylised (default: 1)"
    add("--strength", type=share, default=1.0, metavar="S", help=help)
    help = (
        "stylise the white parts of this grey picture only; or a folder of masks with the photos'"
        " names; or a clip of them for a clip; one for each --model, or each --style of one"
    )
    either = parser.add_mutually_exclusive_group().add_argument
    either("--mask", type=Path, action="append", default=[], metavar="MASK", help=help)
    help = "leave the white parts of this picture, folder or clip as they are"
    either("--keep", type=Path, action="append", default=[], metavar="MASK", help=help)
    help = f"pixels over which the edges of masks fade (default: {FEATHER:g})"
    add("--feather", type=amount(MAX_FEATHER), default=FEATHER, metavar="N", help=help)
    help = "smooth, but keep edges: those where colours differ by more than E of 1, such as 0.1"
    add("--bilateral", type=share, default=0.0, metavar="E", help=help)
    help = "spread light and dark over the whole range"
    add("--stretch", action="store_true", help=help)
    help = "unsharp mask: 0.5 is crisp, 1 is hard (default: 0)"
    add("--sharpen", type=amount(MAX_SHARPEN), default=0.0, metavar="A", help=help)
    help = (
        "stylise a picture larger than memory allows in squares of N pixels, exactly as the whole;"
        " some six times slower"
    )
    add("--tile", type=pixels, metavar="N", help=help)
    help = (
        "with --tile: the net's norms see a sample of the picture, not all of it; nearly the same"
    )
    add("--fast", action="store_true", help=help)
    help = "of a run that learnt both: photo to painting, or back (default: forth)"
    add("--direction", choices=("forth", "back"), default="forth", help=help)
    help = "where the net runs (default: auto, a GPU if there is one)"
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help=help)
    return parser


def style(text: str) -> tuple[Path, float]:
    """``PICTURE`` or ``PICTURE:SHARE``, of the command line."""
    name, share = split_share(text)
    if not share > 0:
        raise argparse.ArgumentTypeError(f"{text} has no share; give one above 0")
    return Path(name), share


if __name__ == "__main__":
    sys.exit(main())
