"""Clips as files: names, playlists, damage, full disks, and two jobs at one clip."""

import multiprocessing
import os
import resource
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from footage import decoded, draw, kept, shown, unchanged

from stylenet.evaluation.footage import footage
from stylenet.runtime.clips import ClipStylizer, per_frame
from stylenet.runtime.colours import REC709
from stylenet.runtime.frames import Look, clip_frames
from stylenet.runtime.parts import PART
from stylenet.runtime.regions import Mask
from stylenet.runtime.stylize_clip import stylize_clip
from stylenet.runtime.webcam import record
from stylenet.system.errors import UserError


@contextmanager
def full_disk(limit: int) -> Iterator[None]:
    """No file grows beyond `limit` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def untouched(_: np.ndarray) -> np.ndarray:
    raise AssertionError("a frame was stylised")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    return draw(tmp_path_factory.mktemp("clips") / "clip.mp4")


@pytest.mark.parametrize(
    "name",
    ["take:1.mp4", "%03d.mp4", "-o.mp4", "concat:a.mp4", "a?b #1.mp4", "pipe:0.mp4", "\udcff.mp4"],
)
def test_any_name_is_a_file(tmp_path, monkeypatch, clip, name):
    monkeypatch.chdir(tmp_path)
    shutil.copy(clip, name)
    assert kept(Path(name), Path(f"new {name}")) == []
    assert names(tmp_path) == sorted([name, f"new {name}"])
    with Path(f"new {name}").open("rb") as file, av.open(file) as out:
        assert len(list(out.decode(video=0))) == 10


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile other.mp4\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nother.mp4\n#EXT-X-ENDLIST\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
        "m=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    ],
)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_playlist_opens_nothing(tmp_path, clip, text, suffix):
    shutil.copy(clip, tmp_path / "other.mp4")
    playlist = tmp_path / f"clip{suffix}"
    playlist.write_text(text)
    for read in (
        lambda: kept(playlist, tmp_path / "out.mp4"),
        lambda: next(clip_frames(playlist)),
        lambda: next(Mask(playlist).frames()),
        lambda: footage(playlist),
    ):
        with pytest.raises(UserError, match=f"cannot open .*clip{suffix}"):
            read()


@pytest.mark.parametrize("name", ["http://127.0.0.1:9/clip.mp4", "concat:a.mp4|b.mp4"])
def test_an_address_is_a_file_that_is_not_there(tmp_path, name):
    with pytest.raises(UserError, match="No such file"):
        kept(Path(name), tmp_path / "out.mp4")


def test_a_clip_without_frames_is_named(tmp_path):
    for name in ("clip.mkv", "clip.mp4"):
        with av.open(str(tmp_path / name), "w") as out:
            video = out.add_stream("libx264", rate=25)
            video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
            out.start_encoding()
        with pytest.raises(UserError, match=rf"{name} has no (frame|pictures)"):
            kept(tmp_path / name, tmp_path / "out.mp4")
    assert names(tmp_path) == ["clip.mkv", "clip.mp4"]


def test_an_output_that_cannot_be_is_refused_before_any_frame(tmp_path, clip):
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "file").write_text("")
    copy, link = tmp_path / "copy.mp4", tmp_path / "link.mp4"
    shutil.copy(clip, copy)
    link.symlink_to(copy)
    for target, words in (
        (tmp_path / "folder.mp4", "is a folder"),
        (tmp_path / "file" / "out.mp4", "Not a directory"),
        (Path("/proc/none/out.mp4"), "cannot write"),
        (tmp_path / ("a" * 250 + ".mp4"), "too long"),
        (tmp_path / "out.avi", r"\.webm"),
        (copy, "its own result"),
        (link, "its own result"),
    ):
        with pytest.raises(UserError, match=words):
            stylize_clip(copy, target, ClipStylizer(per_frame(untouched)), {})
    assert copy.read_bytes() == clip.read_bytes()
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("limit", [500, 8000])
def test_a_full_disk_ends_in_one_line(tmp_path, limit):
    """While a part is written, and while the whole is: that has the sound, too."""

    def prepare(out, _) -> None:
        out.add_stream("pcm_s16le", rate=44100, layout="mono")

    def finish(out) -> None:
        silence = np.zeros((1, 8820), np.int16)
        frame = av.AudioFrame.from_ndarray(silence, format="s16", layout="mono")
        frame.sample_rate = 44100
        out.mux(out.streams.audio[0].encode(frame))

    clip = draw(tmp_path / "clip.mkv", prepare=prepare, finish=finish)
    words = r"cannot write .*/out\.mkv \(File too large\); free space"
    with full_disk(limit), pytest.raises(UserError, match=words):
        kept(clip, tmp_path / "out.mkv")
    assert not (tmp_path / "out.mkv").exists()
    assert kept(clip, tmp_path / "out.mkv") == []


def _slow_job(clip: Path, target: Path, started) -> None:
    def slow(rgb: np.ndarray) -> np.ndarray:
        if list(target.parent.glob(".out.mp4.parts/0*.mp4")):
            started.set()
            time.sleep(60)
        return rgb

    stylize_clip(clip, target, ClipStylizer(per_frame(slow)), {})


def test_a_second_job_is_refused_at_once_and_a_killed_one_is_taken_up(tmp_path):
    clip = draw(tmp_path / "clip.mp4", range(0, 40 * (PART + 5), 40))
    target = tmp_path / "out.mp4"
    context = multiprocessing.get_context("spawn")
    started = context.Event()
    job = context.Process(target=_slow_job, args=(clip, target, started))
    job.start()
    try:
        assert started.wait(60)
        for settings in ({}, {"other": 1}):
            with pytest.raises(UserError, match=r"out\.mp4 is being written by another job"):
                stylize_clip(clip, target, ClipStylizer(per_frame(untouched)), settings)
    finally:
        job.kill()
        job.join()
    done = []
    counts = ClipStylizer(per_frame(lambda rgb: done.append(1) or rgb))
    assert stylize_clip(clip, target, counts, {}) == PART + 5
    assert len(done) == 5
    assert len(decoded(target)) == PART + 5
    assert names(tmp_path) == ["clip.mp4", "out.mp4"]


def test_parts_of_a_clip_that_changed_are_not_used(tmp_path):
    clip = draw(tmp_path / "clip.mp4", range(0, 40 * (PART + 5), 40))

    def stops(rgb: np.ndarray) -> np.ndarray:
        if list(tmp_path.glob(".out.mp4.parts/0*.mp4")):
            raise KeyboardInterrupt
        return rgb

    with pytest.raises(KeyboardInterrupt):
        stylize_clip(clip, tmp_path / "out.mp4", ClipStylizer(per_frame(stops)), {})
    os.utime(clip, ns=(0, 0))
    done = []
    counts = ClipStylizer(per_frame(lambda rgb: done.append(1) or rgb))
    stylize_clip(clip, tmp_path / "out.mp4", counts, {})
    assert len(done) == PART + 5


def test_damaged_clips_end_in_one_line_or_are_shown(tmp_path, clip):
    """As a player does: what it can decode it shows."""
    draws = np.random.default_rng(0)
    whole = np.frombuffer(clip.read_bytes(), np.uint8)
    told = []
    for number in range(60):
        damaged = whole.copy()
        places = draws.integers(0, len(whole), draws.integers(1, 20))
        damaged[places] = draws.integers(0, 256, len(places))
        file = tmp_path / f"{number}.mp4"
        file.write_bytes(damaged[: draws.integers(len(whole) // 2, len(whole) + 1)].tobytes())
        try:
            assert list(clip_frames(file))
        except UserError as error:
            told.append((file.name, str(error)))
    assert 10 < len(told) < 60
    assert all(name in line and "\n" not in line for name, line in told)


def test_ffmpeg_writes_no_log_whoever_turned_it_on(clip):
    """Threads that write one may wait for each other forever."""
    av.logging.set_level(av.logging.ERROR)
    assert list(clip_frames(clip))
    assert av.logging.get_level() is None


def test_times_that_go_back_do_not_stop_the_rest(tmp_path):
    with av.open(str(draw(tmp_path / "clip.mkv"))) as source:
        packets = [packet for packet in source.demux(video=0) if packet.size]
        with av.open(str(tmp_path / "back.mp4"), "w") as out:
            stream = out.add_stream_from_template(source.streams.video[0])
            stream.codec_context.time_base = Fraction(1, 1000)
            for number, packet in enumerate(packets):
                packet.dts, packet.pts = 40 * number - 400, 40 * (number - 3 * (number == 5))
                packet.stream = stream
                out.mux(packet)
    kept(tmp_path / "back.mp4", tmp_path / "out.mkv")
    times = [frame.pts for frame in decoded(tmp_path / "out.mkv")]
    assert len(times) == 10
    assert times == sorted(times)


def film(count: int):
    """What a webcam gives, red, for `count` frames."""
    for number in range(count):
        yield 40 * number, np.full((64, 96, 3), (200, 30, 30), np.uint8)


LOOK = Look(Fraction(25), Fraction(1, 1000), Fraction(1), REC709)


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_what_a_webcam_films_is_tagged(tmp_path, suffix):
    target = tmp_path / f"out{suffix}"
    assert record(film(10), LOOK, target, unchanged(), lambda done: None) == 10
    frames = decoded(target)
    assert np.abs(shown(frames[0]) - (200, 30, 30)).max() <= 4
    assert [(frame.colorspace, frame.color_range) for frame in frames] == [(1, 1)] * 10


def test_two_webcams_or_one_on_a_full_disk_end_in_one_line(tmp_path):
    target = tmp_path / "out.mp4"

    def frames():
        with pytest.raises(UserError, match="written by another job"):
            record(film(1), LOOK, target, unchanged(), lambda done: None)
        yield from film(10)

    assert record(frames(), LOOK, target, unchanged(), lambda done: None) == 10
    assert len(decoded(target)) == 10
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write"):
        record(film(1), LOOK, tmp_path / "file" / "out.mp4", unchanged(), lambda done: None)
    with full_disk(500), pytest.raises(UserError, match="cannot write"):
        record(film(10), LOOK, tmp_path / "new.mp4", unchanged(), lambda done: None)
