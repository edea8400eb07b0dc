"""No command writes over what it reads, by whatever name it is given."""

import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from training import train

from stylenet import evaluate, optimize, report, stylize
from stylenet.export import __main__ as export
from stylenet.pictures.outputs import plan_targets, refuse_overwriting
from stylenet.pictures.results import Results, results_in
from stylenet.system.errors import UserError


def link(path: Path) -> Path:
    path.with_name("soft").symlink_to(path)
    return path.with_name("soft")


def hard_link(path: Path) -> Path:
    os.link(path, path.with_name("hard"))
    return path.with_name("hard")


def by_a_linked_folder(path: Path) -> Path:
    (path.parent / "folder").symlink_to(path.parent)
    return path.parent / "folder" / path.name


ALIASES: list[Callable[[Path], Path]] = [
    lambda path: path,
    lambda path: path.parent / "." / ".." / path.parent.name / path.name,
    lambda path: Path(os.path.relpath(path)),
    link,
    hard_link,
    by_a_linked_folder,
]


@pytest.mark.parametrize("alias", ALIASES)
@pytest.mark.parametrize("turned", [False, True])
def test_a_file_is_known_by_any_name(tmp_path, alias, turned):
    file = tmp_path / "photo.png"
    file.touch()
    pair = [alias(file), file]
    output, read = reversed(pair) if turned else pair
    with pytest.raises(UserError, match="would be replaced; choose another output"):
        refuse_overwriting([tmp_path / "new.png", output], [tmp_path / "gone", read])


def test_of_a_folder_the_files_in_it_are_meant(tmp_path):
    (tmp_path / "mask.png").touch()
    with pytest.raises(UserError, match=r"mask\.png is read and would be replaced"):
        refuse_overwriting([tmp_path / "mask.png"], [tmp_path])
    with pytest.raises(UserError, match="is read and would be replaced"):
        refuse_overwriting([tmp_path], [tmp_path])
    (tmp_path / "run").mkdir()
    refuse_overwriting([tmp_path / "other.png", tmp_path / "run"], [tmp_path])


def test_other_files_may_be_written(tmp_path):
    for name in ("photo.png", "result.png"):
        (tmp_path / name).touch()
    refuse_overwriting([tmp_path / "result.png", tmp_path / "new.png"], [tmp_path / "photo.png"])


def test_the_folder_of_the_photos_is_no_place_for_results(tmp_path, picture):
    Image.fromarray(picture).save(tmp_path / "photo.gif")  # its result would be a .png
    with pytest.raises(UserError, match="is the folder of the photos; choose another"):
        plan_targets([tmp_path], f"{tmp_path}/.")


