"""What training asks of every task: a net, its optimiser and schedule, and its results."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

from numpy import uint8
from numpy.typing import NDArray
from pytorch_lightning import LightningModule
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from stylenet.nets.apply import apply_net
from stylenet.styles.picture import StylePicture
from stylenet.system.errors import UserError


class Task(LightningModule, ABC):
    """A net that learns. Checkpoints hold what learns: what is frozen is rebuilt from its source.

    kept: beginnings of the names of what checkpoints hold. style: the picture that preview sheets
    show for the style, uint8 (H, W, 3), once it is read.

    Args:
        net: image → image, (B, 3, H, W) in [0, 1].
        optimizer: makes the optimiser for the net's parameters.
        schedule: makes the per-step schedule, called with ``(optimizer, steps=…)``.
    """

    kept: tuple[str, ...] = ("net.",)
    style: NDArray[uint8]

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
        self.strict_loading = False  # checkpoints leave out what is frozen

    def forward(self, image: Tensor) -> Tensor:
        """Stylise: (B, 3, H, W) in [0, 1] → the same shape, unclamped."""
        stylized: Tensor = self.net(image)
        return stylized

    @abstractmethod
    def unseen_terms(self, photos: Iterable[tuple[str, NDArray[uint8]]]) -> dict[str, float]:
        """The mean unweighted loss terms, and the total, on photos that it never trained on.

        Args:
            photos: names and pictures, uint8 (H, W, 3).
        """

    @abstractmethod
    def read_style(self) -> None:
        """Read what the style is learnt from, once, before all else: constructors read nothing.

        Raises:
            UserError: it cannot be had.
        """

    def style_pictures(self) -> list[StylePicture]:
        """The single pictures that were read."""
        return []

    def style_note(self) -> dict[str, Any]:
        """What a checkpoint says of the pictures that a task with ``style=none`` learns from.

        The keys are those of `StylePicture.note`; of several known pictures also ``pictures``, the
        note of each.
        """
        raise NotImplementedError

    def previews(
        self, photos: Iterable[tuple[str, NDArray[uint8]]]
    ) -> list[tuple[str, NDArray[uint8], NDArray[uint8]]]:
        """What preview sheets show: names, pictures before and after, uint8 (H, W, 3) each.

        Args:
            photos: names and pictures that it never trained on.
        """
        return [(name, rgb, apply_net(self, rgb)) for name, rgb in photos]

    def measured(self) -> dict[str, float]:
        """What the task itself chose of the config group ``loss``, by key."""
        return {}

    def configure_optimizers(self) -> Any:
        """Optimiser and per-step schedule over the trainer's whole length."""
        schedule = self.make_schedule(self.optimizer, steps=self.trainer.max_steps)
        return {
            "optimizer": self.optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse weights that are not all of this task's, as loading them would not.

        Raises:
            UserError: some are missing, or of another shape.
        """
        found = checkpoint["state_dict"]
        for name, value in self.state_dict().items():
            if name.startswith(self.kept) and not _fits(name, value, found.get(name)):
                raise UserError(f"the checkpoint's {name} is missing or of another net; start anew")

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Leave out what is frozen."""
        weights = checkpoint["state_dict"]
        checkpoint["state_dict"] = {k: v for k, v in weights.items() if k.startswith(self.kept)}


def _fits(name: str, value: Tensor, found: Any) -> bool:
    """Whether `found` can take the place of `value`; what modules keep beside weights may grow."""
    if not isinstance(found, Tensor):
        return False
    return name.endswith("_extra_state") or found.shape == value.shape
