"""A model's cost: parameters, multiply-adds, and time and memory in a fresh process."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from stylenet.evaluation.subjects import open_subject
from stylenet.pictures.images import Bytes
from stylenet.runtime.stylizer import Net
from stylenet.system.memory import peak_memory

SIDES = (256, 512, 1024)
"""Sides of the square pictures, in pixels."""

PERCENTILES = (10, 50, 90)

_WARM_UP = 1
_RUNS = range(5, 21)
"""Timed runs of one size: the first number at least, the last at most."""

_ENOUGH = 3.0
"""Seconds. Once the runs of one size have taken so long, only the least number is completed."""


Times = dict[str, dict[str, float | None]]
"""Side → name of a figure → the figure."""


def parameters(net: nn.Module) -> int:
    """The number of parameters of a net."""
    return sum(parameter.numel() for parameter in net.parameters())


def multiply_adds(net: nn.Module, side: int) -> int:
    """Multiply-adds of convolutions and matrix products for one square picture.

    They are half of torch's FLOPs. Only shapes are computed, no pixels.
    """
    shapes = copy.deepcopy(net).to("meta")
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        shapes(torch.empty(1, 3, side, side, device="meta"))
    return int(counter.get_total_flops()) // 2


def measure(
    model: Path, adapter: Path | None, threads: int, report: Callable[[], None] = lambda: None
) -> Times:
    """Time and memory by side, measured in a process of its own, so that nothing else counts.

    Args:
        report: called after each side.

    Returns:
        For each side: ``runs``; ``p10_ms``, ``p50_ms`` and ``p90_ms``, from bytes to bytes; and
        ``peak_mib``, the peak of memory so far beyond what opening the model took. ``peak_mib`` is
        None where the system does not report memory.
    """
    found = {}
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        for side in SIDES:  # ascending: a peak never falls
            found[str(side)] = pool.submit(_measure, model, adapter, threads, side).result()
            report()
    return found


def _measure(model: Path, adapter: Path | None, threads: int, side: int) -> dict[str, float | None]:
    net, opened = _opened(model, adapter, threads)
    return _at(net, side, opened)


@cache
def _opened(model: Path, adapter: Path | None, threads: int) -> tuple[Net, float | None]:
    """The net, which the process opens once, and the peak of memory then, in MiB."""
    torch.set_num_threads(threads)
    return open_subject(model, adapter, threads).net, peak_memory()


def _at(net: Net, side: int, opened: float | None) -> dict[str, float | None]:
    photo = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    for _ in range(_WARM_UP):
        net(photo)
    taken: list[float] = []
    while len(taken) < _RUNS[0] or (len(taken) < _RUNS[-1] and sum(taken) < _ENOUGH):
        taken.append(_seconds(net, photo))
    times = np.percentile(taken, PERCENTILES) * 1e3
    found = {f"p{p}_ms": float(ms) for p, ms in zip(PERCENTILES, times, strict=True)}
    peak = peak_memory()
    beyond = None if peak is None or opened is None else peak - opened
    return {"runs": len(taken), **found, "peak_mib": beyond}


def _seconds(net: Net, photo: Bytes) -> float:
    start = time.perf_counter()
    net(photo)
    return time.perf_counter() - start
