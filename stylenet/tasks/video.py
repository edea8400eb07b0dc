"""The task for clips: the perceptual one, and strokes that stay on what moves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from stylenet.losses.temporal import temporal_error, warp
from stylenet.nets.traits import traits
from stylenet.nets.video import on_clip
from stylenet.system.errors import UserError
from stylenet.tasks.motion import Motion, Moving
from stylenet.tasks.perceptual import PerceptualTask


class VideoTask(PerceptualTask):
    """Fit `net` so that what it makes of a photo in motion moves with the photo.

    The perceptual loss looks at one frame of each little clip. The temporal term is the mean
    squared difference between the results for later frames and the result for the first, warped by
    the flow that moved the photo, where both show the same: no clips, and no estimate of flow.

    Args:
        motion: sets photos in motion.
        temporal_weight: factor of the temporal term in the total.
        options: as of `PerceptualTask`.

    Raises:
        UserError: a negative weight.
    """

    def __init__(self, motion: Motion, temporal_weight: float, **options: Any) -> None:
        super().__init__(**options)
        if not temporal_weight >= 0:
            raise UserError(f"task.temporal_weight={temporal_weight} must be at least 0")
        self.motion = motion
        self.temporal_weight = temporal_weight

    def terms(self, photo: Tensor) -> dict[str, Tensor]:
        """The unweighted terms of stylising `photo` (B, 3, H, W) in motion, each (B,)."""
        step = self.global_step
        moving = self.motion(photo, step)
        results = self.results(moving)
        judged = step % len(results)  # each in turn: a recurrent net's later frames are the usual
        return {
            **self.perceptual_terms(moving.frame(judged), results[judged]),
            "temporal": flicker(moving, results),
        }

    def results(self, moving: Moving) -> list[Tensor]:
        """The net's results from time 0 on; two frames, or three that a recurrent net goes over."""
        seen = traits(self.net)
        results: list[Tensor] = []
        for time in range(3 if seen.recurrent else 2):
            before = results[-1].clamp(0, 1) if results else None
            results.append(on_clip(self.net, moving.window(time, seen.receptive_radius), before))
        return results

    def total(self, terms: Mapping[str, Tensor]) -> Tensor:
        """The weighted sum of all terms, (B,)."""
        perceptual = {name: term for name, term in terms.items() if name != "temporal"}
        return super().total(perceptual) + self.temporal_weight * terms["temporal"]


def flicker(moving: Moving, results: list[Tensor]) -> Tensor:
    """The mean temporal error of later results against the first, (B,)."""
    errors = [
        temporal_error(result, warp(results[0], moving.flow * time), moving.shown(time))
        for time, result in enumerate(results[1:], 1)
    ]
    return torch.stack(errors).mean(0)
