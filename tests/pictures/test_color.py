"""Luma against the standard's own numbers; bytes and floats."""

import numpy as np
import pytest

from stylenet.pictures.color import luma, to_bytes, to_floats


@pytest.mark.parametrize(
    ("colour", "expected"),
    [((1, 0, 0), 0.299), ((0, 1, 0), 0.587), ((0, 0, 1), 0.114), ((1, 1, 1), 1), ((0, 0, 0), 0)],
)
def test_luma_of_primaries(colour, expected):
    assert luma(np.array([[colour]], np.float32)) == pytest.approx(expected)


def test_every_byte_survives_the_way_to_floats_and_back():
    rgb = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, -1)
    floats = to_floats(rgb)
    assert floats.dtype == np.float32
    assert (floats.min(), floats.max()) == (0, 1)
    np.testing.assert_array_equal(to_bytes(floats), rgb)
