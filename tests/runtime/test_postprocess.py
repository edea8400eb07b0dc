"""Filters by closed forms, colours against the standard's own numbers."""

import re

import numpy as np
import pytest

from stylenet.pictures.amounts import MAX_FEATHER, MAX_SHARPEN
from stylenet.pictures.color import luma
from stylenet.runtime.postprocess import (
    Postprocess,
    bilateral,
    blend,
    preserve_color,
    stretch,
    unsharp_mask,
)
from stylenet.runtime.regions import cover
from stylenet.system.errors import UserError

ODD = [-0.1, 1e5, 1e300, float("nan"), float("inf"), "1", None]

# R'G'B' → Y'IQ, FCC 47 CFR 73.682 as NTSC 1953 (the matrix of Python's colorsys, in full).
TO_YIQ = np.array([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])


def images(low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    photo, stylized = rng.uniform(low, high, (2, 7, 5, 3)).astype(np.float32)
    return photo, stylized


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


def test_no_option_leaves_every_byte():
    rng = np.random.default_rng(0)
    photo, stylized = rng.integers(0, 256, (2, 9, 7, 3), dtype=np.uint8)
    assert Postprocess()(photo, stylized) is stylized
    np.testing.assert_array_equal(Postprocess(strength=0, sharpen=1)(photo, stylized), photo)


def test_stretch_takes_a_narrow_ramp_to_the_whole_range():
    ramp = np.linspace(0.4, 0.6, 1001, dtype=np.float32)[:, None, None].repeat(3, 2)
    stretched = stretch(ramp)[:, 0, 0]
    # 0.5 % at either end are clipped, so that 0.401 becomes 0 and 0.599 becomes 1.
    np.testing.assert_allclose(stretched, np.clip((ramp[:, 0, 0] - 0.401) / 0.198, 0, 1), atol=1e-4)


def test_stretch_keeps_hue_and_leaves_a_flat_picture_alone():
    flat = np.full((5, 5, 3), [0.2, 0.5, 0.3], np.float32)
    np.testing.assert_array_equal(stretch(flat), flat)
    photo, _ = images(0.4, 0.6)
    before, after = photo - photo.mean(2, keepdims=True), stretch(photo)
    inside = ((after > 0) & (after < 1)).all(2)
    after -= after.mean(2, keepdims=True)
    ratio = np.abs(after[inside]).sum() / np.abs(before[inside]).sum()
    np.testing.assert_allclose(after[inside], ratio * before[inside], atol=1e-5)


def test_unsharp_mask_adds_what_a_gaussian_blur_takes_away():
    line = np.full((15, 15, 3), 0.3, np.float32)
    line[:, 7] = 0.6
    density = np.exp(-0.5 * np.arange(-3, 4) ** 2.0)
    blurred = 0.3 + 0.3 * density / density.sum()
    sharp = unsharp_mask(line, 0.5)
    np.testing.assert_allclose(sharp[3, 4:11, 1], 1.5 * line[3, 4:11, 1] - 0.5 * blurred, atol=1e-6)
    np.testing.assert_allclose(sharp[:, :4], 0.3, atol=1e-6)


def test_bilateral_smooths_noise_and_keeps_the_edge():
    rng = np.random.default_rng(0)
    clean = np.full((30, 30, 3), 0.2, np.float32)
    clean[:, 15:] = 0.8
    smooth = bilateral(clean + rng.normal(0, 0.02, clean.shape).astype(np.float32), edge=0.15)
    assert (smooth - clean).std() < 0.02 / 3
    np.testing.assert_allclose(bilateral(clean, edge=0.02), clean, atol=1e-6)


def test_bilateral_of_every_colour_alike_is_a_gaussian_blur():
    point = np.zeros((11, 11, 3), np.float32)
    point[5, 5] = 1
    offsets = np.arange(-4, 5)
    density = np.exp(-0.5 * (offsets[:, None] ** 2 + offsets**2) / 4)
    blurred = bilateral(point, edge=1e6)[1:10, 1:10, 0]
    np.testing.assert_allclose(blurred, density / density.sum(), atol=1e-6)


@pytest.mark.parametrize(
    "options",
    [{name: value} for name in ("sharpen", "bilateral", "strength") for value in ODD],
    ids=str,
)
def test_numbers_beyond_their_range_are_named(options):
    [(name, value)] = options.items()
    with pytest.raises(UserError, match=re.escape(f"{name}={value!r} is no number between 0 and")):
        Postprocess(**options)


def test_the_most_that_is_taken_is_done_without_a_warning():
    rgb = np.random.default_rng(0).integers(0, 256, (32, 40, 3), dtype=np.uint8)
    sharp = Postprocess(sharpen=MAX_SHARPEN)(rgb, rgb)
    assert ((sharp == 0) | (sharp == 255)).mean() > 0.9
    assert cover(rgb[..., 0], (32, 40), MAX_FEATHER).shape == (32, 40, 1)


@pytest.mark.parametrize("feather", ODD)
def test_a_feather_beyond_its_range_is_named(feather):
    with pytest.raises(UserError, match="is no number between 0 and 16383"):
        cover(np.zeros((32, 40), np.uint8), (32, 40), feather)
