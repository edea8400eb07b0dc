"""The suite of clips: how steady a model is on what moves, and how well its frames are stylised."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stylenet.evaluation.benchmark import mean
from stylenet.evaluation.camera import GAPS, Clip, noisy
from stylenet.evaluation.inputs import Input
from stylenet.evaluation.judge import look, total
from stylenet.evaluation.judging import Judging, Row
from stylenet.evaluation.robustness import NOISE
from stylenet.evaluation.stability import warp_error
from stylenet.evaluation.subjects import Subject
from stylenet.losses.temporal import warp
from stylenet.pictures.images import Bytes
from stylenet.system.memory import out_of_memory_names
from stylenet.tensors import to_bytes, to_tensor

_CONTRAST = 4
"""Factor on the difference of neighbouring frames in `strip`."""


class VideoBenchmark(Judging[Clip]):
    """Judges models on clips."""

    def judged_once(
        self, subject: Subject, clip: Clip, styles: Sequence[Input]
    ) -> tuple[Bytes, list[Row]]:
        """The stylised clip, as `strip` shows it, and a row for each style."""
        with out_of_memory_names(f"{subject.name} on {clip.name}", "close other programs"):
            results = list(subject.clip(clip.frames))
            restless = list(subject.clip(noisy(clip.frames, NOISE)))
        warp = {"clean": _by_gap(clip, results), "noisy": _by_gap(clip, restless)}
        rows = [
            {"photo": clip.name, "style": style.name}
            | self._errors(clip, results, style)
            | {"warp": warp}
            for style in styles
        ]
        return strip(clip, results), rows

    def _errors(self, clip: Clip, results: Sequence[Bytes], style: Input) -> Row:
        """``look`` and ``loss``, the means over the first frame, the middle one and the last."""
        terms = []
        for time in (0, len(results) // 2, len(results) - 1):
            features = self.judge.features(results[time])
            content = self.judge.content(features, self.judge.features(clip.frames[time]))
            errors = self.judge.style(features, self.target(style))
            gram = errors["gram"]
            terms.append({"look": look(content, gram), "loss": total(results[time], content, gram)})
        return mean(terms)


def strip(clip: Clip, frames: Sequence[Bytes]) -> Bytes:
    """Two neighbouring frames, and their difference once the first is warped to the second.

    The difference is multiplied by four and shown around grey.

    Args:
        frames: the frames of `clip`, or the stylised frames.
    """
    middle = len(frames) // 2
    first, second = frames[middle - 1], frames[middle]
    known = clip.flow(middle, middle - 1)
    moved = to_bytes(warp(to_tensor(first), known[0])) if known else first
    difference = (second.astype(np.float32) - moved) * _CONTRAST + 128
    return np.concatenate([first, second, np.clip(difference, 0, 255).astype(np.uint8)], 1)


def _by_gap(clip: Clip, results: Sequence[Bytes]) -> dict[str, float | None]:
    return {f"gap {gap}": warp_error(clip, results, gap) for gap in GAPS}
