"""Grey pictures keep their depth."""

from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from stylenet.pictures.grey import apply_change, read_grey, resize_grey, similarity, write_grey
from stylenet.pictures.images import read_picture
from stylenet.system.errors import UserError


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_written_and_read_again_bit_for_bit(tmp_path: Path, suffix: str, dtype: type):
    rng = np.random.default_rng(0)
    grey = rng.integers(0, np.iinfo(dtype).max, (37, 41), dtype=dtype)
    write_grey(grey, tmp_path / f"g{suffix}")
    found = read_grey(tmp_path / f"g{suffix}")
    assert found is not None
    assert found.dtype == dtype
    assert np.array_equal(found, grey)


def test_colour_is_no_grey(tmp_path: Path):
    Image.new("RGB", (40, 40)).save(tmp_path / "c.png")
    assert read_grey(tmp_path / "c.png") is None


def test_values_lie_as_the_colours_do(tmp_path: Path):
    grey = Image.fromarray(np.arange(40 * 50, dtype=np.uint8).reshape(40, 50))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # turn by a quarter
    grey.save(tmp_path / "g.png", exif=exif)
    found = read_grey(tmp_path / "g.png")
    assert found is not None
    assert np.array_equal(found, read_picture(tmp_path / "g.png").rgb[..., 0])
    assert found.shape == (50, 40)


def test_an_unchanged_result_gives_the_input_back():
    grey = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64) * 16
    rgb = np.repeat((grey >> 8).astype(np.uint8)[..., None], 3, 2)
    assert np.array_equal(apply_change(grey, rgb, rgb), grey)


def test_one_step_lighter_in_8_bits_is_257_in_16():
    grey = np.full((40, 40), 1000, np.uint16)
    before = np.full((40, 40, 3), 4, np.uint8)
    assert np.unique(apply_change(grey, before, before + 1)) == [1257]
    assert apply_change(grey * 2, before, np.full_like(before, 255)).max() == 65535


def test_similarity_of_the_same_is_one():
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 65536, (40, 40), dtype=np.uint16)
    assert similarity(grey, grey) == pytest.approx(1)
    assert similarity(grey, grey[::-1]) < 0.2


def test_resizing_keeps_the_range():
    grey = np.full((40, 60), 50000, np.uint16)
    assert np.unique(resize_grey(grey, 30)) == [50000]
    assert resize_grey(grey, 30).shape == (20, 30)


def test_a_jpeg_is_refused(tmp_path: Path):
    with pytest.raises(UserError, match="png"):
        write_grey(np.zeros((40, 40), np.uint16), tmp_path / "x.jpg")
