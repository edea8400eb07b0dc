"""Resizing keeps the shape of pictures and their means; training photos are never enlarged."""

import numpy as np
import pytest

from stylenet.pictures.resizing import resize_longer_side, resize_shorter_side, resized, shrink


@pytest.fixture
def rgb() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (60, 90, 3), np.uint8)


def test_a_size_is_height_and_width(rgb):
    assert resized(rgb, (20, 50)).shape == (20, 50, 3)
    assert resized(rgb[..., 0].astype(np.float32), (20, 50)).dtype == np.float32


def test_the_shorter_or_the_longer_side_is_set(rgb):
    assert resize_shorter_side(rgb, 20).shape == (20, 30, 3)
    assert resize_shorter_side(rgb, 120).shape == (120, 180, 3)
    assert resize_longer_side(rgb, 30).shape == (20, 30, 3)
    assert resize_longer_side(rgb[..., 0], 180).shape == (120, 180)


def test_shrinking_never_enlarges(rgb):
    assert shrink(rgb, 60) is rgb
    assert shrink(rgb, 30).shape == (30, 45, 3)


def test_resizing_is_antialiased(rgb):
    small = resize_shorter_side(rgb, 15)
    assert abs(small.mean() - rgb.mean()) < 1
    assert small.std() < rgb.std() / 2
