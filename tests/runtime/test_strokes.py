"""Strokes: their size scales, the photo's fine detail stays."""

import numpy as np
import pytest

from stylenet.runtime.strokes import with_strokes

PERIOD = 8


def striped(photo: np.ndarray) -> np.ndarray:
    """A net that paints stripes of its own period, whatever the photo."""
    stripes = 128 + 100 * np.sin(np.arange(photo.shape[1]) * 2 * np.pi / PERIOD)
    return np.broadcast_to(stripes[None, :, None], photo.shape).round().astype("u1")


def period(picture: np.ndarray) -> float:
    row = picture[len(picture) // 2, :, 0] - picture[len(picture) // 2, :, 0].mean()
    spectrum = np.abs(np.fft.rfft(row * np.hanning(len(row))))
    return len(row) / spectrum.argmax()


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0, 4.0])
def test_strokes_are_so_many_times_as_large(scale: float):
    photo = np.full((256, 256, 3), 128, "u1")
    painted = with_strokes(striped, photo, scale)
    assert painted.shape == photo.shape
    assert period(painted) == pytest.approx(PERIOD * scale, rel=0.05)


@pytest.mark.parametrize("size", [(100, 131), (64, 64)])
def test_a_net_that_does_nothing_leaves_a_grey_photo_as_it_is(size: tuple[int, int]):
    grey = np.random.default_rng(0).integers(60, 190, size, dtype="u1")
    photo = np.repeat(grey[..., None], 3, 2)
    painted = with_strokes(lambda rgb: rgb, photo, 3.0).astype(int)
    assert np.abs(painted - photo).max() <= 1


def test_detail_comes_from_the_photo_and_colour_from_the_net():
    photo = np.full((128, 128, 3), 120, "u1")
    photo[64:, ::2] = 136
    blue = np.array([40, 80, 200], "u1")
    painted = with_strokes(lambda rgb: np.broadcast_to(blue, rgb.shape), photo, 2.0).astype(int)
    assert np.abs(painted[:56] - blue).max() <= 1
    fine = np.diff(painted[100], axis=0)
    assert np.abs(np.abs(fine[10:-10]) - 16).max() <= 3


def test_a_scale_that_would_leave_nothing_is_limited():
    seen = []
    with_strokes(lambda rgb: seen.append(rgb.shape) or rgb, np.zeros((64, 200, 3), "u1"), 100.0)
    assert seen == [(32, 100, 3)]
