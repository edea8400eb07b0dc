"""Which models a service has, and what it calls them."""

import shutil
from pathlib import Path

import pytest
import torch

from stylenet.api import load
from stylenet.models.checkpoint import save_model
from stylenet.nets.johnson import TransformerNet
from stylenet.service.catalogue import Served, opened_models
from stylenet.system.errors import UserError

NET = {"_target_": "stylenet.nets.johnson.TransformerNet", "width": 0.1, "blocks": 1}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run as training names it."""
    torch.manual_seed(0)
    folder = tmp_path / "runs" / "sea" / "2026-01-01_00-00-00"
    save_model(folder / "model.pt", TransformerNet(width=0.1, blocks=1), {"net": NET})
    return folder


@pytest.mark.slow
def test_files_are_called_by_their_names_and_runs_by_their_styles(
    run: Path, wave: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    one, other, sea = opened_models([(None, wave), ("other", wave), (None, Path("sea"))])
    assert [one.name, other.name, sea.name] == ["wave", "other", "sea"]
    picture = torch.randint(0, 256, (40, 50, 3), dtype=torch.uint8).numpy()
    expected = load(run)(picture).rgb  # by torch; the run is served as its export
    assert abs(sea.session(())(picture).astype(int) - expected).max() <= 1


@pytest.mark.parametrize("other", ["model.pt", "../latest", "."])
def test_two_models_of_one_name_are_refused(run: Path, other: str):
    (run.parent / "latest").symlink_to(run.name)
    with pytest.raises(UserError, match=r"are both called sea; name one: other=.*"):
        opened_models([(None, run), (None, run / other)])


def test_equal_mixtures_are_one_session(two: Path):
    [served] = opened_models([(None, two)])
    mixture = (("udnie", 1.0), ("mine", 2.0))
    assert served.session(mixture) is served.session(mixture)
    assert served.session(mixture) is not served.session(mixture[:1])


def test_what_cannot_be_served_is_one_line(wave: Path, tmp_path: Path):
    shutil.copy(wave, tmp_path / "cut.onnx")
    with (tmp_path / "cut.onnx").open("r+b") as file:
        file.truncate(20_000)
    for model, said in (
        (tmp_path / "cut.onnx", "is damaged"),
        (tmp_path / "none.onnx", "does not exist"),
        (tmp_path / "none", "does not exist|no model"),
    ):
        with pytest.raises(UserError, match=said) as told:
            opened_models([(None, model)])
        assert "\n" not in str(told.value)


def test_a_model_of_any_style_is_refused(wave: Path):
    class AnyStyle:
        takes_style = True

    with pytest.raises(UserError, match="takes any style"):
        Served("any", AnyStyle())
