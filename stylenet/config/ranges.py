"""The table of ranges of numeric settings."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

_CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

WORKERS = max(16, 4 * _CORES)
"""The most processes that prepare batches. Each takes some 300 MB, and a core can serve only a few.
More processes took minutes to start and filled the memory."""


@dataclass(frozen=True)
class Range:
    """The finite numbers from `low` to `high`, as the range of a setting.

    above: exclude `low`. below: exclude `high`. whole: exclude floats.
    why: a reason for the end of the message.
    """

    low: float = -math.inf
    high: float = math.inf
    above: bool = False
    below: bool = False
    whole: bool = False
    why: str = ""

    def __contains__(self, value: float) -> bool:
        if not math.isfinite(value) or (self.whole and not isinstance(value, int)):
            return False
        over = value > self.low if self.above else value >= self.low
        return over and (value < self.high if self.below else value <= self.high)

    def __str__(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        if self.low == self.high:
            return f"{self.low:g}{self.why}"
        low = f"above {self.low:g}" if self.above else f"of {self.low:.12g} or more"
        if self.high == math.inf:
            return f"{kind} {low}" if self.low > -math.inf else f"{kind}, and finite"
        high = f"below {self.high:g}" if self.below else f"{self.high:.12g} at most"
        return f"{kind} {low} and {high}{self.why}"


POSITIVE = Range(0, above=True)
WEIGHT = Range(0)
SHARE = Range(0, 1)
BELOW_ONE = Range(0, 1, below=True)
COUNT = Range(0, whole=True)
AT_LEAST_ONE = Range(1, whole=True)
SEED = Range(0, 2**32 - 1, whole=True)

RANGES: Mapping[str, Range] = {
    **dict.fromkeys(("seed", "*.seed"), SEED),
    **dict.fromkeys(("*.lr", "*_lr", "*.eps", "*.width"), POSITIVE),
    **dict.fromkeys(("*_weight", "*.content_layers.*", "*.style_layers.*"), WEIGHT),
    **dict.fromkeys(("loss.identity", "*.loss.identity", "*.weight_decay"), WEIGHT),
    **dict.fromkeys(("*.strength", "*.vigour", "*.motion.*", "*.smoothing"), SHARE),
    **dict.fromkeys(("*.betas.*", "*.momentum", "data.jitter"), BELOW_ONE),
    **dict.fromkeys(("*.blocks", "*.warmup", "task.pool", "callbacks.previews.every"), COUNT),
    **dict.fromkeys(("*.max_steps", "*.every", "*.log_every_n_steps"), AT_LEAST_ONE),
    **dict.fromkeys(("callbacks.*.height", "*.batch_size", "*.limit", "*.num_nodes"), AT_LEAST_ONE),
    **dict.fromkeys(("*.accumulate_grad_batches",), AT_LEAST_ONE),
    **dict.fromkeys(("*.cache_side", "scene.size"), AT_LEAST_ONE),
    "*.channels": Range(2, whole=True),
    "data.size": Range(32, whole=True),
    "*.style_size": Range(32, whole=True),
    "scene.iterations": COUNT,
    "data.workers": Range(
        0, WORKERS, whole=True, why="; each worker is a process, and there are few cores"
    ),
    "trainer.devices": Range(-1, WORKERS, whole=True),
    "*.gradient_clip_val": WEIGHT,
    "*.overfit_batches": Range(0, 0, why=", because the batches have no end"),
}
"""Ranges by pattern of the dotted key. The first pattern that fits counts."""


def allowed(name: str) -> Range:
    """The range of the setting with the dotted key `name`; by default every finite number."""
    return next((found for pattern, found in RANGES.items() if fnmatchcase(name, pattern)), Range())
