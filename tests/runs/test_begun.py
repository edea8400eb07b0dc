"""Runs that are resumed on other hardware, or when a dataset has moved on."""

from pathlib import Path

import pytest
import torch
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf
from PIL import Image
from training import interrupt_at, rows, train

from stylenet.config.compose import FOLDER, hardware
from stylenet.models.checkpoint import load_model
from stylenet.runs.begun import as_begun
from stylenet.system.cpus import usable_cpus


def found(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "kind", lambda accelerator: kind)


def composed(*overrides: str) -> DictConfig:
    with initialize_config_dir(str(FOLDER), version_base="1.3"):
        return compose("train", overrides=["run=run", *overrides])


@pytest.mark.parametrize("experiment", [[], ["experiment=cyclegan"]])
def test_what_the_hardware_chose_stays_as_it_was(
    experiment: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    found("cpu", monkeypatch)
    before = OmegaConf.to_container(composed(*experiment), resolve=True)
    saved = tmp_path / "config.yaml"
    saved.write_text(yaml.safe_dump(before))
    found("gpu", monkeypatch)
    now = OmegaConf.to_container(as_begun(composed(*experiment), tmp_path), resolve=True)
    workers = min(8, usable_cpus())
    assert (now["trainer"].pop("accelerator"), now["data"].pop("workers")) == ("cuda", workers)
    assert (before["trainer"].pop("accelerator"), before["data"].pop("workers")) == ("cpu", 0)
    assert now == before


def test_what_was_asked_for_is_not_overruled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    found("cpu", monkeypatch)
    saved = tmp_path / "config.yaml"
    saved.write_text(yaml.safe_dump(OmegaConf.to_container(composed(), resolve=True)))
    found("gpu", monkeypatch)
    asked = as_begun(composed("data.size=64", "seed=3"), tmp_path)
    assert (asked.data.size, asked.data.batch_size, asked.seed) == (64, 1, 3)
    for damaged in (b"\xff\xfe", b"- a\n- b", b"data: 3"):
        saved.write_bytes(damaged)
        assert as_begun(composed(), tmp_path).data.size == 256


def test_a_dataset_stays_at_its_commit(tmp_path: Path):
    cfg = composed("data=coco")
    saved = tmp_path / "config.yaml"
    saved.write_text(yaml.safe_dump({"data": {"revision": "a" * 40}}))
    assert as_begun(cfg, tmp_path).data.revision == "a" * 40
    assert as_begun(composed("data=coco", "data.revision=v1"), tmp_path).data.revision == "v1"
    assert cfg.data.revision is None


def test_a_run_goes_on_elsewhere_as_if_it_had_stayed(
    tmp_path: Path, picture, monkeypatch: pytest.MonkeyPatch
):
    Image.fromarray(picture).save(tmp_path / "drawn.png")
    small = [
        *(
            "style=custom",
            f"style.image={tmp_path / 'drawn.png'}",
            "trainer=cpu",
            "task.style_size=48",
        ),
        *("net.width=0.05", "data.size=32", "data.cache_side=64", "callbacks.previews.height=48"),
        *("trainer=cpu", "trainer.max_steps=6", "data.workers=0", "callbacks.resume.every=1"),
    ]
    found("cpu", monkeypatch)
    assert train(monkeypatch, *small, f"run={tmp_path / 'whole'}") == 0
    parts = [*small, f"run={tmp_path / 'parts'}"]
    assert train(monkeypatch, *parts, interrupt_at(3)) == 130
    found("gpu", monkeypatch)  # four crops a step, bfloat16
    assert train(monkeypatch, *parts, "ckpt=last") == 0
    assert rows(tmp_path / "parts") == rows(tmp_path / "whole")
    expected, weights = (load_model(tmp_path / run).net for run in ("whole", "parts"))
    for name, value in expected.state_dict().items():
        assert torch.equal(weights.state_dict()[name], value)
