"""What an exported model takes and gives: the contract around a net, and its metadata."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import torch
from torch import Tensor, nn

from stylenet import __version__
from stylenet.runtime.session import CONTRACT, CONTRACT_KEY

LICENCE = (
    "Weights trained with a VGG-19 perceptual network (Visual Geometry Group, University of "
    "Oxford, CC BY 4.0); the style picture's own licence applies to the look."
)


class Contract(nn.Module):
    """A net with its pre- and post-processing.

    Args:
        net: image → image, (N, 3, H, W) in [0, 1].
        floats: take and give such images, clamped; otherwise uint8 (N, H, W, 3).
    """

    def __init__(self, net: nn.Module, floats: bool) -> None:
        super().__init__()
        self.net = net
        self.floats = floats

    def forward(self, image: Tensor) -> Tensor:
        """Stylise a batch of RGB pictures; the result has the same shape and type."""
        if self.floats:
            clamped: Tensor = self.net(image).clamp(0, 1)
            return clamped
        x = image.permute(0, 3, 1, 2).float() / 255  # (N, 3, H, W)
        stylized: Tensor = self.net(x).clamp(0, 1) * 255
        return stylized.round().to(torch.uint8).permute(0, 2, 3, 1)


def metadata(config: dict[str, Any], floats: bool) -> dict[str, str]:
    """Everything a reader of the file may ask, as the model's ``metadata_props``.

    Args:
        config: the resolved config of the training.
        floats: as in `Contract`.
    """
    text = json.dumps(config, sort_keys=True)
    picture = config.get("style_picture", {})
    facts = {
        "version": __version__,
        "io": "float" if floats else "bytes",
        "style": config.get("style", {}).get("name", "unknown"),
        "style_picture": json.dumps(picture, sort_keys=True),
        "style_picture_sha256": picture.get("sha256", "unknown"),
        "net": json.dumps(config["net"], sort_keys=True),
        "data": config.get("data", {}).get("_target_", "unknown"),
        "config": text,
        "config_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "licence": LICENCE,
    }
    return {CONTRACT_KEY: str(CONTRACT)} | {f"stylenet.{key}": facts[key] for key in facts}
