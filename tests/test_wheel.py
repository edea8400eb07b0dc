"""The wheel holds all it needs: its commands run from an empty folder, with nothing beside it."""

import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest
import yaml
from PIL import Image

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the content of a wheel built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    build = ["-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    built = subprocess.run(
        [sys.executable, *build, str(ROOT)], capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stdout + built.stderr
    [wheel] = folder.glob("*.whl")
    with ZipFile(wheel) as file:
        file.extractall(folder / "unpacked")
    return folder / "unpacked"


def command(unpacked: Path, here: Path, *arguments: str) -> str:
    """What ``python -m …`` prints in the empty folder `here`, the wheel ahead of all else."""
    ended = subprocess.run(
        [sys.executable, "-P", "-m", *arguments],
        cwd=here,
        env={**os.environ, "PYTHONPATH": str(unpacked)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert not list(here.iterdir())
    return ended.stdout


def files(folder: Path, pattern: str) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob(pattern)}


def test_it_holds_all_modules_all_configs_and_the_mark_of_types(unpacked: Path):
    assert files(unpacked / "stylenet", "*.py") == files(ROOT / "stylenet", "*.py")
    assert files(unpacked / "stylenet" / "conf", "*") == files(ROOT / "conf", "*")
    assert (unpacked / "stylenet" / "py.typed").is_file()
    for pattern in ("*.html", "*.css", "*.js"):
        assert files(unpacked / "stylenet", pattern) == files(ROOT / "stylenet", pattern)


def test_it_holds_nothing_else(unpacked: Path):
    others = {path.name for path in unpacked.iterdir()} - {"stylenet"}
    assert [name.endswith(".dist-info") for name in others] == [True]
    suffixes = {path.suffix for path in (unpacked / "stylenet").rglob("*") if path.is_file()}
    page = {".html", ".css", ".js"}
    assert suffixes == {".pt", ".onnx", ".md", ".py", ".yaml", ".typed", ".c", ".h"} | page


def test_it_trains_with_the_configs_inside_it(unpacked: Path, tmp_path: Path):
    (tmp_path / "here").mkdir()
    arguments = ["stylenet.train", "style=the_scream", "trainer=cpu"]
    config = yaml.safe_load(command(unpacked, tmp_path / "here", *arguments, "--cfg", "all"))
    assert config["style"]["artist"] == "Edvard Munch"
    sources = [source["path"] for source in config["hydra"]["runtime"]["config_sources"]]
    assert str(unpacked / "stylenet" / "conf") in sources
    assert not any(source.startswith(str(ROOT)) for source in sources)


def test_it_stylises_a_photo_without_training(unpacked: Path, tmp_path: Path):
    (tmp_path / "here").mkdir()
    Image.new("RGB", (64, 48), "teal").save(tmp_path / "photo.png")
    out = tmp_path / "out.png"
    photo = str(tmp_path / "photo.png")
    command(
        unpacked,
        tmp_path / "here",
        "stylenet",
        "stylize",
        photo,
        "--style",
        "udnie",
        "-o",
        str(out),
    )
    assert Image.open(out).size == (64, 48)


def test_its_stylize_command_says_what_it_takes(unpacked: Path, tmp_path: Path):
    (tmp_path / "here").mkdir()
    assert "--preserve-color" in command(unpacked, tmp_path / "here", "stylenet.stylize", "--help")
