"""What the processes of one training tell each other. It travels with the gradients.

Data parallel training averages the gradients over all processes, once a step. Here the message is
the gradient of a parameter, so it is averaged along. No step needs an exchange of its own.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from pytorch_lightning.utilities import rank_zero_only
from torch import Tensor, nn

from stylenet.system.errors import UserError

ROOM = 64
"""The most numbers in a message. A parameter's size is fixed before the first step."""


def is_first() -> bool:
    """Whether this process is the first, or the only one, of its training. No trainer is needed."""
    return not rank_zero_only.rank  # type: ignore[attr-defined]


class Shared(nn.Module):
    """Numbers of each process, and their means over all processes. No optimiser knows it."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = nn.Parameter(torch.zeros(ROOM))
        self.names: list[str] = []

    def send(self, numbers: Mapping[str, Tensor | float]) -> None:
        """Say `numbers`, each (), by name. The backward pass of the loss then takes them along.

        Raises:
            UserError: there are more than `ROOM` numbers.
        """
        if len(numbers) > ROOM:
            raise UserError(
                f"the loss has {len(numbers)} terms, and several processes share at most {ROOM};"
                " leave out terms or use trainer.devices=1"
            )
        self.names = list(numbers)
        said = torch.stack([self._tensor(number) for number in numbers.values()])
        self.numbers.grad = None
        (self.numbers[: len(said)] * said).sum().backward()  # type: ignore[no-untyped-call]

    def means(self) -> dict[str, Tensor]:
        """The mean of each number over all processes, (), once the gradients are there."""
        assert self.numbers.grad is not None
        return dict(zip(self.names, self.numbers.grad.clone().unbind(), strict=False))

    def _tensor(self, number: Tensor | float) -> Tensor:
        if isinstance(number, Tensor):
            return number.detach().to(self.numbers)
        return torch.full((), number, dtype=self.numbers.dtype, device=self.numbers.device)
