"""Regions: what a mask covers is stylised, what it does not stays, and edges fade between."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylenet.runtime.regions import Mask, compose, cover
from stylenet.system.errors import UserError

FEATHER = 8


@pytest.fixture
def halves(tmp_path) -> Path:
    """White on the left, black on the right."""
    path = tmp_path / "mask.png"
    Image.fromarray(np.repeat([[255, 0]], 40, 1).repeat(60, 0).astype("u1")).save(path)
    return path


def flat(value: int) -> np.ndarray:
    return np.full((60, 80, 3), value, "u1")


def test_a_hard_edge_fades_within_the_feather_and_is_exact_beyond(halves):
    covered = cover(Mask(halves).of(Path("photo.jpg")), (60, 80), FEATHER)
    mixed = compose(flat(40), [(flat(200), covered)])
    assert (mixed[:, : 40 - 2 * FEATHER] == 200).all()
    assert (mixed[:, 40 + 2 * FEATHER :] == 40).all()
    steps = np.diff(mixed[30, :, 0].astype(int))
    assert (steps <= 0).all()
    assert steps.min() > -20
    assert abs(int(mixed[30, 39, 0]) - 120) <= 10


def test_without_a_feather_the_edge_stays_hard(halves):
    mixed = compose(flat(40), [(flat(200), cover(Mask(halves).of(Path("p")), (60, 80), 0))])
    assert set(np.unique(mixed)) == {40, 200}


def test_keep_is_the_other_side(halves):
    photo = Path("photo.jpg")
    assert (Mask(halves).of(photo) == 255 - Mask(halves, keep=True).of(photo)).all()


def test_regions_that_overlap_share_and_what_none_covers_is_the_photo():
    ones, none = np.ones((60, 80, 1), "f4"), np.zeros((60, 80, 1), "f4")
    assert (compose(flat(7), [(flat(100), ones), (flat(200), ones)]) == 150).all()
    assert (compose(flat(7), [(flat(100), none), (flat(200), none)]) == 7).all()
    assert (compose(flat(0), [(flat(100), ones / 2), (flat(200), ones / 4)]) == 100).all()


def test_a_mask_of_another_size_is_stretched_over_the_photo(halves):
    small = np.asarray(Image.open(halves).resize((8, 6), Image.Resampling.NEAREST))
    covered = cover(small, (60, 80), 0)
    assert covered.shape == (60, 80, 1)
    assert (covered[:, :30] == 1).all()
    assert (covered[:, 50:] == 0).all()


def test_a_transparent_mask_covers_nothing_where_it_is_transparent(tmp_path):
    path = tmp_path / "mask.png"
    white = Image.new("RGBA", (4, 4), (255, 255, 255, 0))
    white.putpixel((0, 0), (255, 255, 255, 255))
    white.save(path)
    mask = Mask(path).of(Path("photo.jpg"))
    assert mask[0, 0] == 255
    assert mask.sum() == 255


def test_a_folder_holds_a_mask_for_each_photo_by_name(tmp_path, halves):
    halves.rename(tmp_path / "a [1].png")
    assert Mask(tmp_path).of(Path("elsewhere/a [1].jpg"))[0, 0] == 255
    with pytest.raises(UserError, match=r"no mask for b\.jpg; add b\.png"):
        Mask(tmp_path).of(Path("b.jpg"))
