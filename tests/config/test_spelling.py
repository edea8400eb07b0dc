"""Misspelled keys and choices: what was meant is among what is named, and named first."""

import pytest
from omegaconf import OmegaConf

from stylenet.config.compose import reference
from stylenet.config.shipped import initialised
from stylenet.config.spelling import USUAL_NAMES, did_you_mean, dotted, near_keys, near_words


@pytest.fixture(scope="module")
def known() -> list[str]:
    with initialised():
        return dotted(reference([], resolved=False))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("stle", "style"),
        ("lr", "task.optimizer.lr"),
        ("LR", "task.optimizer.lr"),
        ("learning-rate", "task.optimizer.lr"),
        ("trainer.lr", "task.optimizer.lr"),
        ("optimizer.lr", "task.optimizer.lr"),
        ("epochs", "trainer.max_steps"),
        ("max_step", "trainer.max_steps"),
        ("trainer.max_stepz", "trainer.max_steps"),
        ("batch_size", "data.batch_size"),
        ("batchsize", "data.batch_size"),
        ("size", "data.size"),
        ("workers", "data.workers"),
        ("gpus", "trainer.devices"),
        ("style_weight", "loss.style_weight"),
        ("loss.content_wieght", "loss.content_weight"),
        ("data.sise", "data.size"),
        ("callbacks.preview.every", "callbacks.previews.every"),
        ("chkpt", "ckpt"),
    ],
)
def test_the_meant_key_comes_first(written: str, meant: str, known: list[str]):
    assert near_keys(written, known)[0] == meant


def test_nothing_is_guessed_of_nonsense(known: list[str]):
    assert near_keys("qqqq", known) == []
    assert near_keys("loss.qqqq", known) == []


def test_every_usual_name_stands_for_a_setting_that_there_is(known: list[str]):
    assert set(USUAL_NAMES.values()) <= set(known)
    assert not set(USUAL_NAMES) & set(known)


def test_near_words():
    assert near_words("multistlye", ["multistyle", "video", "hour"]) == ["multistyle"]
    assert near_words("Stary_Night", ["starry_night", "udnie"]) == ["starry_night"]
    assert near_words("nope", ["art", "medical"]) == []


def test_did_you_mean():
    assert did_you_mean([]) == ""
    assert did_you_mean(["a", "b"]) == "; did you mean a or b?"


def test_keys_are_those_that_an_override_sets():
    config = OmegaConf.create({"net": {"_target_": "x", "net": {"width": 1}}, "seed": 0})
    assert dotted(config) == ["net", "net.net.width", "seed"]
