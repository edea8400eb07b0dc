"""Clips: size, rate, sound and order are kept; what is done is not done again."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from stylenet.errors import UserError
from stylenet.runtime.video import PART, stylize_clip

av = pytest.importorskip("av")

FRAMES = PART + 10


def draw(path: Path, size: tuple[int, int] = (64, 48), rate: int = 24) -> Path:
    """A clip that grows lighter, with a tone."""
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=rate, options={"crf": "10"})
        video.width, video.height = size
        video.pix_fmt = "yuv420p" if not (size[0] % 2 or size[1] % 2) else "yuv444p"
        sound = out.add_stream("aac", rate=44100, layout="mono")
        for number in range(FRAMES):
            grey = np.full((size[1], size[0], 3), 20 + 3 * number, np.uint8)
            out.mux(video.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        out.mux(video.encode())
        tone = np.sin(np.arange(44100 * FRAMES // rate) / 20).astype(np.float32)[None]
        frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
        frame.sample_rate = 44100
        out.mux(sound.encode(frame))
        out.mux(sound.encode())
    return path


def frames(path: Path) -> tuple[list[np.ndarray], list[Fraction]]:
    with av.open(str(path)) as clip:
        found = list(clip.decode(video=0))
    return [f.to_ndarray(format="rgb24") for f in found], [f.pts * f.time_base for f in found]


def sound(path: Path) -> list[bytes]:
    with av.open(str(path)) as clip:
        return [bytes(packet) for packet in clip.demux(audio=0) if packet.size]


def darker(rgb: np.ndarray) -> np.ndarray:
    return rgb - 15


@pytest.mark.parametrize("size", [(64, 48), (65, 47)])
def test_size_times_sound_and_every_frame_are_kept(tmp_path: Path, size: tuple[int, int]):
    clip = draw(tmp_path / "clip.mp4", size)
    assert stylize_clip(clip, tmp_path / "out.mp4", darker, {}) == FRAMES
    before, when = frames(clip)
    after, then = frames(tmp_path / "out.mp4")
    assert then == when
    assert sound(tmp_path / "out.mp4") == sound(clip)
    for old, new in zip(before, after, strict=True):
        assert new.shape == old.shape
        assert abs(new.mean() - (old.mean() - 15)) < 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clip.mp4", "out.mp4"]


def test_a_clip_cut_short_goes_on_behind_its_last_part(tmp_path: Path):
    clip = draw(tmp_path / "clip.mp4")
    calls = 0

    def fails(rgb: np.ndarray) -> np.ndarray:
        nonlocal calls
        calls += 1
        if calls == PART + 5:
            raise KeyboardInterrupt
        return darker(rgb)

    with pytest.raises(KeyboardInterrupt):
        stylize_clip(clip, tmp_path / "out.mp4", fails, {"model": 1})
    assert not (tmp_path / "out.mp4").exists()
    done = []
    stylize_clip(
        clip, tmp_path / "out.mp4", lambda rgb: done.append(1) or darker(rgb), {"model": 1}
    )
    assert len(done) == FRAMES - PART
    stylize_clip(clip, tmp_path / "whole.mp4", darker, {})
    (resumed, then), (whole, when) = frames(tmp_path / "out.mp4"), frames(tmp_path / "whole.mp4")
    assert then == when
    assert all(np.array_equal(a, b) for a, b in zip(resumed, whole, strict=True))


def test_another_job_starts_anew(tmp_path: Path):
    clip = draw(tmp_path / "clip.mp4")

    def stops(rgb: np.ndarray) -> np.ndarray:
        if list(tmp_path.glob(".out.mp4.parts/0*.mp4")):
            raise KeyboardInterrupt
        return rgb

    with pytest.raises(KeyboardInterrupt):
        stylize_clip(clip, tmp_path / "out.mp4", stops, {"model": 1})
    done = []
    stylize_clip(clip, tmp_path / "out.mp4", lambda rgb: done.append(1) or rgb, {"model": 2})
    assert len(done) == FRAMES


@pytest.mark.parametrize("content", [b"", b"no clip at all", None])
def test_what_is_no_clip_is_named(tmp_path: Path, content: bytes | None):
    clip = tmp_path / "clip.mp4"
    if content is not None:
        clip.write_bytes(content)
    with pytest.raises(UserError, match=r"clip\.mp4"):
        stylize_clip(clip, tmp_path / "out.mp4", darker, {})
    assert not (tmp_path / "out.mp4").exists()


def test_an_output_that_is_no_clip_is_named(tmp_path: Path):
    with pytest.raises(UserError, match=r"out\.png"):
        stylize_clip(draw(tmp_path / "clip.mp4"), tmp_path / "out.png", darker, {})
