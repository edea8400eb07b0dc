#!/usr/bin/env python
"""How soon is the reference's quality reached? Beside pytorch/examples' fast_neural_style.

Both train one style on the same photos under our default loss and are judged by its mean over
unseen photos, on clamped outputs. The reference is its own net, batch (4 photos of 256) and Adam
from random weights, in float32; it is tuned, too: its rate falls along a cosine, and the best of
three rates counts. Ours is the default training, from the embedded weights and from random ones,
each given parts of the reference's time. Only training is on the clock.

    python scripts/benchmark_time_to_quality.py EXAMPLES_CHECKOUT \\
        --photos FOLDER --unseen FOLDER --style PICTURE
"""

from __future__ import annotations

import argparse
import itertools
import math
import platform
import time
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from benchmark_quality import Objective, square_crop
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from reference import Reference
from torch import Tensor, nn
from torch.optim import Optimizer

from stylenet.config.compose import composed
from stylenet.config.hardware import kind
from stylenet.models.checkpoint import start_from
from stylenet.pictures.images import read_picture
from stylenet.system.errors import exit_on_user_error

RATES = (1e-3, 3e-3, 1e-2)  # the reference's own is 1e-3; with 3e-4 it was slower still
SIZE, BATCH = 256, 4  # the reference's
SHARES = (32, 16, 8)  # parts of the reference's time that ours is given


class Contest:
    """What both share: photos to train on, unseen ones, the style and the loss."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.objective = Objective(self.plain(self.config(seed=0)), args.style)
        self.reference = Reference(args.checkout)
        files = sorted(args.unseen.iterdir())
        self.unseen = [square_crop(file, SIZE) for file in files[:: max(1, len(files) // 8)][:8]]

    def config(self, seed: int) -> DictConfig:
        """Our default training with another stream of crops."""
        data = ["data=folder", f"data.path={self.args.photos}"]
        return composed(["trainer=cpu", f"seed={seed}", *data])

    @staticmethod
    def plain(cfg: DictConfig) -> dict[str, object]:
        """The same, as plain containers."""
        return OmegaConf.to_container(cfg, resolve=True)  # type: ignore[return-value]

    @cached_property
    def files(self) -> list[Path]:
        """The photos to train on."""
        return sorted(path for path in self.args.photos.rglob("*") if path.suffix == ".jpg")

    def judge(self, net: Callable[[Tensor], Tensor]) -> float:
        """The mean total loss on the unseen photos."""
        with torch.no_grad():
            terms = [self.objective.terms(net(photo), photo) for photo in self.unseen]
        return float(np.mean([each["total"] for each in terms]))

    def their_loss(self, seed: int, rate: float, seconds: float) -> float:
        """The reference's, after `seconds` of training."""
        torch.manual_seed(seed)
        net = type(self.reference.net)()
        loss, vgg = self.objective.loss, self.objective.vgg

        def objective(photo: Tensor) -> Tensor:
            stylized = net(photo * 255) / 255
            with torch.no_grad():
                content = vgg(photo, loss.content_layers)
            return loss.total(loss(stylized, vgg(stylized), content)).mean()

        train(net, torch.optim.Adam(net.parameters(), rate), objective, self.whole(seed), seconds)
        return self.judge(lambda photo: net(photo * 255) / 255)

    def whole(self, seed: int) -> Iterator[Tensor]:
        """Endless batches of middles of photos, read as they come."""
        order = np.random.default_rng(seed).permutation(len(self.files))
        chosen = itertools.cycle(order)
        while True:
            yield torch.cat([square_crop(self.files[next(chosen)], SIZE) for _ in range(BATCH)])

    def our_loss(self, seed: int, init: str | None, seconds: float) -> float:
        """Ours, after `seconds` of training from `init`."""
        cfg = self.config(seed)
        torch.manual_seed(seed)
        task = instantiate(cfg.task)(style=read_picture(self.args.style).rgb)
        task.read_style()
        start_from(task.net, self.plain(cfg)["net"], init)
        bf16 = kind("cpu") == "cpu_bf16"
        if bf16:
            task.vgg.stages.bfloat16()

        def objective(photo: Tensor) -> Tensor:
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                return task.objective(photo, task.targets(photo))[0]

        photos = iter(instantiate(cfg.data).train_dataloader())
        train(task.net, task.optimizer, objective, photos, seconds)
        return self.judge(task.net)


def train(
    net: nn.Module,
    optimizer: Optimizer,
    objective: Callable[[Tensor], Tensor],
    photos: Iterator[Tensor],
    seconds: float,
) -> None:
    """Train for a time, the rate falling along half a cosine of it."""
    start = time.perf_counter()
    rates = [group["lr"] for group in optimizer.param_groups]
    for photo in photos:
        gone = (time.perf_counter() - start) / seconds
        if gone >= 1:
            return
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * 0.5 * (1 + math.cos(math.pi * gone))
        optimizer.zero_grad()
        objective(photo.contiguous(memory_format=torch.channels_last)).backward()
        optimizer.step()


def main() -> None:
    """Print a Markdown table, one row a seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", type=Path, help="a checkout of pytorch/examples")
    parser.add_argument("--photos", type=Path, required=True, help="folder to train on")
    parser.add_argument("--unseen", type=Path, required=True, help="folder to judge on, 8 photos")
    parser.add_argument("--style", type=Path, required=True, help="the style picture")
    parser.add_argument("--seconds", type=float, default=300, help="the reference's time (300)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="(0 1 2)")
    args = parser.parse_args()
    contest = Contest(args)
    print(f"{platform.platform()}, torch {torch.__version__}, {torch.get_num_threads()} threads")
    trials = {rate: contest.their_loss(args.seeds[0], rate, args.seconds) for rate in RATES}
    best = min(trials, key=lambda rate: trials[rate])
    tried = ", ".join(f"{rate:g}: {loss:.3f}" for rate, loss in trials.items())
    print(f"{args.style.name}; reference after {args.seconds:g} s by rate: {tried}\n")
    times = [args.seconds / share for share in SHARES]
    columns = [f"{seconds:.1f} s" for seconds in (*times, args.seconds)]
    print(f"| seed | training | {' | '.join(columns)} |")
    print("|---" * (2 + len(columns)) + "|")
    for seed in args.seeds:
        first = seed == args.seeds[0]
        theirs = trials[best] if first else contest.their_loss(seed, best, args.seconds)
        print(f"| {seed} | reference |{' |' * len(times)} {theirs:.3f} |")
        for name, init in (("ours", "embedded"), ("ours, from random weights", None)):
            ours = [f"{contest.our_loss(seed, init, seconds):.3f}" for seconds in times]
            print(f"| {seed} | {name} | {' | '.join(ours)} | |", flush=True)


if __name__ == "__main__":
    with exit_on_user_error():
        main()
