"""How fast steps are taken on a GPU: objectives compiled, whole steps recorded."""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path
from typing import Any, Literal

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.strategies import SingleDeviceStrategy
from torch import Tensor
from torch._dynamo.exc import TorchDynamoException
from torch.optim import Optimizer

from stylenet.optim.muon import Muon
from stylenet.system.cache_folder import cache_dir
from stylenet.system.errors import UserError, first_line
from stylenet.tasks.base import Objective, Targets, Task
from stylenet.tasks.recorded import Recorded

_log = logging.getLogger(__name__)

PAYS = 10_000
"""Steps from which compiling is worth its minute or two. No GPU was there to measure the number."""


def paced_trainer(
    graph: Literal["auto", False] = "auto",
    compile: Literal["auto", True, False] = "auto",  # the key in the config
    callbacks: list[Callback] | None = None,
    **options: Any,
) -> Trainer:
    """Lightning's trainer, which takes steps at the pace of the hardware.

    Args:
        graph: ``auto`` records the whole step as a CUDA graph where a single GPU can: launches of
            kernels by the host then take no time. False never does.
        compile: ``auto`` compiles the objective for a GPU, if enough steps are left to make up for
            the time. True compiles on any device.
        callbacks: further callbacks.
        options: of `Trainer`. cudnn tries its kernels out, unless training is deterministic.
    """
    if options.get("benchmark") is None:
        options["benchmark"] = not options.get("deterministic")
    return Trainer(callbacks=[*(callbacks or []), Pace(graph, compile)], **options)


class Pace(Callback):
    """Compiles the objective, and records steps, while training lasts.

    Args:
        graph: as in `paced_trainer`.
        compile: as in `paced_trainer`.
    """

    def __init__(
        self, graph: Literal["auto", False], compile: Literal["auto", True, False]
    ) -> None:
        self.graph = graph
        self.compile = compile

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Choose the pace. Weights, states and rates are those of the first step then.

        Raises:
            UserError: the first step, where the compiler fails although it was demanded.
        """
        assert isinstance(pl_module, Task)
        is_cuda = trainer.strategy.root_device.type == "cuda"
        pays = is_cuda and trainer.max_steps - trainer.global_step >= PAYS
        if self.compile is True or (self.compile and pays):
            pl_module.judge = compiled(pl_module.objective, demanded=self.compile is True)
        if self.graph and is_cuda and can_record(trainer):
            for optimizer in trainer.optimizers:
                make_capturable(optimizer, trainer.strategy.root_device)
            pl_module.replay = Recorded(pl_module.whole_step)

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Save the states of optimisers as other paces have them."""
        for state in checkpoint["optimizer_states"]:
            for group in state["param_groups"]:
                group["lr"] = float(group["lr"])
                if "capturable" in group:
                    group["capturable"] = False

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Free the memory of a recording."""
        assert isinstance(pl_module, Task)
        pl_module.replay, pl_module.judge = None, pl_module.objective


def compiled(objective: Objective, demanded: bool) -> Objective:
    """The objective, compiled at its first call; what is compiled is kept in the cache folder.

    Args:
        demanded: whether a failing compiler is an error. Otherwise the objective stays as it is.
    """
    _keep_in_cache()
    judge = torch.compile(objective, fullgraph=True)

    def judged(batch: Tensor, targets: Targets) -> tuple[Tensor, dict[str, Tensor]]:
        nonlocal judge
        try:
            return judge(batch, targets)
        except TorchDynamoException as error:
            told = first_line(error)
            if demanded:
                raise UserError(f"trainer.compile=true: {told}; leave it out") from error
            _log.warning("the objective cannot be compiled, so steps are slower: %s", told)
            judge = objective
        return judge(batch, targets)

    return judged


def _keep_in_cache() -> None:
    """Keep compiled code in the cache folder, unless the user has named another one.

    Torch itself keeps it where all users of a machine write, and says so in the environment.
    """
    chosen = Path(os.environ.get("TORCHINDUCTOR_CACHE_DIR", ""))
    is_torchs = chosen.name.startswith("torchinductor_")
    if not chosen.name or (is_torchs and chosen.parent == Path(tempfile.gettempdir())):
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(cache_dir() / "inductor")


def can_record(trainer: Trainer) -> bool:
    """Whether whole steps do what Lightning's own would.

    Several devices exchange gradients, clipping changes them, float16 scales them.
    """
    return (
        isinstance(trainer.strategy, SingleDeviceStrategy)
        and not trainer.gradient_clip_val
        and trainer.precision != "16-mixed"
        and all(_knows_graphs(optimizer) for optimizer in trainer.optimizers)
    )


def _knows_graphs(optimizer: Optimizer) -> bool:
    return isinstance(optimizer, Muon) or "capturable" in optimizer.defaults


def make_capturable(optimizer: Optimizer, device: torch.device) -> None:
    """Let an optimiser read its learning rate from `device`, where schedules then write it."""
    for group in optimizer.param_groups:
        group["lr"] = torch.as_tensor(group["lr"], dtype=torch.float32, device=device)
        if "capturable" in group:
            group["capturable"] = True
        for parameter in group["params"]:
            state = optimizer.state.get(parameter, {})
            if "step" in state:
                state["step"] = torch.as_tensor(state["step"]).to(device)
