#!/usr/bin/env python
"""How the embedded weights are made: one net learns many styles, each with norms of its own.

Each picture counts three times, the second and third time with its colour channels turned. What is
kept is the even mixture of all styles: the convolutions that they share, with the mean of their
scales and shifts: what every style needs of photos and strokes, and no style's look. Training
starts from the embedded weights of the day.

    python scripts/train_warm_start.py OUT.pt --photos FOLDER --styles PICTURE [PICTURE …]
"""

from __future__ import annotations

import argparse
import random
import time
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory

import numpy as np
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from PIL import Image
from torch import Tensor

from stylenet.config.compose import composed
from stylenet.config.hardware import kind
from stylenet.models.checkpoint import save_model, start_from
from stylenet.pictures.images import read_picture
from stylenet.system.errors import exit_on_user_error
from stylenet.system.memory import keep_freed_memory
from stylenet.tasks.multistyle import MultiStyleTask

SAVE_EVERY = 1000  # steps


def turned_files(pictures: list[Path], folder: Path) -> list[Path]:
    """Each picture, and with its colour channels turned once and twice, as files."""
    files = []
    for number, path in enumerate(pictures):
        for by in range(3):
            files.append(folder / f"{number}_{by}.png")
            Image.fromarray(np.roll(read_picture(path).rgb, by, axis=2)).save(files[-1])
    return files


def train(cfg: DictConfig, out: Path, credit: str) -> None:
    """Learn from one photo and one style a step; keep the weights every thousand steps."""
    keep_freed_memory()
    whole = OmegaConf.to_container(cfg, resolve=True)
    task: MultiStyleTask = instantiate(cfg.task)
    task.read_style()
    net = task.net
    start_from(net, whole["net"], cfg.init)
    steps = cfg.trainer.max_steps
    schedule = instantiate(cfg.task.schedule)(task.optimizer, steps=steps)
    config = {"net": whole["net"]["net"], "loss": whole["loss"]}
    config["style_picture"] = {"credit": credit}
    bf16 = kind("cpu") == "cpu_bf16"
    if bf16:
        task.vgg.stages.bfloat16()
    photos = iter(instantiate(cfg.data).train_dataloader())
    rng, start, totals = random.Random(0), time.perf_counter(), []
    for step in range(1, steps + 1):
        photo: Tensor = next(photos).contiguous(memory_format=torch.channels_last)
        styles = torch.tensor([rng.randrange(len(net.styles))]).expand(len(photo))
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            objective, means = task.objective(photo, {"styles": styles})
        task.optimizer.zero_grad()
        objective.backward()
        task.optimizer.step()
        schedule.step()
        totals.append(means["total"].item())
        if step % SAVE_EVERY == 0 or step == steps:
            save_model(out, net.mixture(net.even()), config)
            rate = step / (time.perf_counter() - start)
            print(f"{step}: {fmean(totals[-SAVE_EVERY:]):.3f}, {rate:.2f} steps/s", flush=True)


def main() -> None:
    """Read the pictures, turn their colours, train."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="model file to write")
    parser.add_argument("--photos", required=True, help="folder of photographs")
    parser.add_argument("--styles", required=True, nargs="+", type=Path, help="pictures")
    parser.add_argument("--net", default="johnson", help="johnson or slim (johnson)")
    parser.add_argument("--steps", type=int, default=10000, help="of one photo each (10000)")
    parser.add_argument("--size", type=int, default=192, help="side of a crop (192)")
    args = parser.parse_args()
    with TemporaryDirectory() as folder:
        styles = ",".join(map(str, turned_files(args.styles, Path(folder))))
        overrides = [
            *("task=multistyle", f"net@net.net={args.net}", f"net.styles=[{styles}]"),
            *("data=folder", f"data.path={args.photos}", f"data.size={args.size}"),
            *("trainer=cpu", f"trainer.max_steps={args.steps}"),
        ]
        train(composed(overrides), args.out, ", ".join(path.stem for path in args.styles))


if __name__ == "__main__":
    with exit_on_user_error():
        main()
