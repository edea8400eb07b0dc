"""How fast is the default training beside busy processes? (`benchmark_training.py --beside`)"""

from __future__ import annotations

import multiprocessing
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import torch

from stylenet.system.cpus import usable_cpus
from stylenet.system.errors import UserError

SECONDS = 10.0
"""Of each turn; what has begun beside or alone is given a fifth of that to settle."""


def compare(beside: int, turns: int) -> None:
    """Print the rate of one training by turns alone and beside so many busy processes."""
    print(f"{platform.platform()}, torch {torch.__version__}, {usable_cpus()} CPUs")
    rates: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder, training(Path(folder) / "run") as curves:
        print(f"| turn | alone, steps/s | beside {beside} | ratio |\n|---|---|---|---|")
        for turn in range(1, turns + 1):
            alone = rate(curves)
            with busy(beside):
                rates.append((alone, rate(curves)))
            print(f"| {turn} | {alone:.2f} | {rates[-1][1]:.2f} | {rates[-1][1] / alone:.0%} |")
    alone, slowed = (median(each) for each in zip(*rates, strict=True))
    ratio = median(b / a for a, b in rates)
    print(f"| median | {alone:.2f} | {slowed:.2f} | **{ratio:.0%}** |")


@contextmanager
def training(run: Path) -> Iterator[Path]:
    """The command line's, until the end of the block; its losses are a line a step."""
    options = ["trainer=cpu", "trainer.max_steps=1000000", "trainer.log_every_n_steps=1"]
    command = [sys.executable, "-m", "stylenet.train", *options, f"run={run}"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            while steps(run / "losses.csv") < 10:
                if process.poll() is not None:
                    raise UserError("the training ended")
                time.sleep(0.1)
            yield run / "losses.csv"
        finally:
            process.kill()


@contextmanager
def busy(count: int) -> Iterator[None]:
    """So many processes that never wait, until the end of the block."""
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=spin, daemon=True) for _ in range(count)]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.join()


def spin() -> None:
    """Until killed, or left alone."""
    parent = os.getppid()
    while os.getppid() == parent:
        pass


def rate(curves: Path) -> float:
    """Steps a second of the training that writes `curves`."""
    time.sleep(SECONDS / 5)
    before, start = steps(curves), time.perf_counter()
    time.sleep(SECONDS)
    return (steps(curves) - before) / (time.perf_counter() - start)


def steps(curves: Path) -> int:
    """How many are done."""
    return curves.read_text().count("\n") if curves.exists() else 0
