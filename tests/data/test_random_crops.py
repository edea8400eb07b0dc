from __future__ import annotations

import numpy as np
import pytest

from stylenet.data.crops import RandomCrop, photo_at

LUMA = np.array([0.299, 0.587, 0.114])


def photo(height: int, width: int, low: int = 0, high: int = 256) -> np.ndarray:
    return np.random.default_rng(0).integers(low, high, (height, width, 3), dtype=np.uint8)


def planes(square: np.ndarray) -> np.ndarray:
    """uint8 (S, S, 3) → float (3, S, S) in [0, 1]."""
    return square.transpose(2, 0, 1) / 255


def test_every_epoch_shows_every_photograph_once_in_another_order():
    epochs = [[photo_at(7 * epoch + i, 7, seed=3) for i in range(7)] for epoch in range(4)]
    assert all(sorted(epoch) == list(range(7)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 1
    assert epochs[0] != [photo_at(i, 7, seed=4) for i in range(7)]


def test_a_crop_is_a_function_of_seed_and_position():
    source = photo(80, 120)
    crop = RandomCrop(48, 0.2, seed=5)
    first = crop(source, 11)

    assert first.shape == (3, 48, 48)
    assert first.dtype == np.float32
    assert 0 <= first.min() < first.max() <= 1
    np.testing.assert_array_equal(first, crop(source, 11))
    assert not np.array_equal(first, crop(source, 12))
    assert not np.array_equal(first, RandomCrop(48, 0.2, seed=6)(source, 11))


def test_without_jitter_it_is_the_photograph_or_its_mirror_half_of_the_time():
    source = photo(48, 48)
    crop = RandomCrop(48, 0.0, seed=0)
    mirrored = 0
    for position in range(200):
        result = crop(source, position)
        flipped = abs(result - planes(source)).max() > 0.01
        mirrored += flipped
        expected = planes(source[:, ::-1] if flipped else source)
        np.testing.assert_allclose(result, expected, atol=1e-6)
    assert 70 < mirrored < 130


def test_scales_reach_from_the_crop_size_to_the_whole_shorter_side():
    ramp = np.broadcast_to(np.linspace(0, 255, 300)[:, None, None], (300, 200, 3))
    crop = RandomCrop(50, 0.0, seed=0)
    spans = [np.ptp(crop(ramp.astype(np.uint8), i)[0, 5:45, 0]) for i in range(300)]
    sides = np.array(spans) * 300 / (39 / 50)  # rows of the photograph across the crop
    assert 45 < sides.min() < 56
    assert 185 < sides.max() < 210
    assert abs(np.median(sides) - 100) < 15  # of a log-uniform draw from 50 to 200


@pytest.mark.parametrize(("side", "least"), [(240, 192), (320, 256), (200, 192), (100, 100)])
def test_crops_do_not_depend_on_the_side_of_the_cache(side: int, least: int):
    """A ramp down `side` rows tells how many of them a crop of 192 covers."""
    ramp = np.broadcast_to(np.linspace(0, 255, side)[:, None, None], (side, side, 3))
    crop = RandomCrop(192, 0.0, seed=0, longest=240)
    spans = [np.ptp(crop(ramp.astype(np.uint8), i)[0, 24:168, 0]) for i in range(100)]
    rows = np.array(spans) * side / (143 / 192)
    assert least - 4 < rows.min() < least + 4
    assert side - 4 < rows.max() < side + 4


def test_places_reach_all_corners():
    ramp = np.broadcast_to(np.arange(200, dtype=np.uint8)[:, None, None], (200, 64, 3))
    rows = [RandomCrop(64, 0.0, seed=0)(ramp, i)[0, 0, 0] * 255 for i in range(200)]
    assert min(rows) < 5
    assert max(rows) > 200 - 64 - 5


def test_a_photograph_below_the_size_is_enlarged():
    assert RandomCrop(128, 0.1, seed=0)(photo(64, 70), 0).shape == (3, 128, 128)


def test_jitter_stays_within_its_strength_and_uses_it():
    source = photo(64, 64, low=90, high=150)  # far from black and white: nothing is clipped
    crop = RandomCrop(64, 0.3, seed=0)
    before = planes(source)
    factors = np.array([colour_factors(before, crop(source, i)) for i in range(200)])
    assert factors.min() > 0.7 - 1e-3
    assert factors.max() < 1.3 + 1e-3
    assert (factors.min(axis=0) < 0.75).all()
    assert (factors.max(axis=0) > 1.25).all()


def colour_factors(before: np.ndarray, after: np.ndarray) -> tuple[float, float, float]:
    """Brightness, contrast and saturation, told from mean, spread of grey and spread of colour."""
    grey_before, grey_after = np.tensordot(LUMA, before, 1), np.tensordot(LUMA, after, 1)
    brightness = grey_after.mean() / grey_before.mean()
    contrast = grey_after.std() / grey_before.std() / brightness
    colour = (after - grey_after).std() / (before - grey_before).std()
    return brightness, contrast, colour / contrast / brightness


@pytest.mark.parametrize("value", [0, 255])
def test_jitter_is_clipped_to_black_and_white(value):
    flat = np.full((40, 40, 3), value, dtype=np.uint8)
    results = [RandomCrop(32, 0.5, seed=0)(flat, i) for i in range(20)]
    assert min(r.min() for r in results) >= 0
    assert max(r.max() for r in results) <= 1
