"""Running an exported pair: one graph encodes style pictures, the other stylises photos."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stylenet.pictures.images import Bytes
from stylenet.runtime.codes import Code, fitted, mixed
from stylenet.runtime.damage import damaged
from stylenet.runtime.model import Model, open_model
from stylenet.runtime.session import Session
from stylenet.system.errors import UserError

STYLE_SUFFIX = ".style.onnx"
"""Suffix of the graph that encodes style pictures; it replaces ``.onnx`` of the other graph."""

_WEIGHTS = "stylenet.weights_sha256"


class StyledSession(Session):
    """The stylising graph of a pair with a fixed style: uint8 RGB in and out, as any `Session`.

    Args:
        model: a model with the input ``code``. code: (1, …), of the style. alpha: from 0, the
            photo, to 1, fully stylised. The graph calls this input ``strength``.

    Raises:
        UserError: `alpha` is not 1, and the model has no input for it.
    """

    def __init__(self, model: Model, code: Code, alpha: float = 1.0) -> None:
        super().__init__(model)
        if alpha != 1 and "strength" not in model.inputs:
            raise UserError(
                f"{model.name} has no --alpha; use --strength, or give the training run"
            )
        self.code = code
        self.alpha = alpha

    def _style(self, count: int) -> dict[str, NDArray[Any]]:
        style = {"code": np.repeat(self.code, count, axis=0)}
        if "strength" in self.model.inputs:
            style["strength"] = np.full(count, self.alpha, np.float32)
        return style


class Pair:
    """An exported pair.

    Args:
        model: the graph that stylises. encoder: the graph that encodes style pictures; by default
            the file beside `model`.

    Raises:
        UserError: the file of the encoder is missing, or belongs to another model.
    """

    def __init__(self, model: Model, encoder: Model | None = None) -> None:
        self.model = model
        self.encoder = encoder or _beside(model)
        if self.encoder.metadata.get(_WEIGHTS) != model.metadata.get(_WEIGHTS):
            raise UserError(
                f"{self.encoder.name} does not belong to {model.name}; export or copy both anew"
            )

    def code(self, style: Bytes) -> Code:
        """Encode a style picture, uint8 (H, W, 3), at its own size."""
        code: Code = self.encoder.run(None, {"image": style[None]})[0]
        if code.shape[:1] != (1,) or code.ndim not in (2, 3) or not np.isfinite(code).all():
            raise damaged(self.encoder.name)
        return code

    def styled(
        self, styles: Sequence[Bytes], shares: Sequence[float], alpha: float = 1.0
    ) -> StyledSession:
        """The stylising graph with a mixture of styles.

        Args:
            styles: pictures, uint8 (H, W, 3) each, of any size. shares: one per style, of any sum.
            alpha: as in `StyledSession`.

        Raises:
            UserError: as `StyledSession`.
        """
        codes = [self.code(fitted(style)) for style in styles]
        return StyledSession(self.model, mixed(codes, shares), alpha)


def _beside(model: Model) -> Model:
    path = Path(model.name).with_suffix(STYLE_SUFFIX)
    if not path.is_file():
        raise UserError(f"{path} is missing; it belongs beside {model.name}, which needs it")
    return open_model(path, model.device)
