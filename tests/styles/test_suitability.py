"""Pictures from which a net can learn little are named, with what to do."""

import logging

import numpy as np
import pytest

from stylenet.styles.picture import StylePicture
from stylenet.styles.suitability import blankness, is_colourless, warn_if_unsuitable


def given(rgb: np.ndarray) -> StylePicture:
    return StylePicture("sketch", rgb, "file", "0" * 64, "sketch.png")


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), "u1")


def test_blankness_is_the_share_of_paper():
    rgb = np.full((256, 256, 3), 240, np.uint8)
    assert blankness(rgb) == 1
    rgb[:64] = noise(64, 256)
    assert blankness(rgb) == 0.75
    assert blankness(noise(256, 320)) == 0


def test_a_bright_and_a_dark_grey_have_no_colour_and_a_tint_has():
    grey = noise(64, 64)[..., :1].repeat(3, axis=2)
    assert is_colourless(grey)
    tinted = grey.astype(int) + np.array([6, 0, -6])
    assert not is_colourless(np.clip(tinted, 0, 255).astype(np.uint8))


def test_a_blank_or_grey_picture_is_named_with_the_mend(caplog: pytest.LogCaptureFixture):
    paper = np.full((256, 256, 3), (250, 240, 220), np.uint8)
    grey = noise(64, 64)[..., :1].repeat(3, axis=2)
    with caplog.at_level(logging.WARNING):
        warn_if_unsuitable(given(noise(64, 64)))
        assert not caplog.messages
        warn_if_unsuitable(given(paper))
        warn_if_unsuitable(given(grey))
    blank, colourless = caplog.messages
    assert "sketch is 100 % blank" in blank
    assert "crop it" in blank
    assert "sketch has no colours" in colourless
    assert "--preserve-color" in colourless
