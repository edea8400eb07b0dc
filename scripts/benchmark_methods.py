#!/usr/bin/env python
"""One style, many methods: what they cost and how well they do on photos that none has seen.

A row for each model and, with --iterations, one for pixel optimisation (L-BFGS from the photo, of
loss=default): styles a model, minutes of its training, milliseconds at 512x512, and content and
style as `stylenet.evaluate` judges them. With --sheet a picture: a row for each method.

    python scripts/benchmark_methods.py per-style=RUN AdaIN=RUN … --photos FOLDER --style PICTURE
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from benchmark_styles import sheet

from stylenet.evaluation import cost
from stylenet.evaluation.benchmark import mean
from stylenet.evaluation.inputs import picture_file
from stylenet.evaluation.judge import Judge
from stylenet.evaluation.subjects import Subject, open_subject
from stylenet.pictures.folders import find_pictures
from stylenet.pictures.images import Bytes, Picture, resize, write_picture
from stylenet.pixels.optimisation import optimize
from stylenet.runs.curves import read_rows
from stylenet.system.errors import UserError, exit_on_user_error
from stylenet.tensors import to_bytes, to_tensor


@dataclass(frozen=True)
class Method:
    """What a row of the table says, and what the photos, uint8 (H, W, 3), became."""

    name: str
    styles: str
    minutes: float | None
    milliseconds: float
    results: list[Bytes]


def trained(given: str, photos: Sequence[Bytes], style: Path) -> Method:
    """``NAME=RUN`` on all photos.

    Raises:
        UserError: it is not of that form, or no such run.
    """
    name, _, path = given.rpartition("=")
    if not name:
        raise UserError(f"{given} has no name; give NAME=RUN")
    found = open_subject(Path(path), None)
    [(subject, _)] = found.by_style([picture_file(style, style.stem)])
    times = cost.measure(Path(path), None, torch.get_num_threads())
    curves = Path(path) / "losses.csv"
    minutes = float(read_rows(curves)[-1]["seconds"]) / 60 if curves.is_file() else None
    return Method(
        name,
        _styles(found),
        minutes,
        times["512"]["p50_ms"] or 0.0,
        [subject.net(photo) for photo in photos],
    )


def _styles(subject: Subject) -> str:
    """How many a model can paint."""
    if subject.restyled is None:
        return "1"
    return "any" if subject.learnt is None else str(len(subject.learnt))


def optimized(photos: Sequence[Bytes], style: Bytes, iterations: int) -> Method:
    """Pixel optimisation of all photos; its time at 512 is that of the first photo, enlarged."""
    judge = Judge()

    def painted(photo: Bytes, count: int) -> Bytes:
        *_, last = optimize(judge.pixel_loss(photo, style), to_tensor(photo), count)
        return to_bytes(last.image)

    results = [painted(photo, iterations) for photo in photos]
    large = resize(Picture(photos[0][:256, :256]), 512).rgb
    started, few = time.perf_counter(), 4
    painted(large, few)
    milliseconds = (time.perf_counter() - started) * 1e3 * iterations / (few + 1)
    return Method(f"L-BFGS, {iterations} iterations", "1", 0.0, milliseconds, results)


def looks(results: Sequence[Bytes], photos: Sequence[Bytes], style: Bytes) -> dict[str, float]:
    """The means of content and style over the photos: how far off the results look."""
    judge = Judge()
    target = judge.target(style)
    pairs = zip(results, photos, strict=True)
    found: dict[str, float] = mean([judge.look(*pair, target) for pair in pairs])
    return found


def main() -> None:
    """Print a Markdown table and write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", metavar="NAME=RUN")
    parser.add_argument("--photos", type=Path, required=True, help="folder of unseen photos")
    parser.add_argument("--style", type=Path, required=True, help="the style picture")
    parser.add_argument("--count", type=int, default=6, help="of photos (6)")
    parser.add_argument("--iterations", type=int, default=0, help="of pixel optimisation (none)")
    parser.add_argument("--sheet", type=Path, help="a .png to write")
    args = parser.parse_args()
    files = find_pictures(args.photos)[: args.count]
    photos = [picture_file(file, file.stem).fitted() for file in files]
    style = picture_file(args.style, args.style.stem).painting()
    print(f"{platform.platform()}, torch {torch.__version__}, {torch.get_num_threads()} threads\n")
    print("| method | styles a model | minutes of training | ms at 512 | style | content |")
    print("|---|---|---|---|---|---|")
    before = looks(photos, photos, style)
    print(f"| the photos | | | | {before['style']:.3f} | 0 |", flush=True)
    shown = [[style, *photos]]
    for given in (*args.models, None):
        if given is None and not args.iterations:
            continue
        method = (
            optimized(photos, style, args.iterations)
            if given is None
            else trained(given, photos, args.style)
        )
        found = looks(method.results, photos, style)
        minutes = "" if method.minutes is None else f"{method.minutes:.0f}"
        print(
            f"| {method.name} | {method.styles} | {minutes} | {method.milliseconds:.0f} "
            f"| {found['style']:.3f} | {found['content']:.3f} |",
            flush=True,
        )
        shown.append([np.full_like(style, 255), *method.results])
    if args.sheet:
        write_picture(Picture(sheet(shown)), args.sheet)


if __name__ == "__main__":
    with exit_on_user_error():
        main()
