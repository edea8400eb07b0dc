"""Stylise photos, folders of photos, a clip or a webcam with a trained model."""

from __future__ import annotations

import sys

from stylenet.commands.stylize import parser
from stylenet.system.errors import interrupted
from stylenet.system.loading import say_loading

if __name__ == "__main__":  # before the imports below, which take seconds
    sys.excepthook = interrupted
    asked = parser().parse_args()  # shows help, and mistakes, at once
    if any(model.suffix != ".onnx" for model in asked.model):  # exports need no torch
        say_loading()

import argparse
import shlex
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from rich.progress import Progress

from stylenet.batch.job import job_of
from stylenet.batch.on_ray import stylize_on_ray
from stylenet.batch.plan import plan_many
from stylenet.opening import Mix, Opened, Wanted, open_to_stylize
from stylenet.pictures.outputs import model_file, plan_targets, refuse_overwriting
from stylenet.pictures.results import results_in
from stylenet.runs.folder import called
from stylenet.runs.found import found_model
from stylenet.runtime.clips import (
    AnyClipStylizer,
    ClipStylizer,
    RegionalClipStylizer,
)
from stylenet.runtime.frames import SUFFIXES
from stylenet.runtime.pair import STYLE_SUFFIX
from stylenet.runtime.postprocess import Postprocess
from stylenet.runtime.regions import Mask
from stylenet.runtime.starter import STARTER, STYLES, starter
from stylenet.runtime.strokes import clip_with_strokes
from stylenet.runtime.stylize_clip import stylize_clip
from stylenet.runtime.stylize_photos import Tally, stylize_photos
from stylenet.runtime.stylizer import AnyStylizer, RegionalStylizer, Stylizer
from stylenet.runtime.tiles import Report, silent
from stylenet.runtime.webcam import stylize_webcam
from stylenet.system.errors import UserError, exit_on_user_error
from stylenet.system.memory import limit_memory
from stylenet.system.program import program, say_next
from stylenet.system.terminal import SecondBar, progress_bar

Paint = Callable[..., Tally]
"""Stylises all photos. It takes `report` and `complain`, as `stylize_photos` does."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        The exit code: 0; 2 if the only photo failed; 1 if some of several did; 130 if interrupted.
    """
    options = parser().parse_args(argv)
    with exit_on_user_error():
        try:
            return _run(options)
        except KeyboardInterrupt:
            print("interrupted; the pictures finished so far are kept", file=sys.stderr)
            return 130


def _run(options: argparse.Namespace) -> int:
    models = [_existing(found_model(model)) for model in options.model]
    options.model = models or [starter([str(style) for style, _ in options.style])]
    clip = _clip(options)
    plan = plan_many if options.engine else plan_targets
    targets: dict[Any, Path] = {}
    if not clip and not options.webcam:
        targets = plan(options.photos, options.out)
    results = results_in(Path(options.out), options.photos if targets else [])
    refuse_overwriting(targets.values() or [Path(options.out)], _read(options, clip))
    progress = progress_bar()
    masks = _masks(options)
    if options.engine:
        open_stylizer = partial(_open_stylizer, options, masks)
        told = (Path(options.out), job_of(options), options.workers, options.device, results.note)
        paint: Paint = partial(stylize_on_ray, targets, open_stylizer, *told)
        with progress:
            failed = _stylize_photos(paint, len(targets), options.out, progress)
    else:
        opened = _open(options, masks, SecondBar(progress, "tiles"))
        with limit_memory() if _on_cpu(opened) else nullcontext(), progress:
            if clip or options.webcam:
                frames = _frame_stylizer(opened, masks, options)
                return _stylize_frames(frames, clip, options, progress)
            stylizer = _stylizer(opened, masks, options)
            paint = partial(stylize_photos, targets, stylizer, note=results.note)
            failed = _stylize_photos(paint, len(targets), options.out, progress)
    if not failed:
        _say_what_next(options)
    return (1 if len(targets) > 1 else 2) if failed else 0


def _existing(model: Path) -> Path:
    """The model, unless it is a shipped style's name that no run has."""
    if str(model) in STYLES and not model.exists():
        raise UserError(
            f"no run is called {model}; give --style {model} alone for the starter model, "
            f"or run {program()} train style={model}"
        )
    return model


def _say_what_next(options: argparse.Namespace) -> None:
    """Tell the command that a user of the model may want next."""
    if len(options.model) > 1:
        return
    [model] = options.model
    if model == STARTER:
        say_next(f"{program()} train style={options.style[0][0]}")
    elif model.suffix != ".onnx":
        name = called(model.parent if model.is_file() else model)
        say_next(f"{program()} export {shlex.quote(str(model))} -o {shlex.quote(name)}.onnx")
    elif not model.with_suffix(STYLE_SUFFIX).exists():  # services take no model of any style
        say_next(f"{program()} serve {shlex.quote(str(model))}")


