#!/usr/bin/env python
"""How the embedded weights are made: one net learns many styles, each with norms of its own.

The convolutions are shared by all styles, scale and shift of every InstanceNorm belong to one
(conditional instance norm, Dumoulin et al. 2017); each picture counts three times, the second and
third time with its colour channels turned. What is kept are the convolutions with the mean of all
scales and shifts: what every style needs of photos and strokes, and no style's look.

    python scripts/train_warm_start.py OUT.pt --photos FOLDER --styles PICTURE [PICTURE …]
"""

from __future__ import annotations

import argparse
import random
import time
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn

from stylenet.checkpoint import save_model, start_from
from stylenet.config import FOLDER
from stylenet.errors import exit_on_user_error
from stylenet.images import Bytes, read_picture
from stylenet.losses.perceptual import PerceptualLoss
from stylenet.nets.blocks import InstanceNorm
from stylenet.tasks.perceptual import PerceptualTask
from stylenet.tensors import resize_shorter_side, to_tensor

SAVE_EVERY = 1000  # steps


class Lessons:
    """A task's net, with the targets and the norms of many styles to put into it by turns."""

    def __init__(self, task: PerceptualTask, losses: list[PerceptualLoss]) -> None:
        self.task = task
        self.losses = losses
        modules = list(task.net.modules())
        self.norms = [module for module in modules if isinstance(module, InstanceNorm)]
        self.shared = [
            parameter
            for module in modules
            if not isinstance(module, InstanceNorm)
            for parameter in module.parameters(recurse=False)
        ]
        start = [part.detach() for norm in self.norms for part in (norm.weight, norm.bias)]
        self.own = [[nn.Parameter(part.clone()) for part in start] for _ in losses]

    def parameters(self) -> list[nn.Parameter]:
        """The shared ones and every style's own."""
        return [*self.shared, *(part for style in self.own for part in style)]

    def turn_to(self, number: int) -> None:
        """Let the task be about one of the styles."""
        self.task.loss = self.losses[number]
        self._put(self.own[number])

    def turn_to_mean(self) -> None:
        """Put the mean scales and shifts of all styles into the net."""
        places = zip(*self.own, strict=True)
        self._put([nn.Parameter(torch.stack(place).mean(0)) for place in places])

    def _put(self, parts: list[nn.Parameter]) -> None:
        for norm, weight, bias in zip(self.norms, parts[::2], parts[1::2], strict=True):
            norm.weight, norm.bias = weight, bias


def lessons(cfg: DictConfig, pictures: list[Bytes]) -> Lessons:
    """The config's task from its embedded weights, with a loss for each picture."""
    task = instantiate(cfg.task)(style=pictures[0])
    start_from(task.net, OmegaConf.to_container(cfg.net, resolve=True), cfg.init)
    losses = [instantiate(cfg.loss) for _ in pictures]
    for loss, picture in zip(losses, pictures, strict=True):
        with torch.no_grad():
            small = to_tensor(resize_shorter_side(picture, cfg.task.style_size))
            loss.set_style(task.vgg(small))
    return Lessons(task, losses)


def train(cfg: DictConfig, learner: Lessons, steps: int, out: Path, credit: str) -> None:
    """Learn from one photo and one style a step; keep the weights every thousand steps."""
    task = learner.task
    optimizer = instantiate(cfg.task.optimizer)(learner.parameters())
    schedule = instantiate(cfg.task.schedule)(optimizer, steps=steps)
    whole = OmegaConf.to_container(cfg, resolve=True)
    config = {"net": whole["net"], "loss": whole["loss"], "style_picture": {"credit": credit}}
    task.vgg.stages.bfloat16()
    photos = iter(instantiate(cfg.data).train_dataloader())
    rng, start, totals = random.Random(0), time.perf_counter(), []
    for step in range(1, steps + 1):
        learner.turn_to(rng.randrange(len(learner.losses)))
        photo: Tensor = next(photos).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            total = task.loss.total(task.terms(photo)).mean()
        optimizer.zero_grad()
        total.log().backward()
        optimizer.step()
        schedule.step()
        totals.append(total.item())
        if step % SAVE_EVERY == 0 or step == steps:
            learner.turn_to_mean()
            save_model(out, task.net, config)
            rate = step / (time.perf_counter() - start)
            print(f"{step}: {fmean(totals[-SAVE_EVERY:]):.3f}, {rate:.2f} steps/s", flush=True)


def main() -> None:
    """Read the pictures, turn their colours, train."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="model file to write")
    parser.add_argument("--photos", required=True, help="folder of photographs")
    parser.add_argument("--styles", required=True, nargs="+", type=Path, help="pictures")
    parser.add_argument("--net", default="johnson", help="johnson or slim (johnson)")
    parser.add_argument("--steps", type=int, default=10600, help="of one photo each (10600)")
    parser.add_argument("--size", type=int, default=160, help="side of a crop (160)")
    args = parser.parse_args()
    net = f"net={args.net}"
    data = ["data=folder", f"data.path={args.photos}", f"data.size={args.size}"]
    with initialize_config_dir(str(FOLDER), version_base="1.3"):
        cfg = compose("train", [net, "trainer=cpu", f"trainer.max_steps={args.steps}", *data])
    pictures = [read_picture(path).rgb for path in args.styles]
    turned = [np.ascontiguousarray(np.roll(rgb, by, axis=2)) for rgb in pictures for by in range(3)]
    credit = ", ".join(path.stem for path in args.styles)
    train(cfg, lessons(cfg, turned), args.steps, args.out, credit)


if __name__ == "__main__":
    with exit_on_user_error():
        main()
