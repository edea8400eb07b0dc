"""Stylenet from Python: train, load, stylise, export, as a newcomer writes it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

import stylenet
from stylenet.models.checkpoint import load_model
from stylenet.nets.apply import apply_net
from stylenet.styles.known import known_styles
from stylenet.system.errors import UserError

SMALL = {
    **{"net__width": 0.125, "net__blocks": 1, "data__size": 64, "task__style_size": 64},
    **{"trainer__max_steps": 2, "callbacks__previews__height": 48, "trainer": "cpu"},
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a style picture and a photo."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name, size in (("waves", (80, 90, 3)), ("photo", (40, 51, 3))):
        rgb = rng.integers(0, 256, size, dtype=np.uint8)
        Image.fromarray(rgb).save(tmp_path / f"{name}.png")
    return tmp_path


def test_from_a_picture_to_an_export(place: Path):
    run = stylenet.train("waves.png", **SMALL)
    assert run.finished
    assert run.folder.parent == Path("runs/waves")
    assert run.preview().width > 100
    photo = np.asarray(Image.open("photo.png"))
    expected = apply_net(load_model(run.folder).net, photo)
    assert np.array_equal(run.stylize("photo.png").rgb, expected)
    assert np.array_equal(stylenet.load("waves")(photo).rgb, expected)
    file = run.export("waves.onnx")
    exported = stylenet.load(file)("photo.png").rgb
    assert np.abs(exported.astype(int) - expected).max() <= 1
    half = stylenet.load(file, size=45)("photo.png").rgb
    assert max(half.shape) == 45


def test_overrides_choose_the_task_and_settings_keep_their_letters(place: Path):
    small = {"trainer__max_steps": 1, "net__net__width": 0.125, "data__size": 64, "trainer": "cpu"}
    run = stylenet.train(
        overrides=["task=multistyle", "net.styles=[waves.png]"],
        run=Path("Runs/Mine"),
        callbacks__previews__height=48,
        **small,
    )
    assert run.folder == Path("Runs/Mine")
    said = yaml.safe_load((run.folder / "overrides.yaml").read_text())
    assert said[:2] == ["task=multistyle", "net.styles=[waves.png]"]
    assert "data.size=64" in said


def test_a_wrong_export_is_an_error_and_no_end_of_the_program(place: Path):
    with pytest.raises(UserError, match="nothing does not exist"):
        stylenet.Run(Path("nothing")).export("x.onnx")


@pytest.mark.slow
def test_two_trainings_get_two_folders_and_another_name_another(place: Path):
    short = {**SMALL, "callbacks__resume": None}
    runs = [stylenet.train("waves.png", **short) for _ in range(2)]
    assert runs[0].folder != runs[1].folder
    assert stylenet.train("waves.png", name="mine", **short).folder.parent == Path("runs/mine")


@pytest.mark.parametrize(
    ("style", "settings", "message"),
    [
        ("missing.png", {}, "cannot open missing.png"),
        ("waves.png", {"loss__style_weight": -1}, "style_weight=-1"),
        ("waves.png", {"net__wdth": 1}, "net.width"),
    ],
)
def test_a_mistake_is_an_error_with_its_mend(
    place: Path, style: str, settings: dict[str, float], message: str
):
    with pytest.raises(UserError, match=message):
        stylenet.train(style, **{**SMALL, **settings})
    assert not Path("runs").exists()


def test_styles_are_listed_and_nothing_heavy_is_loaded_before_it_is_used():
    twice = "first = stylenet.styles(); import stylenet.styles; again = stylenet.styles()"
    code = f"import stylenet; {twice}; print(first == again, *first)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", *known_styles()]
    assert {"train", "load", "Run"} <= set(dir(stylenet))
    code = "import sys, stylenet; print({'torch', 'numpy', 'yaml'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        _ = stylenet.trian


def test_the_starter_is_loaded_without_torch(tmp_path: Path):
    code = "import sys, stylenet; stylenet.load('udnie'); print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout == "False\n"
