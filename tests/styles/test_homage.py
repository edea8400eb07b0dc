"""The painter: strokes follow the field, colours follow the palette, a seed fixes the picture."""

from dataclasses import replace

import numpy as np
import pytest
import yaml
from hydra.utils import instantiate

from stylenet.config.compose import FOLDER
from stylenet.styles.homage import (
    Brush,
    Discs,
    Drift,
    Plane,
    Recipe,
    Shards,
    Swirl,
    Turn,
    Wave,
    paint,
)

BRUSH = Brush(width=0.06, length=0.3, scatter=0.02, jitter=0.05, relief=0.05)
BLUES = [("#102060", 1), ("#4060a0", 1), ("#80a0e0", 1)]

# Means of the originals, measured at a longer side of 640.
MEAN_COLOUR = {
    "starry_night": (86, 114, 125),
    "great_wave": (154, 160, 144),
    "the_scream": (113, 84, 54),
    "composition_vii": (139, 109, 93),
    "udnie": (107, 108, 105),
}


def recipe(*bends, palette=BLUES, brush=BRUSH, **plane) -> Recipe:
    return Recipe([Plane(palette, repeats=3, bends=bends, **plane)], brush)


def shipped(name: str) -> Recipe:
    config = yaml.safe_load((FOLDER / "style" / f"{name}.yaml").read_text())
    return instantiate(config, _convert_="all").homage


def orientation(picture: np.ndarray) -> tuple[float, float]:
    """Direction along the strokes in degrees [0, 180), and coherence in [0, 1].

    From the structure tensor (Bigün & Granlund 1987) averaged over the picture.
    """
    down, right = np.gradient(picture.mean(-1))
    xx, yy, xy = (right**2).mean(), (down**2).mean(), (right * down).mean()
    across = np.degrees(np.arctan2(2 * xy, xx - yy)) / 2
    return (across + 90) % 180, np.hypot(xx - yy, 2 * xy) / (xx + yy)


@pytest.mark.parametrize("angle", [0, 30, 90, 135])
def test_strokes_run_along_the_lines(angle):
    along, coherence = orientation(paint(recipe(Turn(angle)), (128, 128), seed=1))
    assert abs((along - angle + 90) % 180 - 90) < 8
    assert coherence > 0.4


def test_shards_break_the_common_direction():
    whole = orientation(paint(recipe(Turn(20)), (128, 128), seed=1))[1]
    broken = orientation(paint(recipe(Turn(20), Shards(40)), (128, 128), seed=1))[1]
    assert broken < whole / 2


@pytest.mark.parametrize(
    "bend", [Wave(0.5, 0.1), Drift(0.4, 0.1), Swirl([0.5, 0.5], 0.5, 0.5), Shards(9)]
)
def test_every_bend_moves_the_strokes(bend):
    straight = paint(recipe(), (64, 64), seed=1).astype(int)
    assert np.abs(paint(recipe(bend), (64, 64), seed=1) - straight).mean() > 10


def test_a_swirl_leaves_the_far_corner_alone():
    calm = replace(BRUSH, jitter=0.0, scatter=0.0, relief=0.0)
    straight = paint(recipe(brush=calm), (128, 256), seed=1).astype(int)
    swirled = paint(recipe(Swirl([0.4, 0.5], 0.4, 1), brush=calm), (128, 256), seed=1)
    change = np.abs(swirled - straight).mean(-1)
    assert change[:, 190:].mean() < change[32:96, 20:84].mean() / 10


def test_a_seed_fixes_the_picture_and_another_changes_it():
    bent = recipe(Drift(0.4, 0.1))
    assert np.array_equal(paint(bent, (64, 80), seed=3), paint(bent, (64, 80), seed=3))
    assert not np.array_equal(paint(bent, (64, 80), seed=3), paint(bent, (64, 80), seed=4))


def test_shares_of_the_palette_are_shares_of_the_picture():
    flat = replace(BRUSH, jitter=0.0, relief=0.0, scatter=0.0)
    picture = paint(recipe(palette=[("#000000", 3), ("#ffffff", 1)], brush=flat), (128, 128), 0)
    assert picture.mean() / 255 == pytest.approx(0.25, abs=0.04)


def test_an_outline_bounds_its_plane_and_a_disc_lies_on_top():
    sky = Plane([("#000080", 1)], repeats=1, bends=[])
    disc = Discs(at=[0.25, 0.75], radius=0.15, colours=["#ffff00", "#ffff00"])
    corner = [[0.5, 0.5], [2, 0.5], [2, 2], [0.5, 2]]
    land = Plane([("#008000", 1)], repeats=1, bends=[], outline=corner, discs=[disc])
    flat = replace(BRUSH, jitter=0.0, relief=0.0, scatter=0.0)
    picture = paint(Recipe([sky, land], flat), (96, 96), seed=0)
    assert picture[20, 20].tolist() == [0, 0, 128]
    assert picture[80, 80].tolist() == [0, 128, 0]
    assert picture[72, 24].tolist() == [255, 255, 0]


@pytest.mark.parametrize("size", [(96, 97), (131, 64)])
def test_any_size_is_painted_as_asked(size):
    picture = paint(recipe(Wave(0.5, 0.1)), size, seed=0)
    assert picture.shape == (*size, 3)
    assert picture.dtype == np.uint8


@pytest.mark.parametrize("name", MEAN_COLOUR)
def test_shipped_homages_have_their_pictures_colour_and_stroke_texture(name):
    picture = paint(shipped(name), (192, 240), seed=0)
    mean = picture.reshape(-1, 3).mean(0)
    assert np.abs(mean - MEAN_COLOUR[name]).max() < 25
    others = [np.abs(mean - other).sum() for key, other in MEAN_COLOUR.items() if key != name]
    assert np.abs(mean - MEAN_COLOUR[name]).sum() < min(others)
    # Texture at several scales: variation does not vanish in blocks of 4 or of 24 pixels.
    grey = picture.mean(-1)
    for block in (4, 24):
        blocks = grey.reshape(192 // block, block, 240 // block, block)
        assert blocks.std((1, 3)).mean() > 3
