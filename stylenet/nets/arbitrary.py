"""What nets for any style have in common: a frozen encoder, a code of the style, a decoder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from stylenet.nets.decoder import STRIDE, Decoder
from stylenet.nets.traits import Traits
from stylenet.runtime.codes import fitted, mixed
from stylenet.tensors import to_tensor
from stylenet.vgg import VGG

Features = Mapping[str, Tensor]


class ArbitraryNet(nn.Module, ABC):
    """Photo and style picture → stylised photo. The encoder is frozen.

    Args:
        layers: the encoder's, including the layers that losses compare.
        decoder: makes the picture of features in the style.
        weights: the encoder's, as in `VGG`. They are constants: no checkpoint holds them, and
            the net is rebuilt with them.

    Raises:
        UserError: as in `VGG`.
    """

    traits: ClassVar[Traits] = Traits(takes_style=True)

    transferred: tuple[str, ...]
    """The layers that a style is transferred at."""

    has_alpha: ClassVar[bool]
    """Whether an export takes alpha."""

    def __init__(self, layers: Sequence[str], decoder: Decoder, weights: str) -> None:
        super().__init__()
        self.encoder = constant(VGG(layers, weights))
        self.decoder = decoder

    def forward(self, photo: Tensor, code: Tensor, alpha: Tensor | None = None) -> Tensor:
        """Stylise.

        Args:
            photo: (B, 3, H, W) in [0, 1], any H, W ≥ 32.
            code: a style's code for each photo, as the method `code` gives it.
            alpha: (B,), from 0, the photo's own features, to 1, the style's. None is 1.

        Returns:
            (B, 3, H, W), unclamped.
        """
        features = self.encoder(padded(photo), self.transferred)
        image: Tensor = self.decoder(self.transfer(features, code, alpha))
        return cropped(image, photo.shape[2], photo.shape[3])

    def code(self, style: Tensor) -> Tensor:
        """All that the net needs to know of style pictures, (B, 3, H, W) in [0, 1], H, W ≥ 32."""
        return self.code_of(self.encoder(padded(style), self.transferred))

    def encode(self, image: Tensor) -> dict[str, Tensor]:
        """All features of (B, 3, H, W)."""
        features: dict[str, Tensor] = self.encoder(image)
        return features

    @abstractmethod
    def code_of(self, features: Features) -> Tensor:
        """A style's code from its features at `transferred`."""

    @abstractmethod
    def transfer(
        self, features: Features, code: Tensor, alpha: Tensor | None = None
    ) -> dict[str, Tensor]:
        """The photo's features at `transferred`, in the style: the features the decoder reads."""


class Styled(nn.Module):
    """A net with its style fixed: image → image, (B, 3, H, W) in [0, 1], like any other.

    Args:
        code: the style's, (1, …). alpha: from 0 to 1.
    """

    def __init__(self, net: ArbitraryNet, code: Tensor, alpha: float = 1.0) -> None:
        super().__init__()
        self.net = net
        self.alpha = alpha
        self.register_buffer("code", code)

    def forward(self, photo: Tensor) -> Tensor:
        """Stylise; the result has the same shape, unclamped."""
        code = self.get_buffer("code")
        codes = code.expand(len(photo), *code.shape[1:])
        full = self.alpha == 1  # no mixing is needed
        alpha = None if full else photo.new_full((len(photo),), self.alpha)
        stylized: Tensor = self.net(photo, codes, alpha)
        return stylized


def styled(
    net: nn.Module,
    styles: Sequence[NDArray[np.uint8]],
    shares: Sequence[float],
    alpha: float = 1.0,
) -> Styled:
    """A net that takes a style with a mixture of pictures, uint8 (H, W, 3) each, of any size."""
    assert isinstance(net, ArbitraryNet)
    with torch.inference_mode():
        codes = [net.code(to_tensor(fitted(style))).numpy() for style in styles]
    return Styled(net, torch.from_numpy(mixed(codes, shares)), alpha)


def constant(module: nn.Module) -> nn.Module:
    """Turn parameters of `module` into buffers: no optimiser sees and no checkpoint keeps them."""
    for part in module.modules():
        for name, parameter in list(part.named_parameters(recurse=False)):
            delattr(part, name)
            part.register_buffer(name, parameter.detach(), persistent=False)
    return module


def padded(image: Tensor) -> Tensor:
    """(B, C, H, W), mirrored at the far ends to sides that are multiples of `STRIDE`."""
    for axis in (2, 3):
        size = image.shape[axis]
        last = size - 1
        place = torch.arange((size + STRIDE - 1) // STRIDE * STRIDE, device=image.device)
        image = image.index_select(axis, last - (last - place).abs())
    return image


def cropped(image: Tensor, height: int, width: int) -> Tensor:
    """The first rows and columns of (B, C, H, W), by index: exporters guard slices by sizes."""
    for axis, size in ((2, height), (3, width)):
        image = image.index_select(axis, torch.arange(size, device=image.device))
    return image
