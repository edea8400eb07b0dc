"""The base of every task: a net, its optimiser and schedule, and what training asks of a task."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from numpy import uint8
from numpy.typing import NDArray
from pytorch_lightning import LightningModule
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from stylenet.nets.apply import apply_net
from stylenet.styles.picture import StylePicture
from stylenet.system.errors import UserError
from stylenet.tasks.shared import Shared

Targets = Mapping[str, Tensor]
"""What is asked of a net in one step, beside the batch, by name."""

Objective = Callable[[Tensor, Targets], tuple[Tensor, dict[str, Tensor]]]
"""A scalar to minimise, and mean terms, of a batch and targets, as `Task.objective` says."""


class Task(LightningModule, ABC):
    """A net in training. Checkpoints hold trained weights only; frozen ones are rebuilt.

    A step has two parts. `targets` draws what changes from step to step. `objective` is a pure
    function of weights, batch and targets, so that a compiler or a CUDA graph can take it whole.

    kept: prefixes of the names of weights that checkpoints hold. style: the picture of the style on
    preview sheets, uint8 (H, W, 3), once it is read. means: the mean terms of the last step.
    judge: `objective`, compiled or as it is. replay: `whole_step`, recorded by a GPU; None if
    Lightning takes the steps.

    Args:
        net: image → image, (B, 3, H, W) in [0, 1].
        optimizer: makes the optimiser for the net's parameters.
        schedule: makes the per-step schedule, called with ``(optimizer, steps=…)``.
    """

    kept: tuple[str, ...] = ("net.",)
    style: NDArray[uint8]
    means: Mapping[str, Tensor]
    judge: Objective
    replay: Callable[[Targets], Targets] | None

    def __init__(
        self,
        net: nn.Module,
        optimizer: Callable[..., Optimizer],
        schedule: Callable[..., LRScheduler],
    ) -> None:
        super().__init__()
        self.net = net
        self.optimizer = optimizer(net.parameters())
        self.make_schedule = schedule
        self.strict_loading = False  # checkpoints leave out frozen weights
        self.means = {}
        self.judge = self.objective
        self.replay = None
        self.shared: Shared | None = None
        self.said: dict[str, Tensor | float] = {}

    def setup(self, stage: str) -> None:
        """Prepare for other processes, if there are some.

        Buffers are equal everywhere from the start. So nothing is sent to keep them equal.
        """
        if self.trainer.world_size > 1:
            self.shared = Shared()
            buffers = [name for name, _ in self.named_buffers()]
            ignore = DistributedDataParallel._set_params_and_buffers_to_ignore_for_model
            ignore(self, buffers)  # type: ignore[no-untyped-call]

    def forward(self, image: Tensor) -> Tensor:
        """Stylise: (B, 3, H, W) in [0, 1] → the same shape, unclamped."""
        stylized: Tensor = self.net(image)
        return stylized

    def targets(self, batch: Tensor) -> Targets:
        """What the next step asks of the net, on the device of `batch`. Most tasks ask the same."""
        return {}

    @abstractmethod
    def objective(self, batch: Tensor, targets: Targets) -> tuple[Tensor, dict[str, Tensor]]:
        """What training minimises.

        The function waits for no device, logs nothing, and reads neither trainer nor step.

        Args:
            batch: of photos, as the task's data gives them.
            targets: from `targets`.

        Returns:
            The scalar to minimise, and the means over the batch of the unweighted loss terms and of
            their weighted ``total``, without gradients.
        """

    def training_step(self, batch: Tensor, _: int) -> Tensor | None:
        """One batch → the scalar to minimise."""
        objective, means = self.judged(batch, self.targets(batch))
        self.means = means
        return objective

    def judged(self, batch: Tensor, targets: Targets) -> tuple[Tensor, dict[str, Tensor]]:
        """`objective`, compiled if the task is. A recorded task has taken the whole step, too."""
        if self.replay is None:
            return self.judge(batch, targets)
        results = dict(self.replay({**targets, "batch": batch}))
        return results.pop("objective"), results

    def whole_step(self, targets: Targets) -> Targets:
        """A step with its gradients and its update, without Lightning: what a GPU records.

        Args:
            targets: from `targets`, and the batch among them.

        Returns:
            The mean terms, and the ``objective``, without gradients.
        """
        objective, means = self.judge(targets["batch"], targets)
        self.update(objective)
        return {**means, "objective": objective.detach()}

    def update(self, objective: Tensor) -> None:
        """Bring all weights down the gradient of the objective, and leave no gradient behind."""
        updated = self.updated()
        with torch.autocast(objective.device.type, enabled=False):  # forward computations have it
            objective.backward()  # type: ignore[no-untyped-call]
            for optimizer in updated:
                optimizer.step()
        for optimizer in updated:
            optimizer.zero_grad()

    def updated(self) -> list[Optimizer]:
        """The optimisers of a step."""
        return [self.optimizer]

    def backward(self, loss: Tensor, *options: Any, **named: Any) -> None:
        """Compute the gradients, unless the step was a whole one.

        Its gradients are gone then. Without gradients Lightning's own update changes nothing, and
        only counts the step.
        """
        if self.replay is None:
            super().backward(loss, *options, **named)

    def say(self, name: str, number: Tensor | float) -> None:
        """Tell all processes a number, (), before the backward pass of a step."""
        self.said[name] = number

    def heard(self, name: str) -> Tensor | float:
        """The mean over all processes of what they said, after the backward pass."""
        return self.said[name] if self.shared is None else self.shared.means()[name]

    def on_before_backward(self, loss: Tensor) -> None:
        """Send what is said, and the mean terms, with the gradients."""
        if self.shared is not None:
            self.shared.send({**self.said, **self.means})

    def on_after_backward(self) -> None:
        """Take the mean terms over all processes."""
        if self.shared is not None:
            heard = self.shared.means()
            self.means = {name: heard[name] for name in self.means}

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Log the mean terms if loggers log the step."""
        if self.global_step % self.trainer.log_every_n_steps == 0:  # type: ignore[attr-defined]
            self.log_dict({f"loss/{name}": mean for name, mean in self.means.items()})

    def first_photo(self, count: int) -> int:
        """The number, in the whole training, of the first of `count` photos of the step at hand.

        The photos of all processes are numbered as those of a single process with all of them.
        """
        return (self.global_step * self.trainer.world_size + self.global_rank) * count

    @abstractmethod
    def unseen_terms(self, photos: Iterable[tuple[str, NDArray[uint8]]]) -> dict[str, float]:
        """The mean unweighted loss terms, and the total, on photos that the net never trained on.

        Args:
            photos: names and pictures, uint8 (H, W, 3).
        """

    @abstractmethod
    def read_style(self) -> None:
        """Read the pictures to learn the style from.

        Training calls this once, before all else, because constructors read nothing.

        Raises:
            UserError: a picture cannot be obtained.
        """

    def style_pictures(self) -> list[StylePicture]:
        """The single style pictures that `read_style` has read; none if it read a collection."""
        return []

    def style_note(self) -> dict[str, Any]:
        """The checkpoint's note on the pictures that a task with ``style=none`` learns from.

        It has the keys of `StylePicture.note`. With several known pictures it also has
        ``pictures``, the note of each picture.
        """
        raise NotImplementedError

    def previews(
        self, photos: Iterable[tuple[str, NDArray[uint8]]]
    ) -> list[tuple[str, NDArray[uint8], NDArray[uint8]]]:
        """The rows of preview sheets: names, pictures before and after, uint8 (H, W, 3) each.

        Args:
            photos: names and pictures that the net never trained on.
        """
        return [(name, rgb, apply_net(self, rgb)) for name, rgb in photos]

    def measured(self) -> dict[str, Any]:
        """What the task has measured: ``style_weight``, or ``style_weights`` by style."""
        return {}

    def configure_optimizers(self) -> Any:
        """The optimiser, and its per-step schedule over the whole training."""
        schedule = self.make_schedule(self.optimizer, steps=self.trainer.max_steps)
        return {
            "optimizer": self.optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse incomplete or foreign weights. Loading without `strict_loading` would accept them.

        Raises:
            UserError: a weight is missing, or has another shape.
        """
        found = checkpoint["state_dict"]
        for name, value in self.state_dict().items():
            if name.startswith(self.kept) and not _fits(name, value, found.get(name)):
                raise UserError(f"the checkpoint's {name} is missing or of another net; start anew")

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Leave out frozen weights."""
        weights = checkpoint["state_dict"]
        checkpoint["state_dict"] = {k: v for k, v in weights.items() if k.startswith(self.kept)}


def means_of(terms: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The mean of each term, (B,), over the batch, without gradients."""
    return {name: term.detach().mean() for name, term in terms.items()}


def _fits(name: str, value: Tensor, found: Any) -> bool:
    """Whether `found` can replace `value`. The extra state of a module may change its shape."""
    if not isinstance(found, Tensor):
        return False
    return name.endswith("_extra_state") or found.shape == value.shape
