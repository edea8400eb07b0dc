"""Configs that runs have left, read back."""

from pathlib import Path

import yaml

from stylenet.runs.saved_config import CONFIG, leaves, read_config


def test_former_names_of_classes_become_todays(tmp_path: Path):
    optimizer = {"_target_": "stylenet.tasks.muon.Muon", "lr": 0.003}
    planes = [{"_target_": "stylenet.homage.Plane"}, {"_target_": "stylenet.nets.unet.UNet"}]
    note = "stylenet.tasks.muon.Muon"
    config = {"task": {"optimizer": optimizer}, "style": {"homage": planes, "name": note}}
    (tmp_path / CONFIG).write_text(yaml.safe_dump(config))
    assert dict(leaves(read_config(tmp_path))) == {
        "task.optimizer._target_": "stylenet.optim.muon.Muon",
        "task.optimizer.lr": 0.003,
        "style.homage.0._target_": "stylenet.styles.homage.Plane",
        "style.homage.1._target_": "stylenet.nets.unet.UNet",
        "style.name": note,
    }
