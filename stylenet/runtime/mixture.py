"""Running an exported model of several styles with a mixture of its styles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stylenet.runtime.model import Model
from stylenet.runtime.session import Session
from stylenet.system.errors import UserError
from stylenet.system.untrusted import label


class MixtureSession(Session):
    """A model of several styles with a fixed mixture: uint8 RGB in and out, as any `Session`.

    Args:
        model: a model with the input ``style_weights``, opened or as `open_model` takes it.
        mixture: names of styles, and the share of each. Shares are divided by their sum.
        device, threads: as in `open_model`.

    Raises:
        UserError: as `open_model` or `weights_of`.
    """

    def __init__(
        self,
        model: Model | str | Path | bytes,
        mixture: Sequence[tuple[str | Path, float]],
        device: str = "auto",
        threads: int | None = None,
    ) -> None:
        super().__init__(model, device, threads)
        self.weights = weights_of(self.model.styles, mixture)

    def _style(self, count: int) -> dict[str, NDArray[Any]]:
        return {"style_weights": np.repeat(self.weights, count, axis=0)}


def weights_of(
    styles: Sequence[str], mixture: Sequence[tuple[str | Path, float]]
) -> NDArray[np.float32]:
    """The style weights of a mixture, (1, styles), which sum to 1.

    Args:
        styles: the names of all styles of the model.
        mixture: a style's name, or a file of that name, and its share, for each style to mix.

    Raises:
        UserError: no style is named, the model has not learnt a style, or a share is not above 0.
    """
    learnt = f"the model has learnt {label(', '.join(styles))}"
    if not mixture:
        raise UserError(f"{learnt}; choose with --style NAME")
    weights = np.zeros((1, len(styles)), np.float32)
    for named, share in mixture:
        name = str(named) if str(named) in styles else Path(named).stem
        if name not in styles:
            raise UserError(f"--style {named} is not among its styles: {learnt}")
        if not 0 < share < float("inf"):
            raise UserError(f"--style {named}:{share:g} has no share; give one above 0")
        weights[0, styles.index(name)] += share
    return np.asarray(weights / weights.sum())
