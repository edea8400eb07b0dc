"""The engine for very many photos: what it refuses; killed, resumed and interrupted for real."""

import io
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylenet.batch.note import NAME
from stylenet.stylize import main

COUNT = 150


def draw(folder: Path, count: int = COUNT) -> Path:
    """Different pictures of 48x48, and a file that is none."""
    folder.mkdir()
    cells = np.random.default_rng(0).integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    for number in range(count):
        Image.fromarray(cells[number]).resize((48, 48)).save(folder / f"{number:03d}.png")
    (folder / "bad.png").write_text("no picture")
    return folder


def command(photos: Path, out: Path, *more: str) -> list[str]:
    options = ["--style", "udnie", "--device", "cpu", "--engine", "ray", "--workers", "2", *more]
    return [sys.executable, "-m", "stylenet.stylize", str(photos), "-o", str(out), *options]


def start(photos: Path, out: Path) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command(photos, out), start_new_session=True, stdout=pipe, stderr=pipe, text=True
    )


def written(out: Path) -> list[Path]:
    return sorted(out.glob("*.png"))


def wait_for(out: Path, count: int, process: subprocess.Popen[str]) -> None:
    while process.poll() is None and len(written(out)) < count:
        time.sleep(0.02)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in written(folder)}


def finished(out: Path) -> Counter[str]:
    """How often each photo was finished, as the note tells."""
    lines = [line.split() for line in (out / NAME).read_text().splitlines()[1:]]
    return Counter(key for key, what, _ in lines if what != "begun")


def running(command: int) -> list[Path]:
    """Ray's processes of a command, which keep files of its session open."""
    return [process for process in Path("/proc").glob("[0-9]*") if _is_of(process, command)]


def _is_of(process: Path, command: int) -> bool:
    try:
        files = [str(file.readlink()) for file in (process / "fd").iterdir()]
    except OSError:  # it has ended
        return False
    return any(re.search(rf"/session_[\d_-]+_{command}/", file) for file in files)


def wait_for_the_end(command: int) -> None:
    """Wait until nothing of a command runs any more."""
    for _ in range(300):
        if not running(command):
            return
        time.sleep(0.1)
    raise AssertionError([(process / "cmdline").read_text() for process in running(command)])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["clip.mp4", "-o", "out.mp4", "--engine", "ray"],
            "is for photos; leave it out for a clip",
        ),
        (["--webcam", "0", "-o", "out.mp4", "--engine", "ray"], "leave it out for a clip or a web"),
        (["p.png", "-o", "out", "--workers", "2"], "--workers are those of --engine ray"),
        (["p.png", "-o", "out.png", "--engine", "ray"], "out.png is a file; give a folder"),
        (["gone", "-o", "out", "--engine", "ray"], "gone does not exist; check the path"),
        (
            ["p.png", "-o", "out", "--engine", "ray", "--model", "gone.onnx"],
            "cannot open gone.onnx (No",
        ),
        (["p.png", "-o", "out", "--engine", "ray"], "needs Ray; run pip install 'stylenet[ray]'"),
    ],
)
def test_mistakes_are_one_line_and_write_nothing(tmp_path, monkeypatch, capsys, words, told):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "ray", None)  # as if it were not installed
    Image.new("RGB", (40, 40)).save("p.png")
    Path("clip.mp4").touch()
    style = [] if "--model" in words else ["--style", "udnie"]
    with pytest.raises(SystemExit, match="2"):
        main([*words, *style])
    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1
    assert sorted(map(str, Path().iterdir())) == ["clip.mp4", "p.png"]


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "127.0.0.1:99999"])
def test_a_cluster_that_does_not_answer_is_one_line(tmp_path, monkeypatch, capsys, address):
    pytest.importorskip("ray.data")
    monkeypatch.setenv("RAY_ADDRESS", address)
    Image.new("RGB", (40, 40)).save(tmp_path / "p.png")
    with pytest.raises(SystemExit, match="2"):
        main([str(tmp_path), "-o", str(tmp_path / "o"), "--style", "udnie", "--engine", "ray"])
    said = capsys.readouterr().err
    assert said.startswith(f"error: nothing answers at RAY_ADDRESS={address} (")
    assert said.count("\n") == 1


