#!/usr/bin/env python
"""How fast is a training step? Side by side with pytorch/examples' fast_neural_style.

Both train the same net (Johnson's, full width, nearest upsampling) under the same loss, VGG-16 and
batch. Before anything is timed, the same weights must give the same pictures (within 1e-3 of the
value range, float32) and the same loss (within 1 % in the precision that is timed). Steps are
timed by turns, ours and the reference's; the figures are medians, the ratios those of each turn.
VGG's weights are random here, which changes no speed. Our loading is timed by itself, on the
embedded photos, cached.

    python scripts/benchmark_training.py EXAMPLES_CHECKOUT [--sizes 128 256] [--batch 4]
    python scripts/benchmark_training.py EXAMPLES_CHECKOUT --device cuda --sizes 256 --batch 4 16

With --beside, the default training alone and beside busy processes instead, by turns:

    python scripts/benchmark_training.py --beside 1
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import beside
import numpy as np
import torch
from reference import CONTENT_WEIGHT, STYLE_WEIGHT, Reference, Step, translate
from timing import by_turns, machine, table, timed
from torch import Tensor
from torch.nn.functional import conv2d
from torch.utils.flop_counter import FlopCounterMode

from stylenet.callbacks.pace import make_capturable
from stylenet.config.hardware import kind
from stylenet.data.module import PhotoDataModule
from stylenet.data.samples import SamplePhotos
from stylenet.losses.perceptual import PerceptualLoss
from stylenet.nets.johnson import TransformerNet
from stylenet.ops.cpu import compiled
from stylenet.optim.muon import Muon
from stylenet.optim.schedule import warmup_cosine
from stylenet.system.errors import UserError, exit_on_user_error
from stylenet.tasks.base import Targets
from stylenet.tasks.perceptual import PerceptualTask
from stylenet.tasks.recorded import Recorded
from stylenet.tensors import to_bytes, to_tensor
from stylenet.vgg import VGG

HEADER = [
    *("size", "batch", "ours, img/s", "reference, img/s", "ratio"),
    *("GFLOP/img", "GFLOP/s", "of peak", "loading"),
]
"""Columns of the table."""


@dataclass(frozen=True)
class Setting:
    """What is timed: `size` is the side of photos, `batch` their number, `bf16` our precision."""

    checkout: Path
    size: int
    batch: int
    bf16: bool
    device: torch.device


class Ours:
    """stylenet's task with the reference's net, loss and VGG."""

    def __init__(self, reference: Reference, style: Tensor, setting: Setting) -> None:
        loss = PerceptualLoss(
            content_layers={"relu2_2": 1.0},
            style_layers={"relu1_2": 1.0, "relu2_2": 1.0, "relu3_3": 1.0, "relu4_3": 1.0},
            content_weight=CONTENT_WEIGHT,
            style_weight=STYLE_WEIGHT,
            tv_weight=0.0,
            relative=False,
        )
        net = TransformerNet(upsampling="nearest", skips=False)
        net.load_state_dict(translate(reference.net.state_dict(), net.state_dict()))
        with tempfile.NamedTemporaryFile(suffix=".pt") as file:
            torch.save(reference.weights, file.name)
            vgg = partial(VGG, weights=file.name, architecture="vgg16")
            rgb = to_bytes(style)
            self.task = PerceptualTask(
                net, vgg, loss, rgb, min(rgb.shape[:2]), Muon, partial(warmup_cosine, warmup=20)
            )
            self.task.read_style()
        self.task.to(setting.device)
        self.setting = setting

    def autocast(self) -> AbstractContextManager[Any]:
        """The precision that is timed."""
        device, enabled = self.setting.device, self.setting.bf16
        return torch.autocast(device.type, torch.bfloat16, enabled=enabled)

    def loss(self, photo: Tensor) -> tuple[Tensor, Tensor]:
        """The objective, and the mean total loss of photos."""
        with self.autocast():
            objective, means = self.task.objective(photo, self.task.targets(photo))
            return objective, means["total"]

    def step(self) -> Step:
        """Our training step on photos in [0, 1], recorded by a GPU as in a training."""
        if self.setting.bf16:
            self.task.vgg.stages.bfloat16()
        whole: Callable[[Targets], Targets] = self.task.whole_step
        if self.setting.device.type == "cuda":
            make_capturable(self.task.optimizer, self.setting.device)
            whole = Recorded(whole)

        def step(photo: Tensor) -> float:
            photo = photo.contiguous(memory_format=torch.channels_last)
            with self.autocast():
                return whole({"batch": photo})["total"].item()

        return step


def check_equal(reference: Reference, ours: Ours, photo: Tensor, style: Tensor) -> None:
    """Hold both to the same pictures and the same loss before anything is timed.

    Raises:
        UserError: they differ by more than the tolerances.
    """
    exact = torch.backends.cudnn.flags(enabled=True, allow_tf32=False)  # as float32 is on a CPU
    with torch.no_grad(), exact:
        picture = (ours.task.net(photo) - reference.net(photo * 255) / 255).abs().max().item()
        theirs = reference.loss(photo * 255, reference.grams(style * 255)).item()
        loss = abs(ours.loss(photo)[1].item() / theirs - 1)
    print(f"same weights: pictures differ by {picture:.1e} of the range, losses by {loss:.2%}")
    if picture > 1e-3 or loss > 0.01:
        raise UserError("the two do not compute the same thing; nothing was timed")


def drawn(batch: int, size: int, seed: int) -> Tensor:
    """Pictures with edges and shades of every size, (B, 3, size, size) in [0, 1]."""
    rng = np.random.default_rng(seed)
    layers = [rng.random((batch, 3, size >> k, size >> k)) for k in range(2, 6)]
    whole = sum(np.kron(layer, np.ones((1, 1, 2**k, 2**k))) for k, layer in enumerate(layers, 2))
    return torch.from_numpy(np.asarray(whole) / len(layers)).float()


def contestants(setting: Setting) -> tuple[Reference, Ours, Tensor, Tensor]:
    """Both, photos (batch, 3, size, size), and a style picture (1, 3, 256, 256) of bytes."""
    photo = drawn(setting.batch, setting.size, seed=0).to(setting.device)
    style = to_tensor(to_bytes(drawn(1, 256, seed=1)))
    reference = Reference(setting.checkout)
    ours = Ours(reference, style, setting)
    reference.to(setting.device)
    return reference, ours, photo, style.to(setting.device)


def flops_per_image(ours: Ours, photo: Tensor) -> float:
    """Floating-point operations of our forward and backward pass, per image.

    Those of plain convolutions, which can be counted and compared; our kernel does fewer.
    """
    with FlopCounterMode(display=False) as counter, patch.object(compiled, "library", no_library):
        ours.loss(photo)[0].backward()
    return counter.get_total_flops() / len(photo)


def no_library() -> None:
    """What `stylenet.ops.cpu.compiled.library` gives where there is no compiler."""


def peak_flops(setting: Setting) -> float:
    """This machine's best convolution rate: 3x3, 256 channels, 64x64, forward; operations/s."""
    dtype, device = torch.bfloat16 if setting.bf16 else torch.float32, setting.device

    def filled(*shape: int) -> Tensor:
        values = torch.rand(shape, dtype=dtype, device=device)
        return values.contiguous(memory_format=torch.channels_last)

    x, weight = filled(4, 256, 64, 64), filled(256, 256, 3, 3)
    with torch.no_grad():
        seconds = min(timed(lambda: conv2d(x, weight, padding=1), device) for _ in range(20))
    return 2 * 9 * 256 * 256 * 64 * 64 * 4 / seconds


