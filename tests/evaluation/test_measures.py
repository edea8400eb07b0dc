"""Measures against closed forms: identity, a checkerboard, a frame, nets that are known."""

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from PIL import Image
from sklearn.datasets import load_sample_image

from stylenet.config.compose import composed
from stylenet.evaluation.artefacts import border_excess, grid_lines
from stylenet.evaluation.benchmark import mean
from stylenet.evaluation.cost import multiply_adds, parameters
from stylenet.evaluation.judge import CONTENT_LAYER, STYLE_LAYERS, Judge, look, total
from stylenet.evaluation.robustness import BRIGHTER, NOISE, robustness
from stylenet.evaluation.similarity import color_distance, ssim


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge()


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    image = Image.fromarray(load_sample_image("flower.jpg"))
    return np.asarray(image.resize((200, 128), Image.Resampling.LANCZOS))


def test_a_photo_is_like_itself(photo):
    assert ssim(photo, photo) == pytest.approx(1)
    assert color_distance(photo, photo).max() == 0


def test_ssim_of_a_negative_is_below_0(photo):
    assert ssim(photo, 255 - photo) < 0


def test_black_and_white_are_100_apart():
    black, white = (np.full((16, 16, 3), level, np.uint8) for level in (0, 255))
    np.testing.assert_allclose(color_distance(black, white), 100, atol=0.01)


@pytest.mark.parametrize(("period", "levels"), [(2, 1), (4, 6), (8, 12)])
@pytest.mark.parametrize("pattern", ["columns", "rows", "both"])
def test_a_weave_has_lines_and_a_photo_has_none(photo, pattern, period, levels):
    """Photos have more power at low frequencies, so a coarse weave must be stronger to show."""
    y, x = np.mgrid[: photo.shape[0], : photo.shape[1]]
    across = {"columns": x, "rows": y, "both": x + y}[pattern]
    weave = levels * np.cos(2 * np.pi * across / period)[..., None]
    marked = np.clip(photo + weave, 0, 255).round().astype(np.uint8)
    plain, woven = grid_lines(photo), grid_lines(marked)
    assert plain["peak"] < 5
    assert woven["peak"] > 3 * plain["peak"]
    assert woven["lines"] > 1.2 * plain["lines"]


def test_waves_beside_the_grid_are_no_weave(photo):
    x = np.mgrid[: photo.shape[0], : photo.shape[1]][1]
    waves = 3 * np.cos(2 * np.pi * x * 5 / 32)[..., None]  # between 1/8 and 2/8 cycle per pixel
    marked = np.clip(photo + waves, 0, 255).round().astype(np.uint8)
    assert grid_lines(marked)["peak"] < 1.1 * grid_lines(photo)["peak"]


def test_a_flat_picture_has_no_lines():
    flat = grid_lines(np.full((64, 64, 3), 99, np.uint8))
    assert flat == {"lines": pytest.approx(1), "peak": pytest.approx(1)}


def test_a_frame_shows_at_the_border_and_an_even_change_does_not(photo):
    framed = photo.copy()
    framed[:4], framed[-4:], framed[:, :4], framed[:, -4:] = 0, 0, 0, 0
    assert border_excess(color_distance(framed, photo)) > 50
    assert border_excess(np.full((64, 80), 7.0)) == pytest.approx(1)
    assert border_excess(np.zeros((64, 80))) == pytest.approx(1)


def test_a_net_that_does_nothing_passes_changes_on(photo):
    photo = np.clip(photo, 64, 190)
    found = robustness(lambda rgb: rgb, photo, photo)
    assert found["noise"] == pytest.approx(NOISE * np.sqrt(2 / np.pi), rel=0.05)
    assert found["brighter"] == found["darker"] == pytest.approx(BRIGHTER)
    assert found["shift"] == found["flat"] == 0


def test_a_net_bound_to_the_pixel_grid_does_not_follow_a_shift(photo):
    y, x = np.mgrid[: photo.shape[0], : photo.shape[1]]
    grid = (100 * ((x + y) % 2)).astype(np.uint8)[..., None].repeat(3, 2)
    stripes = (100 * (x % 2)).astype(np.uint8)[..., None].repeat(3, 2)
    assert robustness(lambda rgb: stripes, photo, stripes)["shift"] == 100
    assert robustness(lambda rgb: grid, photo, grid)["flat"] == pytest.approx(50, abs=1)


def test_the_style_picture_itself_has_no_style_error(judge, photo):
    features = judge.features(photo)
    errors = judge.style(features, judge.target(photo))
    assert set(errors["gram"]) == set(errors["mean_std"]) == set(STYLE_LAYERS)
    for layers in errors.values():
        assert all(error == {"raw": 0, "relative": 0} for error in layers.values())
    assert judge.content(features, features) == {CONTENT_LAYER: {"raw": 0, "relative": 0}}


def test_the_judge_has_the_layers_and_weights_of_the_default(judge, photo):
    shipped = instantiate(composed([]).loss)
    loss = judge.pixel_loss(photo, photo).loss
    assert loss.content_layers == shipped.content_layers
    assert loss.style_layers == shipped.style_layers
    assert (loss.weights, loss.relative) == (shipped.weights, shipped.relative)


def test_every_layer_counts_by_its_ratio_in_the_look():
    def gram(first, last):
        errors = dict.fromkeys(STYLE_LAYERS, 0.1) | {"relu1_1": first, "relu5_1": last}
        return {layer: {"relative": error} for layer, error in errors.items()}

    content = {CONTENT_LAYER: {"relative": 0.5}}
    assert look(content, gram(0.1, 0.1)) == {"content": 0.5, "style": pytest.approx(0.1)}
    assert look(content, gram(0.01, 1.0))["style"] == pytest.approx(0.1)
    assert look(content, gram(0.1, 3.2))["style"] == pytest.approx(0.2)


def test_a_blank_is_about_as_far_off_as_1(judge, photo):
    """Relative errors at relu1_1, where grey of the mean colour has next to no energy."""
    grey = np.full_like(photo, (124, 117, 104))
    errors = judge.style(judge.features(grey), judge.target(photo))
    assert errors["gram"]["relu1_1"]["relative"] == pytest.approx(1, abs=0.1)


def test_the_total_is_the_first_value_of_the_yardstick(judge, photo):
    """Both are the loss of the photo itself, one from the tables and one from the optimiser."""
    style = 255 - photo
    features = judge.features(photo)
    errors = judge.style(features, judge.target(style))
    terms = total(photo, judge.content(features, features), errors["gram"])
    assert judge.lbfgs(photo, style, 0) == pytest.approx([terms["total"]], rel=1e-4)


def test_cost_of_a_known_net():
    net = torch.nn.Conv2d(3, 5, 3, padding=1)
    assert parameters(net) == 5 * 3 * 9 + 5
    assert multiply_adds(net, 32) == 32 * 32 * 5 * 3 * 9
    assert next(net.parameters()).device.type == "cpu"


def test_means_keep_the_nesting_and_drop_names():
    rows = [{"photo": "a", "ssim": 1.0, "loss": {"style": 2.0}}]
    rows += [{"photo": "b", "ssim": 0.0, "loss": {"style": 4.0}}]
    assert mean(rows) == {"ssim": 0.5, "loss": {"style": 3.0}}