@pytest.mark.slow
def test_killed_and_resumed_none_is_lost_and_none_done_twice(tmp_path):
    pytest.importorskip("ray.data")
    photos, out, ordinary = draw(tmp_path / "photos"), tmp_path / "out", tmp_path / "ordinary"
    first = start(photos, out)
    wait_for(out, COUNT // 3, first)
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    wait_for_the_end(first.pid)
    before = {path: path.stat().st_mtime_ns for path in written(out)}
    noted = finished(out)
    assert COUNT // 3 <= len(before) < COUNT

    second = start(photos, out)
    line = second.stdout.readline()  # it has the folder now, and Ray takes seconds to start
    assert line == f"{len(noted)} of {COUNT + 1} pictures were finished before\n"
    third = subprocess.run(command(photos, out), capture_output=True, text=True, check=False)
    assert third.returncode == 2
    assert f"error: {out} is being written by another command; wait" in third.stderr
    said, failed = second.communicate()
    assert second.returncode == 1
    assert "bad.png is no picture" in failed
    assert failed.count("\n") == 1
    assert f"{COUNT - len(noted)} of {COUNT + 1} pictures written to {out} in " in said

    wait_for_the_end(second.pid)

    assert set(finished(out).values()) == {1}
    assert len(finished(out)) == COUNT
    assert sorted(path.name for path in out.iterdir())[0] == NAME  # nothing half written
    again = [path for path, at in before.items() if path.stat().st_mtime_ns != at]
    assert len(again) <= 2  # the two in hand
    assert main([str(photos), "-o", str(ordinary), "--style", "udnie", "--device", "cpu"]) == 1
    assert contents(out) == contents(ordinary)


@pytest.mark.slow
def test_a_dead_worker_is_replaced_and_parquet_is_read(tmp_path):
    pytest.importorskip("ray.data")
    parquet, pyarrow = pytest.importorskip("pyarrow.parquet"), pytest.importorskip("pyarrow")
    photos, out, ordinary = draw(tmp_path / "photos"), tmp_path / "out", tmp_path / "ordinary"
    named = sorted(photos.iterdir())
    cells = [{"bytes": path.read_bytes(), "path": path.name} for path in named]
    parquet.write_table(pyarrow.table({"image": cells}), tmp_path / "photos.parquet")
    process = start(tmp_path / "photos.parquet", out)
    wait_for(out / "photos", COUNT // 3, process)
    names = {path: (path / "cmdline").read_text() for path in running(process.pid)}
    workers = [int(path.name) for path, name in names.items() if name.startswith("ray::MapWorker")]
    os.kill(workers[0], signal.SIGKILL)
    said, failed = process.communicate()
    assert process.returncode == 1, failed
    assert f"{COUNT} of {COUNT + 1} pictures written to {out}" in said
    assert failed == (
        f"error: {tmp_path}/photos.parquet, row {COUNT} is no picture stylenet can read; "
        "give a JPEG, PNG, WebP, BMP or TIFF\n"
    )
    assert set(finished(out).values()) == {1}
    assert main([str(photos), "-o", str(ordinary), "--style", "udnie", "--device", "cpu"]) == 1
    assert contents(out / "photos") == contents(ordinary)


@pytest.mark.slow
def test_an_interrupt_ends_all_with_130(tmp_path):
    pytest.importorskip("ray.data")
    photos, out = draw(tmp_path / "photos"), tmp_path / "out"
    process = start(photos, out)
    wait_for(out, 5, process)
    os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert told == "interrupted; the pictures finished so far are kept\n"
    assert len(written(out)) < COUNT
    wait_for_the_end(process.pid)
    for path in written(out):
        Image.open(io.BytesIO(path.read_bytes())).load()
