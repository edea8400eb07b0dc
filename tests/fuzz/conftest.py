"""A small trained run, and its export, for files to be damaged."""

from pathlib import Path

import pytest
from fuzz.runs import train_small

from stylenet.export.__main__ import main as export


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training of two steps, with a checkpoint and an export."""
    folder = tmp_path_factory.mktemp("fuzz") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STYLENET_CACHE", str(folder.parent / "cache"))
        assert train_small(patch, folder, "trainer.max_steps=2") == 0
        export([str(folder), "-o", str(folder.parent / "model.onnx")])
    return folder
