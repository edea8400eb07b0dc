"""Values that a class cannot take are one line; faults in a user's own class keep their trace."""

import sys
import traceback
from pathlib import Path
from typing import Any

import pytest
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning import LightningModule, Trainer

from stylenet.config.compose import building, fitting
from stylenet.system.errors import UserError

OWN = """
class Fault:
    def __init__(self, size):
        self.half = self.sise / 2

class Wrong:
    def __init__(self, size):
        self.size = int("a number")

class Refuses:
    def __init__(self, size):
        from stylenet.system.errors import UserError
        raise UserError("size is too small; give more")

class Fine:
    def __init__(self, size):
        self.size = size
"""


@pytest.fixture(autouse=True)
def _own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_classes.py").write_text(OWN)
    (tmp_path / "own_broken.py").write_text("size = 1 / 0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("own_classes", None)


def build(target: str, **values: Any) -> Any:
    with building():
        return instantiate({"_target_": target, **values})


@pytest.mark.parametrize(
    ("target", "place"),
    [("Fault", "self.half = self.sise / 2"), ("Wrong", 'self.size = int("a number")')],
)
def test_a_fault_in_a_users_own_class_keeps_its_traceback(target: str, place: str):
    with pytest.raises(InstantiationException) as error:
        build(f"own_classes.{target}", size=3)
    assert place in "".join(traceback.format_exception(error.value))


def test_a_users_own_module_that_fails_keeps_its_traceback():
    with pytest.raises(InstantiationException) as error:
        build("own_broken.Thing")
    assert "size = 1 / 0" in "".join(traceback.format_exception(error.value))


@pytest.mark.parametrize(
    ("target", "values", "said"),
    [
        ("own_classes.Fine", {}, "missing 1 required positional argument: 'size'"),
        ("own_classes.Fine", {"sise": 3}, "sise"),
        ("own_classes.Nothing", {}, "Error locating target 'own_classes.Nothing'"),
        ("own_nowhere.Nothing", {}, "own_nowhere"),
        ("own_classes.Refuses", {"size": 3}, "size is too small; give more"),
        ("pytorch_lightning.Trainer", {"profiler": "nope"}, "profiler"),
        ("torch.nn.Conv2d", {"in_channels": -1, "out_channels": 3, "kernel_size": 3}, "negative"),
        ("stylenet.losses.perceptual.PerceptualLoss", {"relative": True}, "content_layers"),
    ],
)
def test_a_value_that_cannot_be_taken_is_one_line(target: str, values: dict[str, Any], said: str):
    with pytest.raises(UserError) as error:
        build(target, **values)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert "HYDRA_FULL_ERROR" not in str(error.value)


def test_what_is_built_later_is_told_apart_as_well():
    make = build("own_classes.Wrong", _partial_=True)
    with pytest.raises(ValueError, match="invalid literal"), building():
        make(size=3)
    trainer = build("pytorch_lightning.Trainer", _partial_=True)
    with pytest.raises(UserError, match="devices=0"), building():
        trainer(devices=0, accelerator="cpu")


def test_lightnings_word_on_its_own_settings_is_one_line():
    def faulty() -> None:
        raise MisconfigurationException("raised by a callback of the user's")

    with pytest.raises(MisconfigurationException), fitting():
        faulty()
    trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
    with pytest.raises(UserError, match="trainer: No `training_step"), fitting():
        trainer.fit(LightningModule())
