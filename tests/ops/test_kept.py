"""A library in the cache is read as it was written, where only the user may write."""

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from stylenet.ops.cpu.kept import DistrustedError, fetch, keep

CODE = bytes(range(256)) * 8
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the kernels are for Linux")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A cache that holds `CODE` under ``key``."""
    keep(tmp_path / "kernels", "key", CODE)
    return tmp_path / "kernels"


def library(folder: Path) -> Path:
    (found,) = folder.glob("*.so")
    return found


def note(folder: Path) -> Path:
    (found,) = folder.glob("*.sha256")
    return found


def test_it_comes_back_and_nothing_else_is_left(folder: Path):
    assert fetch(folder, "key") == CODE
    assert {*folder.iterdir()} == {library(folder), note(folder)}
    assert library(folder).stem in note(folder).read_text()
    assert all(path.stat().st_mode & 0o777 == 0o644 for path in folder.iterdir())


def test_what_is_not_there_is_none_without_a_word(folder: Path, tmp_path: Path):
    assert fetch(folder, "another key") is None
    assert fetch(tmp_path / "no folder", "key") is None
    library(folder).unlink()
    assert fetch(folder, "key") is None


@pytest.mark.parametrize("of", [library, note])
def test_a_file_damaged_anywhere_is_named_and_written_anew(
    of: Callable[[Path], Path], folder: Path
):
    file = of(folder)
    good = file.read_bytes()
    flipped = [
        good[:i] + bytes([good[i] ^ 1]) + good[i + 1 :]
        for i in range(0, len(good), len(good) // 64)
    ]
    cut = [good[:i] for i in range(0, len(good), len(good) // 16)]
    for damaged in [*flipped, *cut, bytes(len(good)), good + b"\0", os.urandom(100)]:
        file.write_bytes(damaged)
        with pytest.raises(DistrustedError, match=str(file)):
            fetch(folder, "key")
    keep(folder, "key", CODE)
    assert fetch(folder, "key") == CODE


@pytest.mark.parametrize("of", [library, note])
@pytest.mark.parametrize("instead", ["folder", "link", "pipe", "sparse"])
def test_what_is_no_file_is_named_and_never_read(
    of: Callable[[Path], Path], instead: str, folder: Path, tmp_path: Path
):
    file = of(folder)
    file.rename(tmp_path / "moved")
    if instead == "folder":
        file.mkdir()
    elif instead == "link":
        file.symlink_to(tmp_path / "moved")
    elif instead == "pipe":
        os.mkfifo(file)
    else:
        with file.open("wb") as empty:
            empty.truncate(1 << 40)
    with pytest.raises(DistrustedError, match=str(file)):
        fetch(folder, "key")
    keep(folder, "key", CODE)
    if instead != "folder":
        assert fetch(folder, "key") == CODE


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666, 0o777])
@pytest.mark.parametrize("of", [library, note, lambda folder: folder])
def test_what_others_may_write_is_not_read_and_made_the_users_own(
    of: Callable[[Path], Path], mode: int, folder: Path
):
    of(folder).chmod(mode | 0o100)
    with pytest.raises(DistrustedError, match=f"{of(folder)} may be written by other users"):
        fetch(folder, "key")
    keep(folder, "key", CODE)
    assert fetch(folder, "key") == CODE


@pytest.mark.skipif(not ROOT, reason="gives files away")
@pytest.mark.parametrize("of", [library, note, lambda folder: folder])
def test_another_users_is_not_read(of: Callable[[Path], Path], folder: Path):
    os.chown(of(folder), 12345, 12345)
    with pytest.raises(DistrustedError, match=f"{of(folder)} belongs to another user"):
        fetch(folder, "key")
    keep(folder, "key", CODE)
    if of in (library, note):
        assert fetch(folder, "key") == CODE
    else:  # nor written
        assert library(folder).stat().st_uid == os.geteuid()
        with pytest.raises(DistrustedError):
            fetch(folder, "key")


def test_a_linked_folder_is_neither_read_nor_written(folder: Path, tmp_path: Path):
    link = tmp_path / "link"
    link.symlink_to(folder)
    with pytest.raises(DistrustedError, match=str(link)):
        fetch(link, "key")
    keep(link, "another key", CODE)
    assert len([*folder.iterdir()]) == 2


def test_places_that_cannot_be_written_keep_nothing(tmp_path: Path):
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/kernels")):
        keep(place, "key", CODE)
    assert (tmp_path / "file").read_bytes() == b""


def _write_by_turns(folder: Path, codes: list[bytes]) -> None:
    for code in 20 * codes:
        keep(folder, "key", code)
        assert fetch(folder, "key") in codes


def test_who_writes_at_once_leaves_a_pair_that_fits(tmp_path: Path):
    """Two compilers may make different libraries of one key."""
    codes = [CODE, CODE[::-1]]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        for done in [pool.submit(_write_by_turns, tmp_path, codes[::way]) for way in (1, -1)]:
            done.result()
    assert fetch(tmp_path, "key") in codes
    assert len([*tmp_path.iterdir()]) == 3
