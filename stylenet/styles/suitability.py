"""Pictures from which a net can learn little: blank pictures, and pictures without colour."""

from __future__ import annotations

import logging

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from stylenet.pictures.color import luma, to_floats
from stylenet.pictures.images import Bytes
from stylenet.pictures.resizing import resize_shorter_side
from stylenet.styles.picture import StylePicture

SIDE = 256
"""Shorter side in pixels at which pictures are examined."""

_PATCH = 16  # pixels
_FLAT = 0.02
"""Deviation of the luma within a patch, of 1. A patch of paper or of even paint has less."""

_MOSTLY = 0.7
"""Share of flat patches. Of 31 style pictures, one has more (0.86) and gives blank results; the
next has 0.48 and works."""

_GREY = 2
"""Mean difference of a pixel's largest and smallest channel, of 255. Grey scans have less."""

_log = logging.getLogger(__name__)


def blankness(rgb: Bytes) -> float:
    """The share of flat patches in a picture, uint8 (H, W, 3)."""
    grey = luma(to_floats(resize_shorter_side(rgb, SIDE)))
    patches = sliding_window_view(grey, (_PATCH, _PATCH))[::_PATCH, ::_PATCH]
    return float((patches.std((2, 3)) < _FLAT).mean())


def is_colourless(rgb: Bytes) -> bool:
    """Whether a picture, uint8 (H, W, 3), has only greys."""
    return float(np.ptp(rgb.astype(np.int16), axis=2).mean()) < _GREY


def warn_if_unsuitable(picture: StylePicture) -> None:
    """Tell in the log what a net will not learn from a picture, and how to mend it."""
    blank = blankness(picture.rgb)
    if blank > _MOSTLY:
        _log.warning(
            "the style picture %s is %.0f %% blank, and so will be the results; crop it to its "
            "strokes",
            picture.name,
            100 * blank,
        )
    if is_colourless(picture.rgb):
        _log.warning(
            "the style picture %s has no colours, so the results will be grey; stylize "
            "--preserve-color gives them the photo's",
            picture.name,
        )
