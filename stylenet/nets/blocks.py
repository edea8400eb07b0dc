"""Building blocks of the transformer nets."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

Norm = Callable[[int], nn.Module]


class Conv(nn.Conv2d):
    """A convolution under reflection padding, which leaves no dark frame as zero padding does."""

    def __init__(
        self, channels: int, width: int, kernel: int, stride: int = 1, bias: bool = False
    ) -> None:
        super().__init__(
            channels, width, kernel, stride, kernel // 2, bias=bias, padding_mode="reflect"
        )


class ConvNormReLU(nn.Sequential):
    """Convolution, norm, ReLU; the norm's shift makes a convolution bias redundant."""

    def __init__(self, channels: int, width: int, kernel: int, norm: Norm, stride: int = 1) -> None:
        super().__init__(Conv(channels, width, kernel, stride), norm(width), nn.ReLU())


class Residual(nn.Module):
    """Two 3x3 convolutions around a skip, no ReLU after the sum (Gross & Wilber 2016)."""

    def __init__(self, channels: int, norm: Norm) -> None:
        super().__init__()
        self.body = nn.Sequential(
            ConvNormReLU(channels, channels, 3, norm), Conv(channels, channels, 3), norm(channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.body(x)
        return out
