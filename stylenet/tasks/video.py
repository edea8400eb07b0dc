"""The task for clips: the perceptual loss, and a temporal term that keeps strokes on objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from stylenet.losses.temporal import temporal_error, warp
from stylenet.nets.traits import traits
from stylenet.nets.video import on_clip
from stylenet.system.errors import UserError
from stylenet.tasks.base import Targets
from stylenet.tasks.motion import DRAWN, Motion, Moving
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

    @property
    def count(self) -> int:
        """The number of results that a step compares: two, or three if the net is recurrent."""
        return 3 if traits(self.net).recurrent else 2

    def targets(self, batch: Tensor) -> Targets:
        """The next motion, as `Motion.draw` gives it, and the number of the frame to judge.

        Frames are judged in turn, because most frames of a clip are later ones.
        """
        frames = self.count + 2 * traits(self.net).receptive_radius
        judged = torch.tensor([self.global_step % self.count], device=batch.device)
        drawn = self.motion.draw(batch, self.first_photo(len(batch)), frames)
        return {**drawn, "judged": judged}

    def terms(self, photo: Tensor, targets: Targets) -> dict[str, Tensor]:
        """The unweighted terms of stylising `photo` (B, 3, H, W) in motion, each (B,)."""
        flow, hidden, noise, light = (targets[name] for name in DRAWN)
        first = -traits(self.net).receptive_radius
        moving = Moving(photo, flow, hidden, noise, light, first)
        results = self.results(moving)
        frames = [moving.frame(time) for time in range(self.count)]
        frame, result = (_chosen(each, targets["judged"]) for each in (frames, results))
        return {**self.perceptual_terms(frame, result), "temporal": flicker(moving, results)}

    def results(self, moving: Moving) -> list[Tensor]:
        """The net's results from time 0 on."""
        results: list[Tensor] = []
        for time in range(self.count):
            before = results[-1].clamp(0, 1) if results else None
            window = moving.window(time, traits(self.net).receptive_radius)
            results.append(on_clip(self.net, window, before))
        return results

    def total(self, terms: Mapping[str, Tensor], targets: Targets) -> Tensor:
        """The weighted sum of all terms, (B,)."""
        perceptual = {name: term for name, term in terms.items() if name != "temporal"}
        return super().total(perceptual, targets) + self.temporal_weight * terms["temporal"]


def _chosen(images: Sequence[Tensor], number: Tensor) -> Tensor:
    """The image of a number that only the device knows, (1,)."""
    chosen = torch.stack(list(images)).index_select(0, number)[0]
    return chosen.contiguous(memory_format=torch.channels_last)


def flicker(moving: Moving, results: list[Tensor]) -> Tensor:
    """The mean temporal error of later results against the first, (B,)."""
    errors = [
        temporal_error(result, warp(results[0], moving.flow * time), moving.shown(time))
        for time, result in enumerate(results[1:], 1)
    ]
    return torch.stack(errors).mean(0)
