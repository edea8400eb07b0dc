"""A worker: it writes what the ordinary command writes, and tells every fault as one line."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylenet.batch.cluster import Shares, shares
from stylenet.batch.note import Note, claimed
from stylenet.batch.painter import Painter, Task
from stylenet.batch.parquet import Row
from stylenet.runtime.damage import damaged
from stylenet.runtime.mixture import MixtureSession
from stylenet.runtime.model import open_model
from stylenet.runtime.starter import STARTER
from stylenet.runtime.stylizer import AnyStylizer, Stylizer
from stylenet.stylize import main
from stylenet.system.errors import UserError


def starter() -> tuple[AnyStylizer, bool]:
    return Stylizer(MixtureSession(open_model(STARTER), [("udnie", 1.0)])), True


@pytest.fixture
def photo(picture: np.ndarray, tmp_path: Path) -> Path:
    path = tmp_path / "photos" / "photo.png"
    path.parent.mkdir()
    Image.fromarray(picture[:65, :51]).save(path)
    return path


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Painter]:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # a worker sets it, and enters the folder
    monkeypatch.chdir(tmp_path)

    def start(note: Note, opener: Callable[[], tuple[AnyStylizer, bool]] = starter) -> Painter:
        return Painter(opener, note, lambda result: None, str(tmp_path), threads=1)

    return start


def test_a_result_is_byte_for_byte_that_of_the_ordinary_command(start, photo, tmp_path):
    command = [str(photo), "--style", "udnie", "--device", "cpu", "-o", str(tmp_path / "ordinary")]
    assert main(command) == 0
    with claimed(tmp_path / "out") as note:
        result = tmp_path / "out" / "photo.png"
        told = start(note)({"task": pickle.dumps(Task(photo, result, "key"))})
    assert pickle.loads(told["outcome"]).pixels == 65 * 51
    assert result.read_bytes() == (tmp_path / "ordinary" / "photo.png").read_bytes()


def test_what_another_worker_has_finished_is_not_done_again(start, photo, tmp_path):
    task = Task(photo, tmp_path / "out" / "photo.png", "key")
    with claimed(tmp_path / "out") as note:
        assert start(note).outcome(task).pixels
        before = task.target.stat().st_mtime_ns
        assert start(note).outcome(task).pixels == 0
    assert task.target.stat().st_mtime_ns == before


def test_a_photo_that_cannot_be_read_fails_alone(start, photo, tmp_path):
    bad = photo.with_name("bad.png")
    bad.write_text("no picture")
    out = tmp_path / "out"
    with claimed(out) as note:
        painter = start(note)
        failed = painter.outcome(Task(bad, out / "bad.png", "bad"))
        gone = painter.outcome(Task(Row(bad, 3), out / "row.png", "row"))
        assert painter.outcome(Task(photo, out / "photo.png", "photo")).failed == ""
        assert list(note.finished()) == ["photo"]
    assert "bad.png is no picture stylenet can read" in failed.failed
    assert "cannot read" in gone.failed
    assert not failed.fatal
    assert not gone.fatal


def test_transparency_that_the_format_cannot_hold_fails_alone(start, picture, tmp_path):
    """A Parquet file may call a PNG ``.jpg``."""
    clear = tmp_path / "clear.png"
    Image.fromarray(np.dstack([picture, picture[..., 0]])).save(clear)
    with claimed(tmp_path / "out") as note:
        outcome = start(note).outcome(Task(clear, tmp_path / "out" / "clear.jpg", "key"))
    assert "clear.jpg cannot hold transparency" in outcome.failed


def test_a_photo_that_ends_its_workers_is_named_at_last(start, photo, tmp_path):
    task = Task(photo, tmp_path / "out" / "photo.png", "key")
    with claimed(tmp_path / "out") as note:
        for _ in range(3):  # as if each worker died over it
            note.begin("key")
        assert f"{photo} ended 3 workers; leave it out, or give" in start(note).outcome(task).failed
    with claimed(tmp_path / "out") as note:  # the next command tries it again
        assert start(note).outcome(task).pixels == 65 * 51


def test_faults_of_all_photos_are_fatal(start, photo, tmp_path):
    def missing() -> tuple[AnyStylizer, bool]:
        raise UserError("there is no model")

    def broken(_: np.ndarray) -> np.ndarray:
        raise damaged("the model")

    task = Task(photo, tmp_path / "out" / "photo.png", "key")
    blocked = Task(photo, photo / "photo.png", "key")
    with claimed(tmp_path / "out") as note:
        assert start(note, missing).outcome(task).fatal == "there is no model"
        fatal = start(note, lambda: (Stylizer(broken), True)).outcome(task).fatal
        assert fatal == "the model is no ONNX model, or is damaged; export it again"
        assert "cannot write" in start(note).outcome(blocked).fatal


def test_a_fault_of_the_program_keeps_its_traceback(start, photo, tmp_path):
    def faulty(_: np.ndarray) -> np.ndarray:
        raise ZeroDivisionError

    with claimed(tmp_path / "out") as note, pytest.raises(ZeroDivisionError):
        start(note, lambda: (Stylizer(faulty), True)).outcome(Task(photo, photo, "key"))
    assert os.environ["OMP_NUM_THREADS"] == "1"


def test_workers_share_the_cores_and_the_gpus():
    assert shares({"CPU": 8}, None, "auto", 100) == Shares(8, 1, 0)
    assert shares({"CPU": 8}, 2, "auto", 100) == Shares(2, 4, 0)
    assert shares({"CPU": 8}, 2, "auto", 1) == Shares(1, 8, 0)
    assert shares({"CPU": 2}, 4, "auto", 100) == Shares(4, 1, 0)
    assert shares({"CPU": 8, "GPU": 2}, None, "auto", 100) == Shares(2, 4, 1)
    assert shares({"CPU": 8, "GPU": 1}, 4, "cuda", 100) == Shares(4, 2, 0.25)
    assert shares({"CPU": 8, "GPU": 2}, None, "cpu", 100) == Shares(8, 1, 0)
