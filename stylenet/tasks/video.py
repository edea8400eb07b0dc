"""The task for clips: the perceptual loss, and a temporal term that keeps strokes on objects."""

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
    """Fit `net` so that its results for a photo in motion move with the photo.

    The perceptual loss judges one frame of each short clip. The temporal term compares the results
    for later frames with the result for the first frame, warped by the flow that moved the photo.
    It is the mean squared difference where both frames show the same. The flow is known, so
    training needs neither clips nor an estimate of flow.

    Args:
        motion: sets photos in motion.
        temporal_weight: factor of the temporal term in the total.
        options: as in `PerceptualTask`.

    Raises:
        UserError: `temporal_weight` is negative.
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
        judged = step % len(results)  # in turn: most frames of a clip are later ones
        return {
            **self.perceptual_terms(moving.frame(judged), results[judged]),
            "temporal": flicker(moving, results),
        }

    def results(self, moving: Moving) -> list[Tensor]:
        """The net's results from time 0 on: for two frames, or for three if it is recurrent."""
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
