#!/usr/bin/env python
"""What a GPU does for stylenet, held to its bars: Markdown on the screen, JSON in a file.

The reference is pytorch/examples' fast_neural_style on the same card: its step by turns with ours,
and its loop as shipped, with its loading. "Through the command line" is a training of the default
style; its bare step is the same trainer on one batch that lies on the device, without callbacks.
"Command to prompt" is by count: the time of a short training besides its steps, and the default's
steps at its rate. A figure that cannot be measured is left out, with the reason on stderr.

    python scripts/benchmark_gpu.py EXAMPLES_CHECKOUT -o table.json [--device cpu]
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
import yaml
from benchmark_inference import contestants_on, frames_per_second, milliseconds_on, picture
from benchmark_training import Setting, compare, contestants, drawn, has_bf16, peak_memory
from hydra.utils import instantiate
from PIL import Image
from pytorch_lightning import Callback, LightningModule, Trainer
from timing import machine, now, table
from torch.utils.data import DataLoader

from stylenet.config.compose import composed
from stylenet.data.samples import SamplePhotos
from stylenet.models.checkpoint import TrainedModel
from stylenet.nets.johnson import TransformerNet
from stylenet.pictures.resizing import resize_shorter_side
from stylenet.system.errors import exit_on_user_error

JPEG_SIDE = 288
"""Shorter side of the photos that the reference's loader reads."""


@dataclass(frozen=True)
class Scale:
    """How much is measured. A CPU, where only the script itself is tried, gets the least."""

    size: int = 256
    batches: tuple[int, ...] = (4, 16)
    turns: int = 9
    steps: int = 400
    sides: tuple[tuple[int, int], ...] = ((512, 512), (2160, 3840))
    frames: int = 300
    clip: tuple[int, int] = (1080, 1920)
    overrides: tuple[str, ...] = ()


TRIAL = Scale(
    size=64,
    batches=(1, 2),
    turns=1,
    steps=12,
    sides=((64, 64), (64, 96)),
    frames=4,
    clip=(64, 96),
    overrides=("net.width=0.25", "data.size=64", "data.batch_size=1"),
)


@dataclass(frozen=True)
class Row:
    """A figure, its unit, and the bar that it must reach: from below if `least`."""

    figure: str
    found: float
    unit: str
    bar: float
    least: bool = True

    @property
    def met(self) -> bool:
        return self.found >= self.bar if self.least else self.found <= self.bar

    def line(self) -> list[str]:
        sign = "≥" if self.least else "≤"
        told = f"{self.found:.3g} {self.unit}", f"{sign} {self.bar:g} {self.unit}"
        return [self.figure, *told, "yes" if self.met else "**no**"]


def steps(base: Setting, scale: Scale) -> Iterator[Row]:
    """The same net and losses as the reference's."""
    for batch in scale.batches:
        found = compare(replace(base, batch=batch), scale.turns)
        rates = f"{found['ours']:.4g} and {found['reference']:.4g} images/s"
        yield Row(f"step at batch {batch}, {rates}", found["ratio"], "x the reference", 4)


def memory(base: Setting, scale: Scale) -> Iterator[Row]:
    """The peak at the largest batch."""
    largest = replace(base, batch=scale.batches[-1])
    ours, theirs = (peak_memory(which, largest) for which in ("ours", "reference"))
    what = f"peak memory at batch {largest.batch}, {ours:.0f} and {theirs:.0f} MiB"
    yield Row(what, ours / theirs, "x the reference's", 1, least=False)


def command_line(base: Setting, scale: Scale) -> Iterator[Row]:
    """A training of the default style by the command line."""
    overrides = [f"trainer.accelerator={base.device.type}", *scale.overrides]
    default = composed(overrides)
    with tempfile.TemporaryDirectory() as folder:
        run, start = Path(folder) / "run", time.perf_counter()
        asked = [*overrides, f"run={run}", f"trainer.max_steps={scale.steps}"]
        command = [sys.executable, "-m", "stylenet.train", *asked]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        wall = time.perf_counter() - start
        rate = late_rate((run / "losses.csv").read_text().splitlines())
        batch = yaml.safe_load((run / "config.yaml").read_text())["data"]["batch_size"]
        bare, theirs = bare_rate(asked, base.device, scale.steps), shipped_rate(base, scale)
    ours = f"{rate * batch:.4g} images/s at batch {batch}"
    yield Row(f"command line, {ours}", rate * batch / theirs, "x the reference as shipped", 12)
    yield Row(f"command line over its bare step, {bare * batch:.4g} images/s", rate / bare, "", 0.9)
    took = wall - scale.steps / rate + default.trainer.max_steps / rate
    what = f"command to prompt, {default.trainer.max_steps} steps, by count"
    yield Row(what, took, "s", 60, least=False)


def late_rate(lines: list[str]) -> float:
    """Steps a second in the second half of a training, from its ``losses.csv``."""
    seconds = [float(row["seconds"]) for row in csv.DictReader(lines)]
    middle = len(seconds) // 2
    return (len(seconds) - middle) / (seconds[-1] - seconds[middle - 1])


