"""An exported model of several styles at work in a mixture of them."""

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
    """A model of several styles with its mixture fixed: uint8 RGB in and out, as any `Session`.

    Args:
        model: that takes weights of styles; as `open_model` takes it, or what it returned.
        mixture: names of styles, and the share of each, of any sum.
        device, threads: as in `open_model`.

    Raises:
        UserError: as of `open_model` or `weights_of`.
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
    """Names, or files called so, and shares of any sum → weights that sum to 1, (1, styles).

    Args:
        styles: all that the model has learnt.

    Raises:
        UserError: none is named, or one that the model has not learnt, or a share of 0.
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
