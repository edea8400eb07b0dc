"""The starter model: a picture without training, by a model that a stranger may have."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import stylenet
from stylenet.runtime.mixture import MixtureSession
from stylenet.runtime.model import open_model
from stylenet.runtime.starter import STARTER, STYLES, starter
from stylenet.styles.known import known_styles
from stylenet.system.errors import UserError

PHOTO = np.random.default_rng(0).integers(0, 256, (50, 61, 3), dtype=np.uint8)
MOST = 2_000_000  # bytes, the model and its card


def test_it_is_small_has_the_shipped_styles_and_names_no_path_of_its_maker():
    model = open_model(STARTER)
    assert tuple(model.styles) == STYLES
    assert set(STYLES) <= set(known_styles())
    assert STARTER.stat().st_size + STARTER.with_suffix(".md").stat().st_size <= MOST
    credits = [note["credit"] for note in model.config["style_picture"]["pictures"]]
    assert len(credits) == len(STYLES)
    assert all(credit.endswith("public domain") for credit in credits)
    told = " ".join(model.metadata.values())
    assert ".jpg" not in told
    assert " /" not in told
    assert '"/' not in told


def test_every_style_is_a_picture_of_its_own():
    found = [MixtureSession(STARTER, [(style, 1)])(PHOTO).astype(int) for style in STYLES]
    for one, other in pairwise([PHOTO.astype(int), *found]):
        assert np.abs(one - other).mean() > 8


def test_python_opens_it_by_a_style_or_with_a_mixture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    wave = MixtureSession(STARTER, [("great_wave", 1)])(PHOTO)
    assert np.array_equal(stylenet.load("great_wave")(PHOTO).rgb, wave)
    both = MixtureSession(STARTER, [("great_wave", 3), ("udnie", 1)])(PHOTO)
    assert np.array_equal(stylenet.load(styles=[("great_wave", 3), ("udnie", 1)])(PHOTO).rgb, both)
    with pytest.raises(UserError, match="mona does not exist"):
        stylenet.load("mona")


@pytest.mark.parametrize(("styles", "message"), [([], "give --model"), (["mona"], "mona, but")])
def test_what_it_has_not_learnt_is_named_with_what_it_has(styles: list[str], message: str):
    with pytest.raises(UserError, match=message) as caught:
        starter(styles)
    assert all(style in str(caught.value) for style in STYLES)