def compare(setting: Setting, turns: int) -> dict[str, float]:
    """A B A B at one size: rates in images a second, their ratio, and what limits ours."""
    reference, ours, photo, style = contestants(setting)
    check_equal(reference, ours, photo, style)
    flops = flops_per_image(ours, photo)
    steps = {"ours": ours.step(), "reference": reference.step(style)}
    runs = {name: partial(step, photo) for name, step in steps.items()}
    times = by_turns(runs, turns, setting.device)
    rate = setting.batch / median(times["ours"])
    return {
        "size": setting.size,
        "batch": setting.batch,
        "ours": rate,
        "reference": setting.batch / median(times["reference"]),
        "ratio": median(b / a for a, b in zip(times["ours"], times["reference"], strict=True)),
        "flops_per_image": flops,
        "of_peak": flops * rate / peak_flops(setting),
        "loading": loading(setting.size, setting.batch) * rate / setting.batch,
    }


def as_row(found: dict[str, float]) -> list[str]:
    """A line of the table."""
    flops = found["flops_per_image"] / 1e9
    return [
        f"{found['size']:.0f}",
        f"{found['batch']:.0f}",
        f"{found['ours']:.2f}",
        f"{found['reference']:.2f}",
        f"**{found['ratio']:.2f}x**",
        f"{flops:.0f}",
        f"{flops * found['ours']:.0f}",
        f"{found['of_peak']:.0%}",
        f"{found['loading']:.1%}",
    ]