class Clock(Callback):
    """Notes the time after half of the steps, and after all."""

    def __init__(self, steps: int) -> None:
        self.at = {steps // 2: 0.0, steps: 0.0}

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *batch: object
    ) -> None:
        if trainer.global_step in self.at:
            self.at[trainer.global_step] = now(pl_module.device)


def bare_rate(overrides: list[str], device: torch.device, steps: int) -> float:
    """Steps a second of the trainer on one batch that lies on the device, without callbacks."""
    cfg = composed(overrides)
    task = instantiate(cfg.task)(style=instantiate(cfg.style).picture().rgb)
    task.read_style()
    batch, clock = drawn(cfg.data.batch_size, cfg.data.size, seed=0).to(device), Clock(steps)
    batches = DataLoader([batch] * steps, batch_size=None)
    instantiate(cfg.trainer)(callbacks=[clock], logger=False).fit(task, batches)
    (middle, start), (last, end) = clock.at.items()
    return (last - middle) / (end - start)


def shipped_rate(base: Setting, scale: Scale) -> float:
    """Images a second of the reference's own loop, with its loading of JPEGs."""
    reference, _, _, style = contestants(base)
    step, count = reference.step(style), scale.batches[0] * min(scale.steps, 60)
    with photos(count) as folder:
        batches = iter(reference.loader(folder, scale.size, scale.batches[0]))
        step(next(batches)[0].to(base.device))  # warms up
        start = now(base.device)
        for photo, _ in batches:
            step(photo.to(base.device))
        return (count - scale.batches[0]) / (now(base.device) - start)


@contextmanager
def photos(count: int) -> Iterator[Path]:
    """A folder with a folder of so many JPEGs, the sample photographs again and again."""
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "all").mkdir()
        kept = [photo.decode().rgb for photo in SamplePhotos().listing().photos]
        small = [Image.fromarray(resize_shorter_side(rgb, JPEG_SIDE)) for rgb in kept]
        for number in range(count):
            small[number % len(small)].save(Path(place) / "all" / f"{number:05d}.jpg")
        yield Path(place)


def inference(base: Setting, scale: Scale) -> Iterator[Row]:
    """The full net in half precision: alone, and the fastest way from bytes to bytes."""
    model = TrainedModel(TransformerNet().eval(), {"net": {}})
    runs = contestants_on(model, base.device)
    for (height, width), bar in zip(scale.sides, (1.5, 25), strict=True):
        took = milliseconds_on(base.device, runs, picture(height, width))
        print(f"{width}x{height}, ms:", {name: round(ms, 2) for name, ms in took.items()})
        yield Row(f"{width}x{height}, the net alone", took["the net alone, half"], "ms", bar, False)
        name = min((n for n in took if "half" in n or "fp16" in n), key=took.__getitem__)
        yield Row(f"{width}x{height}, {name}", took[name], "ms", bar, False)


def clip(base: Setting, scale: Scale) -> Iterator[Row]:
    """The full net on a clip, from decoding to encoding."""
    net = TransformerNet().eval().to(base.device).to(memory_format=torch.channels_last)
    rate = frames_per_second(net, scale.frames, *scale.clip)
    height, width = scale.clip
    yield Row(f"a clip of {scale.frames} frames, {width}x{height}", rate, "frames/s", 60)


PARTS: list[Callable[[Setting, Scale], Iterator[Row]]] = [
    *(steps, memory, command_line, inference, clip)
]


def main() -> None:
    """Print the table, and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", type=Path, help="a checkout of pytorch/examples")
    parser.add_argument("-o", "--out", type=Path, required=True, help="the JSON file to write")
    parser.add_argument("--device", type=torch.device, default="cuda", help="cpu: a quick trial")
    args = parser.parse_args()
    scale = Scale() if args.device.type == "cuda" else TRIAL
    bf16 = has_bf16(args.device)
    base = Setting(args.checkout, scale.size, scale.batches[0], bf16, args.device)
    rows, facts = list[Row](), machine(args.device)
    try:
        for part in PARTS:
            try:
                for row in part(base, scale):
                    rows.append(row)
                    print(*row.line(), sep=" | ", file=sys.stderr, flush=True)
            except Exception:  # of any kind: the other figures are wanted all the same
                print(f"not measured: {part.__name__}", file=sys.stderr)
                traceback.print_exc()
    finally:  # also where time was up, which sends Ctrl-C
        told = [asdict(row) | {"met": row.met} for row in rows]
        args.out.write_text(json.dumps({"machine": facts, "figures": told}, indent=1) + "\n")
        print(f"\n{', '.join(f'{name} {fact}' for name, fact in facts.items())}\n")
        print(table(["figure", "found", "bar", "met"], [row.line() for row in rows]))


if __name__ == "__main__":
    with exit_on_user_error():
        main()
