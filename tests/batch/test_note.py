"""The note of a job: what counts as finished, whatever was killed, cut off or changed."""

import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stylenet.batch.note import NAME, claimed, is_finished, key_of
from stylenet.system.errors import UserError


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    path.write_bytes(b"photo")
    return path


@pytest.fixture
def result(tmp_path: Path) -> Path:
    path = tmp_path / "out" / "photo.png"
    path.parent.mkdir()
    path.write_bytes(b"result")
    return path


def test_a_result_is_finished_until_it_is_another_file(result: Path):
    with claimed(result.parent) as note:
        assert not is_finished("a", result, note.finished())
        pickle.loads(pickle.dumps(note)).finish("a", result)
        assert is_finished("a", result, note.finished())
        assert not is_finished("b", result, note.finished())
        result.write_bytes(b"changed by the user")
        assert not is_finished("a", result, note.finished())
        result.unlink()
        assert not is_finished("a", result, note.finished())


def test_the_next_command_knows_what_was_finished(result: Path):
    with claimed(result.parent) as note:
        note.begin("a")
        note.finish("a", result)
    with claimed(result.parent) as note:
        assert is_finished("a", result, note.finished())


@pytest.mark.parametrize("cut", [1, 10, 30])
def test_a_line_that_was_cut_off_spoils_no_other(result: Path, cut: int):
    with claimed(result.parent) as note:
        note.finish("a" * 32, result)
        note.finish("b" * 32, result)
    with (result.parent / NAME).open("r+b") as file:
        file.truncate(file.seek(0, os.SEEK_END) - cut)
    with claimed(result.parent) as note:
        note.finish("c" * 32, result)
        found = [is_finished(key * 32, result, note.finished()) for key in "abc"]
    assert found == [True, cut == 1, True]  # a missing end of line is no loss


def test_beginnings_are_counted_for_this_command_alone(result: Path):
    with claimed(result.parent) as note:
        note.begin("a")
    with claimed(result.parent) as note:
        note.begin("a")
        note.begin("a")
        note.begin("b")
        assert note.begun() == {"a": 2, "b": 1}
        assert note.finished() == {}


def test_a_second_command_is_refused_until_the_first_is_killed(tmp_path: Path):
    code = "import sys, time\nfrom pathlib import Path\nfrom stylenet.batch.note import claimed\n"
    code += "with claimed(Path(sys.argv[1])):\n    print(flush=True)\n    time.sleep(60)"
    first = subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE)
    try:
        assert first.stdout is not None
        first.stdout.readline()
        with pytest.raises(UserError, match="being written by another command"), claimed(tmp_path):
            pass
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()
    with claimed(tmp_path):
        pass


def test_no_other_file_is_taken_for_a_note(tmp_path: Path):
    mine = tmp_path / "mine"
    mine.write_text("a letter")
    for make in (
        lambda place: place.write_text("a letter"),
        lambda place: place.symlink_to(mine),
        lambda place: place.mkdir(),
        lambda place: os.mkfifo(place),
        lambda place: place.parent.rmdir() or place.parent.write_text("a letter"),
    ):
        folder = tmp_path / f"out{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        make(folder / NAME)
        with pytest.raises(UserError, match=r"choose another|is a pipe"), claimed(folder):
            pass
    assert mine.read_text() == "a letter"


def test_a_key_tells_jobs_photos_rows_and_results_apart(photo: Path):
    told = ("job", photo, None, "photo.png")
    changes = [("other", *told[1:]), (*told[:2], 0, "photo.png"), (*told[:3], "sub/photo.png")]
    keys = {key_of(*told), *(key_of(*change) for change in changes)}
    os.utime(photo, ns=(0, 0))
    keys.add(key_of(*told))
    photo.write_bytes(b"a longer photo")
    os.utime(photo, ns=(0, 0))
    keys.add(key_of(*told))
    assert len(keys) == 6
    assert key_of(*told) == key_of(*told)
