"""The parts of a clip: what is deleted, what is refused, what is done again."""

import os
from pathlib import Path

import numpy as np
import pytest
from footage import decoded, draw, interrupted, unchanged

from stylenet.runtime.clips import ClipNet, ClipStylizer, per_frame
from stylenet.runtime.parts import PART
from stylenet.runtime.stylize_clip import stylize_clip
from stylenet.system.errors import UserError

FRAMES = 2 * PART + 5


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    frame = np.full((64, 96, 3), 90, np.uint8)
    return draw(
        tmp_path_factory.mktemp("clips") / "clip.mp4",
        range(0, 40 * FRAMES, 40),
        frame=lambda number: frame + number,
    )


def untouched(_: np.ndarray) -> np.ndarray:
    raise AssertionError("a frame was stylised")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def cut_short(clip: Path, target: Path, stop: int = FRAMES - 2) -> Path:
    """Stylise as far as frame `stop`; the folder of the parts."""
    net = ClipNet(interrupted(lambda window, _: window[0], stop), recurrent=True)
    with pytest.raises(KeyboardInterrupt):
        stylize_clip(clip, target, ClipStylizer(net), {})
    return target.with_name(f".{target.name}.parts")


def finished(clip: Path, target: Path) -> tuple[int, int]:
    """Go on to the end: the number of frames told, and of those stylised now."""
    done: list[int] = []
    net = ClipNet(lambda window, _: done.append(1) or window[0], recurrent=True)
    return stylize_clip(clip, target, ClipStylizer(net), {}), len(done)


def test_nothing_behind_a_link_in_the_place_of_the_parts_is_touched(tmp_path, clip):
    mine = tmp_path / "mine"
    mine.mkdir()
    for name in ("letter.txt", "job.json", "000000_0.mp4", "000001.png", "lock"):
        (mine / name).write_text(name)
    before = contents(mine)
    (tmp_path / ".out.mp4.parts").symlink_to(mine)
    for _ in range(2):
        with pytest.raises(UserError, match=r"\.out\.mp4\.parts is a link; remove it"):
            stylize_clip(clip, tmp_path / "out.mp4", ClipStylizer(per_frame(untouched)), {})
    assert contents(mine) == before
    (tmp_path / ".new.mp4.parts").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"\.new\.mp4\.parts is a link"):
        stylize_clip(clip, tmp_path / "new.mp4", ClipStylizer(per_frame(untouched)), {})
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    "name", ["lock", "job.json", "unfinished.mp4", "whole.mp4", "000000_0.mp4", "000000.png"]
)
def test_nothing_is_written_through_a_link_among_the_parts(tmp_path, clip, name):
    mine, folder = tmp_path / "mine.mp4", tmp_path / ".out.mp4.parts"
    mine.write_text("mine")
    folder.mkdir()
    (folder / name).symlink_to(mine)
    with pytest.raises(UserError, match=rf"{name} is a link; remove it"):
        stylize_clip(clip, tmp_path / "out.mp4", ClipStylizer(per_frame(untouched)), {})
    assert mine.read_text() == "mine"
    assert (folder / name).is_symlink()


@pytest.mark.parametrize("name", ["letter.txt", "1.mp4", "0_holiday.mp4", "lock.txt", "film.txt"])
def test_files_of_the_user_among_the_parts_stay(tmp_path, clip, name):
    folder = tmp_path / ".out.mp4.parts"
    (folder / "photos").mkdir(parents=True)
    (folder / name).write_text("mine")
    assert stylize_clip(clip, tmp_path / "out.mp4", unchanged(), {}) == FRAMES
    assert sorted(path.name for path in folder.iterdir()) == sorted([name, "photos"])
    assert (folder / name).read_text() == "mine"


def test_a_file_with_two_names_is_not_written_through(tmp_path, clip):
    mine, folder = tmp_path / "mine.mp4", cut_short(clip, tmp_path / "out.mp4")
    mine.write_text("mine")
    for name in ("unfinished.mp4", "whole.mp4"):
        (folder / name).unlink(missing_ok=True)
        os.link(mine, folder / name)
    assert finished(clip, tmp_path / "out.mp4") == (FRAMES, 5)
    assert mine.read_text() == "mine"


@pytest.mark.parametrize("size", [0, 1 / 2, 3 / 4])
@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("suffix", [".mp4", ".png"])
def test_a_part_that_was_cut_off_is_made_again(tmp_path, clip, size, number, suffix):
    folder = cut_short(clip, tmp_path / "out.mp4")
    [damaged] = folder.glob(f"{number:06d}*{suffix}")
    os.truncate(damaged, int(size * damaged.stat().st_size))
    assert finished(clip, tmp_path / "out.mp4") == (FRAMES, FRAMES - PART * number)
    greys = [frame.to_ndarray(format="rgb24").mean() for frame in decoded(tmp_path / "out.mp4")]
    assert greys == pytest.approx([90 + number for number in range(FRAMES)], abs=3)
    assert not folder.exists()


def test_all_frames_are_counted_where_only_the_joining_was_left(tmp_path, clip, monkeypatch):
    def stop(*_) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("stylenet.runtime.stylize_clip.join", stop)
        with pytest.raises(KeyboardInterrupt):
            finished(clip, tmp_path / "out.mp4")
    assert finished(clip, tmp_path / "out.mp4") == (FRAMES, 0)
    assert len(decoded(tmp_path / "out.mp4")) == FRAMES
