"""Clips: size, rate, sound and order are kept; what is done is not done again."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from footage import interrupted, unchanged

from stylenet.runtime.clips import ClipNet, ClipStylizer, RegionalClipStylizer, per_frame
from stylenet.runtime.colours import REC709
from stylenet.runtime.frames import Look
from stylenet.runtime.parts import PART
from stylenet.runtime.regions import Mask
from stylenet.runtime.stylize_clip import stylize_clip
from stylenet.runtime.webcam import record, stylize_webcam
from stylenet.system.errors import UserError

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


def darken(rgb: np.ndarray) -> np.ndarray:
    return rgb - 15


def darker() -> ClipStylizer:
    return ClipStylizer(per_frame(darken))


def trailing(stop: int | None = None) -> ClipStylizer:
    """A recurrent net that keeps half of what it painted before; stops at frame `stop`."""

    def run(window, previous):
        return window[0] if previous is None else (window[0] // 2 + previous // 2)

    return ClipStylizer(ClipNet(interrupted(run, stop), recurrent=True))


def ahead() -> ClipStylizer:
    """A net that shows the frame two behind."""
    return ClipStylizer(ClipNet(lambda window, _: window[4], receptive_radius=2))


@pytest.mark.parametrize("size", [(64, 48), (65, 47)])
def test_size_times_sound_and_every_frame_are_kept(tmp_path: Path, size: tuple[int, int]):
    clip = draw(tmp_path / "clip.mp4", size)
    assert stylize_clip(clip, tmp_path / "out.mp4", darker(), {}) == FRAMES
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
    fails = interrupted(darken, PART + 5)
    with pytest.raises(KeyboardInterrupt):
        stylize_clip(clip, tmp_path / "out.mp4", ClipStylizer(per_frame(fails)), {"model": 1})
    assert not (tmp_path / "out.mp4").exists()
    done = []
    counts = ClipStylizer(per_frame(lambda rgb: done.append(1) or darken(rgb)))
    stylize_clip(clip, tmp_path / "out.mp4", counts, {"model": 1})
    assert len(done) == FRAMES - PART
    stylize_clip(clip, tmp_path / "whole.mp4", darker(), {})
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
        stylize_clip(clip, tmp_path / "out.mp4", ClipStylizer(per_frame(stops)), {"model": 1})
    done = []
    counts = ClipStylizer(per_frame(lambda rgb: done.append(1) or rgb))
    stylize_clip(clip, tmp_path / "out.mp4", counts, {"model": 2})
    assert len(done) == FRAMES


@pytest.mark.parametrize("content", [b"", b"no clip at all", None])
def test_what_is_no_clip_is_named(tmp_path: Path, content: bytes | None):
    clip = tmp_path / "clip.mp4"
    if content is not None:
        clip.write_bytes(content)
    with pytest.raises(UserError, match=r"clip\.mp4"):
        stylize_clip(clip, tmp_path / "out.mp4", darker(), {})
    assert not (tmp_path / "out.mp4").exists()


def test_frames_that_avi_stores_out_of_order_come_out_in_order(tmp_path: Path):
    clip = draw(tmp_path / "clip.avi", rate=25)
    assert stylize_clip(clip, tmp_path / "out.mp4", unchanged(), {}) == FRAMES
    after, then = frames(tmp_path / "out.mp4")
    assert [frame.mean() for frame in after] == sorted(frame.mean() for frame in after)
    assert then == [Fraction(n, 25) for n in range(FRAMES)]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".m4v"])
def test_sound_that_does_not_fit_is_named_before_any_frame(tmp_path: Path, suffix: str):
    clip = tmp_path / "clip.mkv"
    with av.open(str(clip), "w") as out:
        video, sound = out.add_stream("libx264", rate=24), out.add_stream("tta", rate=44100)
        video.width, video.height = 64, 48
        for _ in range(3):
            grey = np.full((48, 64, 3), 90, np.uint8)
            out.mux(video.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        out.mux(video.encode())
        tone = av.AudioFrame.from_ndarray(
            np.zeros((1, 4096), np.int16), format="s16", layout="mono"
        )
        tone.sample_rate = 44100
        out.mux(sound.encode(tone))
        out.mux(sound.encode())

    def untouched(_: np.ndarray) -> np.ndarray:
        raise AssertionError("a frame was stylised")

    with pytest.raises(UserError, match=r"tta.*\.mkv"):
        stylize_clip(clip, tmp_path / f"out{suffix}", ClipStylizer(per_frame(untouched)), {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mkv"]
    assert stylize_clip(clip, tmp_path / "out.mkv", unchanged(), {}) == 3


def test_an_output_that_is_no_clip_is_named(tmp_path: Path):
    with pytest.raises(UserError, match=r"out\.png"):
        stylize_clip(draw(tmp_path / "clip.mp4"), tmp_path / "out.png", darker(), {})


def test_a_recurrent_net_goes_on_from_the_very_result_it_had_come_to(tmp_path: Path):
    clip = draw(tmp_path / "clip.mp4")
    with pytest.raises(KeyboardInterrupt):
        stylize_clip(clip, tmp_path / "out.mp4", trailing(stop=PART + 5), {})
    stylize_clip(clip, tmp_path / "out.mp4", trailing(), {})
    stylize_clip(clip, tmp_path / "whole.mp4", trailing(), {})
    (resumed, _), (whole, _) = frames(tmp_path / "out.mp4"), frames(tmp_path / "whole.mp4")
    assert all(np.array_equal(a, b) for a, b in zip(resumed, whole, strict=True))
    before, _ = frames(clip)
    assert before[PART].mean() - whole[PART].mean() > 1.5  # it does trail behind a lighter clip


def test_a_net_that_sees_ahead_keeps_every_frames_time(tmp_path: Path):
    clip = draw(tmp_path / "clip.mp4")
    assert stylize_clip(clip, tmp_path / "out.mp4", ahead(), {}) == FRAMES
    (before, when), (after, then) = frames(clip), frames(tmp_path / "out.mp4")
    assert then == when
    shown = [*before[2:], before[-1], before[-1]]
    assert max(abs(a.mean() - b.mean()) for a, b in zip(after, shown, strict=True)) < 1.5


def draw_mask(path: Path, count: int) -> Path:
    """A clip whose white part, from the left, grows by a column a frame."""
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=24, options={"crf": "0"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv444p"
        for number in range(count):
            white = np.zeros((48, 64, 3), np.uint8)
            white[:, : number + 1] = 255
            out.mux(video.encode(av.VideoFrame.from_ndarray(white, format="rgb24")))
        out.mux(video.encode())
    return path


def test_a_clip_of_masks_goes_along_frame_by_frame_and_its_last_one_stays(tmp_path: Path):
    masks = Mask(draw_mask(tmp_path / "mask.mp4", 20)).frames()
    black = ClipStylizer(per_frame(lambda rgb: rgb * 0))
    stylizer = RegionalClipStylizer([black], [masks], 0)
    for number in range(24):
        result = stylizer([np.full((48, 64, 3), 200, np.uint8)])
        edge = min(number, 19) + 1
        assert result[:, :edge].max() == 0
        assert result[:, edge:].min() == 200


def test_regions_go_on_with_each_nets_own_result_and_the_mask_of_the_frame(tmp_path: Path):
    clip, mask = draw(tmp_path / "clip.mp4"), draw_mask(tmp_path / "mask.mp4", FRAMES)

    def regions(stop: int | None = None) -> RegionalClipStylizer:
        masks = [Mask(mask).frames(), Mask(mask, keep=True).frames(), Mask(mask).frames()]
        return RegionalClipStylizer([trailing(stop), ahead(), trailing()], masks, 0)

    with pytest.raises(KeyboardInterrupt):
        stylize_clip(clip, tmp_path / "out.mp4", regions(stop=PART + 5), {})
    stylize_clip(clip, tmp_path / "out.mp4", regions(), {})
    stylize_clip(clip, tmp_path / "whole.mp4", regions(), {})
    (resumed, _), (whole, _) = frames(tmp_path / "out.mp4"), frames(tmp_path / "whole.mp4")
    assert all(np.array_equal(a, b) for a, b in zip(resumed, whole, strict=True))
    before, _ = frames(clip)
    last = whole[PART]
    assert before[PART].mean() - last[:, : PART - 4].mean() > 1.5
    assert last[:, PART + 4 :].mean() - before[PART].mean() > 3


def test_a_mask_that_is_neither_picture_nor_clip_is_named(tmp_path: Path):
    (tmp_path / "mask.mp4").write_bytes(b"no clip")
    for path in (tmp_path, tmp_path / "mask.mp4"):
        with pytest.raises(UserError, match=path.name):
            next(Mask(path).frames())


def test_filming_ends_with_ctrl_c_and_keeps_every_frame(tmp_path: Path):
    def film():
        for number in range(12):
            yield 5000 + 100 * number, np.full((48, 64, 3), 20 * number, np.uint8)
        raise KeyboardInterrupt

    out = tmp_path / "out.mp4"
    shown: list[int] = []
    look = Look(Fraction(10), Fraction(1, 1000), Fraction(1), REC709)
    assert record(film(), look, out, unchanged(), shown.append) == 12
    assert shown == list(range(1, 13))
    pictures, times = frames(out)
    assert [float(time) for time in times] == pytest.approx([0.1 * n for n in range(12)], abs=2e-3)
    assert [picture.mean() for picture in pictures] == pytest.approx(range(0, 240, 20), abs=2)
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_a_webcam_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(UserError, match=r"cannot open the webcam /dev/video97 .*; see ls"):
        stylize_webcam("97", tmp_path / "out.mp4", darker(), lambda done: None)
