"""Clocks for a CPU and a GPU, and what machine they ran on."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version

import torch

from stylenet.system.cpus import usable_cpus

PACKAGES = ("torch", "torchvision", "pytorch-lightning", "onnxruntime", "onnxruntime-gpu", "av")


def now(device: torch.device) -> float:
    """Seconds, once the device has done all that was asked of it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def timed(call: Callable[[], object], device: torch.device) -> float:
    """Seconds that `call` takes."""
    start = now(device)
    call()
    return now(device) - start


GPU_WARM_UP = 5
"""Turns in which a GPU chooses kernels, and records them."""


def by_turns(
    runs: Mapping[str, Callable[[], object]], turns: int, device: torch.device
) -> dict[str, list[float]]:
    """Seconds of each turn of each run: A B A B. Turns before the first warm up."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    first = -1 if device.type == "cpu" else -GPU_WARM_UP
    for turn in range(first, turns):
        for name, run in runs.items():
            seconds = timed(run, device)
            if turn >= 0:
                taken[name].append(seconds)
    return taken


def machine(device: torch.device) -> dict[str, str]:
    """The card or the processor, and the versions of what ran on it."""
    card = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.platform()
    facts = {"device": card, "CPUs": str(usable_cpus()), "Python": platform.python_version()}
    if device.type == "cuda":
        facts["CUDA"] = str(torch.version.cuda)
    for package in PACKAGES:
        try:
            facts[package] = version(package)
        except PackageNotFoundError:
            continue
    return facts


def table(header: list[str], rows: list[list[str]]) -> str:
    """Rows as a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
