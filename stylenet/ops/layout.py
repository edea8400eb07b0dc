"""Which formulation of an operation runs, and the channels-last view of features."""

from __future__ import annotations

import torch
from torch import Tensor


def wants_plain_torch(x: Tensor) -> bool:
    """Whether to compute with plain torch operations that keep features channels-last.

    A GPU wants them. Torch's own instance norm, reflection padding and bilinear resizing copy
    channels-last features to another layout and back, which took a quarter of the GPU's time.
    `torch.compile` wants them on every device: it fuses plain operations, and cannot look into the
    compiled kernels. So tests without a GPU run what a GPU runs. An ONNX export is traced, too, but
    wants the operations that ONNX has.
    """
    if torch.onnx.is_in_onnx_export():
        return False
    return x.device.type != "cpu" or torch.compiler.is_compiling()


def laid_out(image: Tensor) -> Tensor:
    """`image`, (B, 3, H, W), channels-last for a GPU or a compiler.

    In eager mode on a CPU it stays as it is: the first convolutions read any layout, and the copy
    would cost 1 % of a step.
    """
    return (
        image.contiguous(memory_format=torch.channels_last) if wants_plain_torch(image) else image
    )


def as_pixels(x: Tensor) -> Tensor:
    """View features (B, C, H, W) as (B, H, W, C): contiguous if they are channels-last."""
    return x.movedim(1, 3)


def as_features(pixels: Tensor) -> Tensor:
    """View (B, H, W, C) as features (B, C, H, W): channels-last if the pixels are contiguous."""
    return pixels.movedim(3, 1)
