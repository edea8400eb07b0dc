"""Which files of a folder are taken, by what links, and what is said of the rest."""

import logging
import os
from pathlib import Path

import pytest

from stylenet.data.folder import FolderPhotos
from stylenet.data.photo_cache import open_cache
from stylenet.pictures.folders import find_pictures
from stylenet.pictures.outputs import plan_targets
from stylenet.system.errors import UserError


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def names(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in find_pictures(folder)]


def test_links_to_folders_and_files_are_followed(tmp_path):
    elsewhere = touch(tmp_path / "elsewhere", "b.jpg", "deep/c.jpg")
    folder = touch(tmp_path / "photos", "a.jpg")
    (folder / "link").symlink_to(elsewhere)
    (folder / "d.jpg").symlink_to(elsewhere / "b.jpg")
    assert names(folder) == ["a.jpg", "d.jpg", "link/b.jpg", "link/deep/c.jpg"]


def test_a_folder_of_links_alone(tmp_path):
    for name in ("x", "y"):
        touch(tmp_path / name, f"{name}.png")
        (tmp_path / "links").mkdir(exist_ok=True)
        (tmp_path / "links" / name).symlink_to(tmp_path / name)
    assert names(tmp_path / "links") == ["x/x.png", "y/y.png"]


def test_links_in_circles_end_and_double_nothing(tmp_path):
    folder = touch(tmp_path / "photos", "real/a.jpg", "b.jpg")
    (folder / "again").symlink_to(folder / "real")  # comes before it, by its name
    (folder / "real/up").symlink_to(folder)
    (folder / "self").symlink_to("self")
    assert names(folder) == ["b.jpg", "real/a.jpg"]


def test_what_is_not_read_is_counted_once(tmp_path, caplog):
    kinds = ("a.HEIC", "b.heic", "sub/c.CR2", "notes.txt", ".hidden.nef", "photo.jpg")
    folder = touch(tmp_path / "photos", *kinds)
    for _ in range(2):
        assert names(folder) == ["photo.jpg"]
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == (
        f"{folder}: left out 1 .cr2, 2 .heic, which stylenet cannot read; convert to JPEG or PNG"
    )


def test_nothing_is_said_where_nothing_is_left_out(tmp_path, caplog):
    names(touch(tmp_path / "photos", "photo.jpg", "notes.txt"))
    assert not caplog.records


@pytest.mark.parametrize(
    "search", [plan_targets, lambda paths, out: FolderPhotos(paths[0]).files()]
)
def test_a_folder_of_nothing_else_is_told_of_in_both_lines(tmp_path, caplog, search):
    folder = touch(tmp_path / "photos", "a.heic")
    with pytest.raises(UserError, match="no pictures"):
        search([folder], str(tmp_path / "out"))
    assert "left out 1 .heic" in caplog.text


def test_results_of_a_linked_folder_are_mirrored(tmp_path, picture):
    elsewhere = touch(tmp_path / "elsewhere", "b.jpg")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/link").symlink_to(elsewhere)
    [(photo, target)] = plan_targets([tmp_path / "photos"], str(tmp_path / "out")).items()
    assert photo == tmp_path / "photos/link/b.jpg"
    assert target == tmp_path / "out/link/b.jpg"


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A folder whose name, and whose files' names, are no UTF-8."""
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this file system takes UTF-8 alone")
    return folder


def test_names_that_are_no_utf8_make_a_cache(odd, picture):
    from PIL import Image

    for name in (b"\xe9.png", b"\xff.jpg"):
        Image.fromarray(picture).save(odd / os.fsdecode(name))
    (odd / os.fsdecode(b"bad\xff.jpg")).touch()
    for _ in range(2):  # built, and opened
        cache = open_cache(FolderPhotos(str(odd)), 64)
        assert [os.fsencode(name) for name in cache.names] == [b"\xe9.png", b"\xff.jpg"]
        assert [os.fsencode(name) for name, _ in cache.skipped] == [b"bad\xff.jpg"]
    assert "bad\\udcff.jpg" in cache.skipped_line().encode(errors="backslashreplace").decode()
