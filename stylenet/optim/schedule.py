"""Learning-rate schedules."""

from __future__ import annotations

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


def warmup_cosine(optimizer: Optimizer, steps: int, warmup: int) -> LambdaLR:
    """Rise linearly over `warmup` steps, and fall to 0 at `steps` along a half cosine.

    The cosine is from Loshchilov & Hutter 2017 (eq. 5), without restarts.
    """

    def factor(step: int) -> float:
        rise = min(1.0, (step + 1) / (warmup + 1))
        return rise * 0.5 * (1 + math.cos(math.pi * min(step / steps, 1.0)))

    return LambdaLR(optimizer, factor)


def constant_linear(optimizer: Optimizer, steps: int) -> LambdaLR:
    """Stay constant for the first half of `steps`, then fall linearly to 0.

    The schedule is from Zhu et al. 2017, section 7.1.
    """
    return LambdaLR(optimizer, lambda step: min(1.0, 2 * (1 - min(step / steps, 1.0))))
