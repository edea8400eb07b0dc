"""How steady a stylised clip is: the warp error."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from stylenet.evaluation.camera import Clip
from stylenet.losses.temporal import temporal_error, warp
from stylenet.pictures.images import Bytes
from stylenet.tensors import to_tensor


def warp_error(clip: Clip, results: Sequence[Bytes], gap: int) -> float | None:
    """RMSE between stylised frames that lie `gap` apart, the earlier frame warped to the later.

    Args:
        results: the stylised frames of `clip`, uint8 (H, W, 3).

    Returns:
        The mean over all pairs, on the scale of 0 to 1. Only pixels where the flow holds count.
        This is the warp error of Lai et al. 2018 ("Learning Blind Video Temporal Consistency",
        section 4) under a square root, so it is a difference of colours. None where no flow is
        known.
    """
    errors = []
    for later, earlier in clip.pairs[gap]:
        known = clip.flow(later, earlier)
        if known is not None:
            flow, mask = known
            warped = warp(to_tensor(results[earlier]), flow)
            error = temporal_error(to_tensor(results[later]), warped.clamp(0, 1), mask)
            errors.append(error.sqrt().item())
    return fmean(errors) if errors else None
