"""The standardised benchmark: how well, how steadily and how fast models stylise."""

from __future__ import annotations

import sys

from stylenet.commands.evaluate import parser
from stylenet.system.errors import interrupted
from stylenet.system.loading import say_loading

if __name__ == "__main__":  # before the imports below, which take seconds
    sys.excepthook = interrupted
    parser().parse_args()  # shows help, and mistakes, at once
    say_loading()

import argparse
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from stylenet.evaluation import cost
from stylenet.evaluation.benchmark import Benchmark, mean
from stylenet.evaluation.camera import CAMERAS, Clip, film
from stylenet.evaluation.clip_benchmark import VideoBenchmark, strip
from stylenet.evaluation.footage import footage
from stylenet.evaluation.gallery import SHOWN, Gallery
from stylenet.evaluation.inputs import Input, Suite, coco_wikiart, samples
from stylenet.evaluation.judge import Judge
from stylenet.evaluation.judging import Row
from stylenet.evaluation.manifest import LEFT_OUT, manifest
from stylenet.evaluation.report import to_json, to_markdown, write
from stylenet.evaluation.subjects import Subject, open_subject, with_adapters
from stylenet.evaluation.summary import summary
from stylenet.evaluation.webpage import to_html
from stylenet.pictures.outputs import model_file, refuse_overwriting
from stylenet.pixels.yardstick import Curves
from stylenet.runs.found import found_model
from stylenet.system.cache_folder import cache_dir
from stylenet.system.errors import UserError, exit_on_user_error
from stylenet.system.terminal import progress_bar
from stylenet.system.threads import share_cpus

