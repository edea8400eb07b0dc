#!/usr/bin/env python
"""How fast and how exact are the compiled kernels? Each beside torch's, forward, by turns.

Convolutions of four pictures, channels last, whose weights are kept transformed, as VGG's are.
Medians of eleven turns; errors are root mean squares relative to torch's float32 result.

    python scripts/benchmark_kernels.py [--threads 1]
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable
from statistics import median

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from stylenet.ops.cpu.compiled import library
from stylenet.ops.cpu.winograd import Filters, conv3x3
from stylenet.system.errors import UserError, exit_on_user_error

TURNS = 11
SHAPES = ((64, 128), (128, 64), (256, 32), (512, 16))
"""Channels and side of VGG's stages for pictures of 128."""


def timed(runs: list[Callable[[], Tensor]]) -> list[float]:
    """The median milliseconds of each, by turns."""
    times: list[list[float]] = [[] for _ in runs]
    for _ in range(TURNS):
        for run, seconds in zip(runs, times, strict=True):
            start = time.perf_counter()
            run()
            seconds.append(time.perf_counter() - start)
    return [1000 * median(seconds) for seconds in times]


def error(value: Tensor, expected: Tensor) -> float:
    """The root mean square of the difference, relative to the expected values'."""
    return ((value.float() - expected).norm() / expected.norm()).item()


def row(channels: int, side: int) -> str:
    """One line of the table: torch and the kernel in float32, then in bfloat16."""
    x = torch.randn(4, channels, side, side).relu().contiguous(memory_format=torch.channels_last)
    weight = torch.randn(channels, channels, 3, 3) / (3 * (channels / 2) ** 0.5)
    weight = weight.contiguous(memory_format=torch.channels_last)
    expected = conv2d(x, weight, padding=1)
    cells = [f"{channels}, {side}"]
    for dtype in (torch.float32, torch.bfloat16):
        picture, plain, filters = x.to(dtype), weight.to(dtype), Filters(weight)

        def theirs(picture: Tensor = picture, plain: Tensor = plain) -> Tensor:
            return conv2d(picture, plain, padding=1)

        def ours(picture: Tensor = picture, filters: Filters = filters) -> Tensor:
            return conv3x3(picture, weight, filters=filters)

        for run, milliseconds in zip((theirs, ours), timed([theirs, ours]), strict=True):
            cells += [f"{milliseconds:.1f}", f"{error(run(), expected):.0e}"]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print a Markdown table, one row a shape."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    torch.set_num_threads(parser.parse_args().threads)
    if library() is None:
        raise UserError("there are no kernels here; install gcc, on Linux with AVX2 or AVX-512")
    print(f"{platform.platform()}, torch {torch.__version__}, {torch.get_num_threads()} threads\n")
    pair = "torch, {0} | error | kernel, {0} | error"
    header = f"| channels, side | {pair.format('float32')} | {pair.format('bfloat16')} |"
    print(f"{header}\n{'|---' * (header.count('|') - 1)}|")
    with torch.no_grad():
        for channels, side in SHAPES:
            print(row(channels, side))


if __name__ == "__main__":
    with exit_on_user_error():
        main()
