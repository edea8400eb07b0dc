"""Mixing a photo with its stylised picture, against the standard's own numbers."""

import numpy as np
import pytest

from stylenet.color import blend, luma, preserve_color, to_bytes, to_floats

# R'G'B' → Y'IQ, FCC 47 CFR 73.682 as NTSC 1953 (the matrix of Python's colorsys, in full).
TO_YIQ = np.array([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])


def images(low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    photo, stylized = rng.uniform(low, high, (2, 7, 5, 3)).astype(np.float32)
    return photo, stylized


@pytest.mark.parametrize(
    ("colour", "expected"),
    [((1, 0, 0), 0.299), ((0, 1, 0), 0.587), ((0, 0, 1), 0.114), ((1, 1, 1), 1), ((0, 0, 0), 0)],
)
def test_luma_of_primaries(colour, expected):
    assert luma(np.array([[colour]], np.float32)) == pytest.approx(expected)


def test_preserve_color_takes_luma_of_one_and_chroma_of_the_other():
    photo, stylized = images(0.4, 0.6)  # nothing leaves [0, 1]
    mixed = preserve_color(photo, stylized) @ TO_YIQ.T
    np.testing.assert_allclose(mixed[..., 0], (stylized @ TO_YIQ.T)[..., 0], atol=1e-6)
    np.testing.assert_allclose(mixed[..., 1:], (photo @ TO_YIQ.T)[..., 1:], atol=1e-4)


def test_preserve_color_stays_in_range_and_keeps_the_shape():
    photo, stylized = images(0, 1)
    mixed = preserve_color(photo, stylized)
    assert mixed.shape == photo.shape
    assert mixed.dtype == np.float32
    assert mixed.min() >= 0
    assert mixed.max() <= 1


def test_preserve_color_of_a_grey_photo_is_grey():
    photo, stylized = images(0, 1)
    grey = np.repeat(photo[..., :1], 3, axis=-1)
    mixed = preserve_color(grey, stylized)
    np.testing.assert_allclose(mixed, np.repeat(luma(stylized)[..., None], 3, -1), atol=1e-6)


def test_blend_is_exact_at_its_ends_and_linear_between():
    photo, stylized = images(0, 1)
    np.testing.assert_array_equal(blend(photo, stylized, 0), photo)
    np.testing.assert_array_equal(blend(photo, stylized, 1), stylized)
    np.testing.assert_allclose(blend(photo, stylized, 0.25), photo + (stylized - photo) / 4, 1e-6)


def test_every_byte_survives_the_way_to_floats_and_back():
    rgb = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, -1)
    floats = to_floats(rgb)
    assert floats.dtype == np.float32
    assert (floats.min(), floats.max()) == (0, 1)
    np.testing.assert_array_equal(to_bytes(floats), rgb)
