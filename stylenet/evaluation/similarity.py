"""Similarity of a stylised picture to its photo, in structure and in colour."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import structural_similarity

from stylenet.pictures.color import luma, to_floats
from stylenet.pictures.images import Bytes


def ssim(first: Bytes, second: Bytes) -> float:
    """Structural similarity of the lumas (Wang et al. 2004, with its Gaussian window).

    Args:
        first, second: uint8 (H, W, 3) of one size, sides of at least 11 pixels.

    Returns:
        At most 1. Only equal lumas reach 1.
    """
    return float(
        structural_similarity(
            luma(to_floats(first)),
            luma(to_floats(second)),
            data_range=1.0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
    )


def color_distance(first: Bytes, second: Bytes) -> NDArray[np.float64]:
    """CIEDE2000 of each pixel (Sharma et al. 2005): about 1 is just noticeable.

    Args:
        first, second: uint8 (H, W, 3) sRGB of one size.

    Returns:
        (H, W), at least 0; 100 between black and white.
    """
    distance: NDArray[np.float64] = deltaE_ciede2000(rgb2lab(first), rgb2lab(second))
    return distance