def loading(size: int, batch: int) -> float:
    """Seconds that a batch of random crops takes, the median of 20."""
    photos = PhotoDataModule(SamplePhotos(), SamplePhotos(held_out=True), size, batch)
    batches = iter(photos.train_dataloader())
    return median(timed(lambda: next(batches), torch.device("cpu")) for _ in range(20))


def peak_memory(which: str, setting: Setting) -> float:
    """MiB that three steps add to the peak of a fresh process, on the device."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(peak_here, (which, setting))


def peak_here(which: str, setting: Setting) -> float:
    """`peak_memory` of this process."""
    before = high_water_mark(setting.device)
    reference, ours, photo, style = contestants(setting)
    step = ours.step() if which == "ours" else reference.step(style)
    for _ in range(3):
        step(photo)
    return high_water_mark(setting.device) - before


def high_water_mark(device: torch.device) -> float:
    """The most memory that this process ever held, in MiB, on a GPU or (Linux) beside it."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / 1024


def main() -> None:
    """Print a Markdown table, a row for each size and batch, and the peak memory of both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", type=Path, nargs="?", help="a checkout of pytorch/examples")
    parser.add_argument("--beside", type=int, metavar="N", help="time it beside N busy processes")
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 256], help="(128 256)")
    parser.add_argument("--batch", type=int, nargs="+", default=[4], help="photos a step (4)")
    parser.add_argument("--device", type=torch.device, default="cpu", help="cpu or cuda (cpu)")
    parser.add_argument(
        "--turns",
        type=int,
        default=7,
        help="steps of each, by turns (7); with --beside, 12 s of each",
    )
    parser.add_argument("--fp32", action="store_true", help="ours in float32 too")
    args = parser.parse_args()
    if args.beside is not None:
        beside.compare(args.beside, args.turns)
        return
    if args.checkout is None:
        parser.error("give a checkout of pytorch/examples, or --beside N")
    bf16 = not args.fp32 and has_bf16(args.device)
    print(*(f"{name} {fact}" for name, fact in machine(args.device).items()), sep=", ")
    print(f"{torch.get_num_threads()} threads, ours in {'bfloat16' if bf16 else 'float32'}\n")
    settings = [
        Setting(args.checkout, size, batch, bf16, args.device)
        for size in args.sizes
        for batch in args.batch
    ]
    rows = [as_row(compare(setting, args.turns)) for setting in settings]
    print(f"\n{table(HEADER, rows)}")
    largest = settings[-1]
    for which in ("ours", "reference"):
        peak = peak_memory(which, largest)
        print(f"\npeak memory at {largest.size}, {largest.batch} photos, {which}: {peak:.0f} MiB")


def has_bf16(device: torch.device) -> bool:
    """Whether the training takes bfloat16 there by default."""
    return kind("gpu" if device.type == "cuda" else "cpu") in ("gpu", "cpu_bf16")


if __name__ == "__main__":
    with exit_on_user_error():
        main()