_WRITTEN = ("evaluation.html", "evaluation.md", "evaluation.json", "manifest.json")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line. Returns 0, or 130 if interrupted."""
    options = parser().parse_args(argv)
    with exit_on_user_error():
        try:
            run(options)
        except KeyboardInterrupt:
            print("interrupted; no figures are written", file=sys.stderr)
            return 130
    return 0


def run(options: argparse.Namespace) -> None:
    """Evaluate, write all reports if ``--out`` is given, and print the most telling figures.

    Raises:
        UserError: a given file cannot be read, or a report cannot be written.
    """
    start = time.perf_counter()
    share_cpus()
    options.models = [found_model(model) for model in options.models]
    _refuse_overwriting(options)
    suite = _suite(options)
    files = with_adapters(options.models, options.adapter)
    subjects = [open_subject(*pair) for pair in files]
    styles = [suite.styles or [subject.style()] for subject in subjects]
    judge = Judge()
    facts = manifest(suite, subjects, styles, judge, options.clip)
    if options.out:  # now, so that an unwritable place shows at once
        write(options.out, {"manifest.json": to_json(facts)})
    if options.suite == "video":
        models, gallery = _judged_on_clips(judge, suite, subjects, styles, options.clip)
    else:
        curves = Curves(cache_dir() / "lbfgs.json") if options.lbfgs else None
        rows, gallery = judge_all(Benchmark(judge, curves), suite, subjects, styles)
        models = [_figures(*pair) for pair in zip(subjects, rows, strict=True)]
    found = {
        "manifest": facts,
        "left_out": LEFT_OUT,
        "models": models,
        "timings": _timings(files, start),
    }
    if options.out:
        html, markdown = to_html(found, gallery), to_markdown(found)
        reports = {"html": html, "md": markdown, "json": to_json(found)}
        write(options.out, {f"evaluation.{kind}": text for kind, text in reports.items()})
    print(f"{summary(found)}\n")
    if options.out:
        print("\n".join(str(options.out / name) for name in _WRITTEN))
    else:
        print("-o FOLDER writes all figures, and a page with pictures")


def judge_all(
    benchmark: Benchmark,
    suite: Suite,
    subjects: Sequence[Subject],
    styles: Sequence[Sequence[Input]],
) -> tuple[list[list[Row]], Gallery]:
    """Judge every subject on every photo, with a progress bar.

    Args:
        styles: the styles that each subject is compared with.

    Returns:
        The rows of each subject, and pictures to show.

    Raises:
        UserError: a photo or style cannot be read.
    """
    rows: list[list[Row]] = [[] for _ in subjects]
    gallery = Gallery()
    for style in list({style.sha256: style for each in styles for style in each}.values())[:SHOWN]:
        gallery.add_style(style.name, style.fitted())
    with progress_bar() as progress:
        task = progress.add_task("judging photos", total=len(suite.photos) * len(subjects))
        for photo in suite.photos:
            seen = benchmark.see(photo)
            pictures = [seen.rgb]
            for subject, compared, found in zip(subjects, styles, rows, strict=True):
                stylized, judged = benchmark.judged(subject, seen, compared)
                pictures.append(stylized)
                found += judged
                progress.advance(task)
            if len(gallery.rows) < SHOWN:
                gallery.add_row(photo.name, pictures)
    return rows, gallery


def judge_clips(
    benchmark: VideoBenchmark,
    clips: Sequence[Callable[[], Clip]],
    subjects: Sequence[Subject],
    styles: Sequence[Sequence[Input]],
    gallery: Gallery,
) -> list[list[Row]]:
    """Judge every subject on every clip, and add rows to `gallery`.

    Args:
        clips: functions that make the clips. Each is called when its turn comes.
        styles: the styles that each subject is compared with.

    Returns:
        The rows of each subject.

    Raises:
        UserError: a clip or style cannot be read.
    """
    rows: list[list[Row]] = [[] for _ in subjects]
    with progress_bar() as progress:
        task = progress.add_task("judging clips", total=len(clips) * len(subjects))
        for make in clips:
            clip = make()
            pictures = [strip(clip, clip.frames)]
            for subject, compared, found in zip(subjects, styles, rows, strict=True):
                picture, judged = benchmark.judged(subject, clip, compared)
                pictures.append(picture)
                found += judged
                progress.advance(task)
            gallery.add_row(clip.name, pictures)
    return rows


def _judged_on_clips(
    judge: Judge,
    suite: Suite,
    subjects: Sequence[Subject],
    styles: Sequence[Sequence[Input]],
    file: Path | None,
) -> tuple[list[dict[str, Any]], Gallery]:
    """The figures of models on photos under moving cameras, and on the clip `file` if given."""
    gallery, benchmark = Gallery(), VideoBenchmark(judge)
    real = footage(file) if file else None  # now, so that a bad clip shows at once
    filmed = [partial(film, photo, name) for photo in suite.photos for name in CAMERAS]
    rows = judge_clips(benchmark, filmed, subjects, styles, gallery)
    models = [_figures(*pair) for pair in zip(subjects, rows, strict=True)]
    if real:
        rows = judge_clips(benchmark, [lambda: real], subjects, styles, gallery)
        for model, [row] in zip(models, rows, strict=True):
            model["clip"] = {key: row[key] for key in ("look", "loss", "warp")}
    return models, gallery


def _figures(subject: Subject, rows: list[Row]) -> dict[str, Any]:
    net = subject.module
    return {
        "name": subject.name,
        "cost": {
            "file_bytes": subject.files[0].stat().st_size,
            "parameters": cost.parameters(net) if net else None,
            "multiply_adds": {
                str(side): cost.multiply_adds(net, side) if net else None for side in cost.SIDES
            },
        },
        "mean": mean(rows),
        "pairs": rows,
    }


def _timings(files: Sequence[tuple[Path, Path | None]], start: float) -> dict[str, Any]:
    """Everything that differs from run to run."""
    threads = torch.get_num_threads()
    with progress_bar() as progress:
        task = progress.add_task("timing", total=len(cost.SIDES) * len(files))
        times = [cost.measure(*pair, threads, partial(progress.advance, task)) for pair in files]
    return {
        "platform": platform.platform(),
        "threads": threads,
        "models": times,
        "seconds": time.perf_counter() - start,
    }


def _refuse_overwriting(options: argparse.Namespace) -> None:
    if options.out:
        clips = [options.clip] if options.clip else []
        read = [*map(model_file, options.models), *options.adapter, *clips]
        refuse_overwriting([options.out / name for name in _WRITTEN], read)


def _suite(options: argparse.Namespace) -> Suite:
    if options.clip and options.suite != "video":
        raise UserError("--clip belongs to --suite video; add it")
    if options.lbfgs and options.suite == "video":
        raise UserError("--lbfgs is for photos; leave it out with --suite video")
    if options.suite != "coco-wikiart":
        if options.content or options.styles:
            raise UserError("--content and --styles belong to --suite coco-wikiart; add it")
        return replace(samples(), name=options.suite)
    if options.content is None or options.styles is None:
        raise UserError("--suite coco-wikiart needs --content FOLDER and --styles FOLDER")
    return coco_wikiart(options.content, options.styles)


if __name__ == "__main__":
    sys.exit(main())