def _clip(options: argparse.Namespace) -> Path | None:
    """The clip to stylise, if there is one."""
    photos: list[Path] = options.photos
    if bool(photos) == bool(options.webcam):
        raise UserError("give photos, folders or a clip; or else --webcam")
    clips = [path for path in photos[:1] if path.suffix.lower() in SUFFIXES]
    if clips and len(photos) > 1:
        raise UserError(f"{clips[0]} is a clip; give clips one by one")
    if options.engine and (clips or options.webcam):
        raise UserError("--engine ray is for photos; leave it out for a clip or a webcam")
    if options.workers and not options.engine:
        raise UserError("--workers are those of --engine ray; add it, or leave them out")
    out = Path(options.out)
    if photos and not clips and out.suffix.lower() in SUFFIXES and not out.is_dir():
        raise UserError(f"{out} is a clip, and {photos[0]} is none; give a picture or a folder")
    return clips[0] if clips else None


def _read(options: argparse.Namespace, clip: Path | None) -> list[Path]:
    """All files that are read, besides photos."""
    beside = [file.with_suffix(STYLE_SUFFIX) for file in options.model if file.suffix == ".onnx"]
    models = [*map(model_file, options.model), *beside]
    styles = [path for path, _ in options.style]
    filmed = [clip] if clip else [Path(options.webcam)] if options.webcam else []
    return [*filmed, *models, *styles, *options.mask, *options.keep]


def _masks(options: argparse.Namespace) -> list[Mask]:
    """The masks: one for each model, or one for each style of a single model, or none.

    Raises:
        UserError: the numbers differ, or a mask does not exist.
    """
    kept = [Mask(path, keep=True) for path in options.keep]
    masks = [*(Mask(path) for path in options.mask), *kept]
    models, styles = len(options.model), len(options.style)
    fitting = {models, styles} if models == 1 else {models}
    if (models > 1 or len(masks) > 1) and len(masks) not in fitting:
        raise UserError(
            f"{models} --model, {styles} --style and {len(masks)} --mask; give a mask for each "
            "model, or for each style of a single model"
        )
    for mask in masks:
        if not mask.path.exists():
            raise UserError(f"mask {mask.path} does not exist; check the path")
    return masks


def _regions(options: argparse.Namespace, masks: Sequence[Mask]) -> list[tuple[Path, Mix]]:
    """The model and the mix for each mask, or, without masks, for the whole picture."""
    if len(masks) > len(options.model):
        [model] = options.model
        return [(model, Mix([style], options.alpha)) for style in options.style]
    return [(model, Mix(options.style, options.alpha)) for model in options.model]


def _open(
    options: argparse.Namespace, masks: Sequence[Mask], report: Report = silent
) -> list[Opened]:
    device, tile, fast = options.device, options.tile, options.fast
    return [
        open_to_stylize(path, Wanted(device, tile, fast, options.direction, mix), report)
        for path, mix in _regions(options, masks)
    ]


def _on_cpu(models: Sequence[Opened]) -> bool:
    return all(model.device == "cpu" for model in models)


def _open_stylizer(options: argparse.Namespace, masks: Sequence[Mask]) -> tuple[AnyStylizer, bool]:
    """The stylizer of a worker, and whether it is on the CPU."""
    opened = _open(options, masks)
    return _stylizer(opened, masks, options), _on_cpu(opened)


def _postprocess(options: argparse.Namespace) -> Postprocess:
    return Postprocess(
        bilateral=options.bilateral,
        stretch=options.stretch,
        sharpen=options.sharpen,
        preserve_color=options.preserve_color,
        strength=options.strength,
    )


def _stylizer(
    models: Sequence[Opened], masks: Sequence[Mask], options: argparse.Namespace
) -> AnyStylizer:
    postprocess = _postprocess(options)
    stylizers = [
        Stylizer(model.net, options.size, postprocess, options.stroke_scale) for model in models
    ]
    return RegionalStylizer(stylizers, masks, options.feather) if masks else stylizers[0]


def _frame_stylizer(
    models: Sequence[Opened], masks: Sequence[Mask], options: argparse.Namespace
) -> AnyClipStylizer:
    scale, postprocess = options.stroke_scale, _postprocess(options)
    nets = [clip_with_strokes(model.clip, model.net, scale) for model in models]
    stylizers = [ClipStylizer(net, options.size, postprocess) for net in nets]
    if not masks:
        return stylizers[0]
    return RegionalClipStylizer(stylizers, [mask.frames() for mask in masks], options.feather)


def _stylize_photos(paint: Paint, count: int, out: str, progress: Progress) -> int:
    """Stylise photos, and name those that fail on stderr. Returns the number of failures."""
    start, task = time.perf_counter(), progress.add_task("photos")

    def report(done: int, total: int) -> None:
        progress.update(task, completed=done, total=total)

    def complain(error: UserError) -> None:
        progress.console.out(f"error: {error}", highlight=False)

    tally = paint(report=report, complain=complain)
    seconds = time.perf_counter() - start
    if tally.written or tally.failed > 1:
        print(
            f"{tally.written} of {count} pictures written to {out} "
            f"in {seconds:.1f} s, {tally.pixels / 1e6 / seconds:.2f} megapixels/s"
        )
    return tally.failed


def _stylize_frames(
    stylizer: AnyClipStylizer, clip: Path | None, options: argparse.Namespace, progress: Progress
) -> int:
    start, task = time.perf_counter(), progress.add_task("frames")

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
    """The time at which a model or mask was last written, in nanoseconds."""
    return model_file(path).stat().st_mtime_ns


if __name__ == "__main__":
    sys.exit(main())
