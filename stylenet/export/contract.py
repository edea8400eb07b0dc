"""What an exported model takes and gives: the contract around a net, and its metadata."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import torch
from torch import Tensor, nn

from stylenet.export.tiles import Tiled
from stylenet.runs.placeless import without_folders
from stylenet.runtime.model import CONTRACT, CONTRACT_KEY
from stylenet.system import integrity
from stylenet.system.errors import shown
from stylenet.system.untrusted import mapping
from stylenet.system.version import __version__

LICENCE = (
    "Weights trained with a VGG-19 perceptual network (Visual Geometry Group, University of "
    "Oxford, CC BY 4.0); the style picture's own licence applies to the look."
)

UNJUDGED_LICENCE = "The licences of the pictures that the net learnt from apply to the look."
"""For nets that no perceptual network has judged: of two collections, by discriminators."""


class Bytes(nn.Module):
    """A net with its pre- and post-processing: uint8 (N, H, W, 3) in and out."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, image: Tensor) -> Tensor:
        """Stylise a batch of RGB pictures; the result has the same shape and type."""
        return to_bytes(self.net(to_floats(image)))


class Recurrent(nn.Module):
    """A net that sees the result for the previous frame, with its pre- and post-processing."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, image: Tensor, previous: Tensor) -> Tensor:
        """Stylise frames; image, previous and result are uint8 (N, H, W, 3)."""
        return to_bytes(self.net(to_floats(image), to_floats(previous)))


class Window(nn.Module):
    """A net that sees neighbouring frames, too, with its pre- and post-processing."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, frames: Tensor) -> Tensor:
        """Stylise the middle frame of each T frames, uint8 (N, T, H, W, 3) → (N, H, W, 3)."""
        images = frames.float().permute(0, 1, 4, 2, 3) / 255
        return to_bytes(self.net(images))


class Floats(nn.Module):
    """A net with its result clamped: float32 (N, 3, H, W) in [0, 1] in and out."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, image: Tensor) -> Tensor:
        """Stylise a batch of images; the result has the same shape and type."""
        clamped: Tensor = self.net(image).clamp(0, 1)
        return clamped


class Tiles(nn.Module):
    """A `Tiled` net with its pre- and post-processing: one tile, uint8 (1, h, w, 3)."""

    def __init__(self, net: Tiled) -> None:
        super().__init__()
        self.net = net

    def forward(self, image: Tensor, interior: Tensor, statistics: Tensor) -> tuple[Tensor, ...]:
        """Stylise a tile; the result has its shape and type, and every norm's statistics follow."""
        stylized, *found = self.net(to_floats(image), interior, statistics)
        return (to_bytes(stylized), *found)


def to_floats(rgb: Tensor) -> Tensor:
    """uint8 (N, H, W, 3) → float32 (N, 3, H, W) in [0, 1]."""
    return rgb.float().permute(0, 3, 1, 2) / 255


def to_bytes(image: Tensor) -> Tensor:
    """(N, 3, H, W), clamped to [0, 1] and rounded → uint8 (N, H, W, 3)."""
    return (image.clamp(0, 1) * 255).round().permute(0, 2, 3, 1).to(torch.uint8)


def metadata(config: dict[str, Any], io: str) -> dict[str, str]:
    """Everything a reader of the file may ask, as the model's ``metadata_props``.

    Letters that UTF-8 cannot hold, as in a file's name of other bytes, come as escapes.

    An export goes to others, so paths of files come without their folders.

    Args:
        config: the resolved config of the training.
        io: ``bytes``, ``float`` or ``tiles``; ``recurrent`` or ``window`` for nets for clips.
    """
    style = mapping(config, "style").get("name", "unknown")
    config = without_folders(config)
    text = json.dumps(config, sort_keys=True)
    picture = mapping(config, "style_picture")
    facts = {
        "version": __version__,
        "io": io,
        "style": str(style),
        "style_picture": json.dumps(picture, sort_keys=True),
        "style_picture_sha256": str(picture.get("sha256", "unknown")),
        "net": json.dumps(config["net"], sort_keys=True),
        "data": str(mapping(config, "data").get("_target_", "unknown")),
        "credits": json.dumps(mapping(config, "credits"), sort_keys=True),
        "config": text,
        "config_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "licence": UNJUDGED_LICENCE if mapping(config, "task", "critic") else LICENCE,
    }
    told = {f"stylenet.{key}": shown(value) for key, value in facts.items()}
    return {CONTRACT_KEY: str(CONTRACT)} | told


def add_metadata(content: bytes, facts: dict[str, str]) -> bytes:
    """An exported model with more metadata, and last a checksum of all its bytes."""
    import onnx

    proto = onnx.load_from_string(content)
    proto.metadata_props.add(key=integrity.SEALED, value="sha256")
    for key, value in facts.items():
        proto.metadata_props.add(key=f"stylenet.{key}", value=shown(value))
    return integrity.seal_onnx(proto.SerializeToString())


def weights_sha256(net: nn.Module) -> str:
    """The sha256 of all weights' bytes, in the order of their names."""
    digest = hashlib.sha256()
    for _, value in sorted(net.state_dict().items()):
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