@pytest.fixture
def place(tmp_path: Path, picture, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One of everything that a command reads; the models are none, as they must not be opened."""
    monkeypatch.chdir(tmp_path)
    for name in ("photo.png", "mask.png", "style.png", "masks/photo.png", "sweep/report.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(picture).save(tmp_path / name)
    for name in ("clip.mp4", "masks.mp4", "run/model.pt", "plain.pt", "adapter.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"no model")
    shutil.copy("run/model.pt", "model.onnx")
    os.link("plain.pt", "as.onnx")
    os.link("plain.pt", "as.style.onnx")
    (tmp_path / "served/any/1").mkdir(parents=True)
    os.link("plain.pt", "served/any/1/model.onnx")
    os.link("adapter.yaml", "evaluation.md")
    os.link("run/model.pt", "run/model.png")
    return tmp_path


COMMANDS = {
    stylize: [
        "photo.png --model run -o photo.png",
        "photo.png --model run --mask mask.png -o mask.png",
        "photo.png --model run --keep mask.png -o ./mask.png",
        "photo.png --model run --mask masks -o masks",
        "photo.png --model run --style style.png -o style.png",
        "photo.png --model run --style style.png:0.5 -o style.png",
        "photo.png --model run -o run/model.png",
        "clip.mp4 --model run -o clip.mp4",
        "clip.mp4 --model run --mask masks.mp4 -o masks.mp4",
        "--webcam clip.mp4 --model run -o clip.mp4",
    ],
    optimize: [
        "photo.png --style starry_night -o photo.png",
        "photo.png --style style.png -o style.png",
        "photo.png --style style.png:2 --style starry_night -o style.png",
        "photo.png --style starry_night --init mask.png -o mask.png",
        "photo.png --style starry_night --init run -o run/model.png",
    ],
    export: [
        "plain.pt -o as.onnx",
        "plain.pt -o as.txt.onnx --target onnx",
        "plain.pt -o served --target triton",
        "plain.pt -o served/any/1 --target tensorrt",
    ],
    evaluate: ["model.onnx --adapter adapter.yaml -o ."],
    report: ["sweep --photos photo.png sweep/report.png", "sweep --photos sweep"],
}


@pytest.mark.parametrize(
    ("command", "line"), [(command, line) for command, lines in COMMANDS.items() for line in lines]
)
def test_commands_refuse_before_they_open_anything(place, capsys, command, line):
    if "as.txt.onnx" in line:
        os.link("plain.pt", "as.txt.style.onnx")
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    with pytest.raises(SystemExit) as end:
        sys.exit(command.main(line.split()))
    assert end.value.code == 2
    [error] = capsys.readouterr().err.splitlines()
    assert error.startswith("error: ")
    assert error.endswith("would be replaced; choose another output")
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    "overrides",
    [
        "style=custom style.image=run/preview.png run=run",
        "style=custom style.image=photo.png data=folder data.path=run run=run/.",
        "style=custom style.image=photo.png init=run/model.pt run=run",
    ],
)
def test_training_refuses_too(place, monkeypatch, capsys, overrides):
    shutil.copy("photo.png", "run/preview.png")
    before = {path: path.read_bytes() for path in (place / "run").iterdir()}
    assert train(monkeypatch, *overrides.split(), "trainer=cpu", "trainer.max_steps=1") == 2
    assert re.search("would (be )?replace", capsys.readouterr().err)
    assert {path: path.read_bytes() for path in before} == before


@pytest.fixture
def album(tmp_path: Path, picture) -> Path:
    """A folder of photos, with photos of the user's in the folder where results are to go."""
    for name in ("a.png", "b.png", "sub/b.png"):
        (tmp_path / "album" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(tmp_path / "album" / name)
    return tmp_path / "album"


@pytest.mark.parametrize("out", ["sub", "./sub/", "sub/../sub", "linked", "sub/deeper/.."])
def test_results_do_not_go_among_photos_that_lie_below_the_searched_folder(album, out):
    (album / "linked").symlink_to(album / "sub")
    (album / "sub/deeper").mkdir()
    with pytest.raises(UserError) as told:
        results_in(album / out, [album])
    assert f"{album / out} lies in {album} and holds pictures that stylenet did" in str(told.value)
    assert str(told.value).endswith(f"; choose a folder outside {album}")


def test_other_photos_below_it_are_no_obstacle(album):
    (album / "sub/b.png").rename(album / "sub/c.png")
    with pytest.raises(UserError, match=r"such as .*sub/c\.png; choose"):
        results_in(album / "sub", [album])
    assert results_in(album / "new", [album]).folder == album / "new"
    assert results_in(album.parent / "apart", [album]).folder is None
    assert results_in(album / "sub", [album / "a.png"]).folder is None


def test_results_are_known_until_they_are_changed(album, picture):
    out = album / "new"
    (out / "deeper").mkdir(parents=True)
    for name, pixels in (("a.png", picture), ("deeper/b.png", picture[::-1])):
        Image.fromarray(pixels).save(out / name)
        results_in(out / "none", [album]).note(out / name)  # of another folder
        with pytest.raises(UserError, match="did not write"):
            results_in(out, [album])
        Results(out).note(out / name)
        results_in(out, [album])
    Image.fromarray(255 - picture).save(out / "a.png")
    with pytest.raises(UserError, match=r"did not write, such as .*new/a\.png"):
        results_in(out, [album])


def test_a_cache_that_cannot_be_written_is_told(album, monkeypatch, caplog):
    monkeypatch.setenv("STYLENET_CACHE", str(album / "a.png"))
    Results(album / "sub").note(album / "sub/b.png")
    assert "the same command will be refused" in caplog.text
    with pytest.raises(UserError, match="did not write"):
        results_in(album / "sub", [album])


@pytest.mark.parametrize("suffix", [".heic", ".gif", ".jxl", ".HEIF", ".svg", ".tga", ".psd"])
def test_a_picture_that_cannot_be_written_is_no_folder(album, suffix):
    out = album.parent / f"out{suffix}"
    with pytest.raises(UserError, match="has no picture suffix stylenet can write; use one of"):
        plan_targets([album / "a.png"], str(out))
    with pytest.raises(UserError, match="is one file for several photos; give a folder"):
        plan_targets([album], str(out))
    for folder in (f"{out}/", str(out)):
        if not folder.endswith("/"):
            out.mkdir()
        [target] = plan_targets([album / "a.png"], folder).values()
        assert target == out / "a.png"
