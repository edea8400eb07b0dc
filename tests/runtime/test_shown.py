"""What a player shows of a result: the clip's colours, shape, times, sound and words."""

import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from footage import coded, decoded, draw, kept, shown

COLOURS = [(200, 30, 30), (60, 140, 50), (30, 60, 200), (235, 235, 235)]
HD = (1280, 720)


@pytest.mark.parametrize(
    ("tag", "matrix", "size", "full", "pixel_format"),
    [
        (1, 1, (96, 64), False, "yuv420p"),
        (6, 6, (96, 64), False, "yuv420p"),
        (5, 5, (96, 64), False, "yuv444p"),
        (9, 9, (96, 64), False, "yuv420p"),
        (6, 6, HD, False, "yuv420p"),
        (1, 1, (96, 64), True, "yuv420p"),
        (6, 6, (96, 64), True, "yuv444p"),
        (1, 1, (96, 64), False, "yuv420p10le"),
        (2, 6, (96, 64), False, "yuv420p"),
        (2, 1, HD, False, "yuv420p"),
        (2, 1, (1280, 64), False, "yuv420p"),
    ],
)
@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_colours_are_those_that_the_tags_say(
    tmp_path, suffix, tag, matrix, size, full, pixel_format
):
    clip = draw(
        tmp_path / "clip.mkv",
        range(0, 160, 40),
        frame=lambda number: coded(
            COLOURS[number], matrix, full=full, pixel_format=pixel_format, size=size
        ),
        codec="ffv1",
        size=size,
        pixel_format=pixel_format,
        colorspace=tag,
        color_range=2 if full else 1,
    )
    assert kept(clip, tmp_path / f"out{suffix}") == []
    frames = decoded(tmp_path / f"out{suffix}")
    for frame, colour in zip(frames, COLOURS, strict=True):
        assert np.abs(shown(frame) - colour).max() <= 4
        assert frame.colorspace == matrix
        assert frame.color_primaries in (1, 5, 6, 9)
        assert frame.color_trc in (1, 6, 14)


@pytest.mark.parametrize(
    ("codec", "pixel_format", "suffix"),
    [
        ("libx264rgb", "rgb24", ".mp4"),
        ("qtrle", "rgb24", ".mov"),
        ("ffv1", "gbrp10le", ".mkv"),
        ("mjpeg", "yuvj444p", ".avi"),
        ("prores_ks", "yuv422p10le", ".mov"),
    ],
)
def test_colours_of_rgb_and_of_other_formats(tmp_path, codec, pixel_format, suffix):
    clip = draw(
        tmp_path / f"clip{suffix}",
        range(4),
        Fraction(1, 25),
        frame=lambda number: np.full((64, 96, 3), COLOURS[number], np.uint8),
        codec=codec,
        pixel_format=pixel_format,
    )
    assert kept(clip, tmp_path / "out.mp4") == []
    for frame, colour in zip(decoded(tmp_path / "out.mp4"), COLOURS, strict=True):
        assert np.abs(shown(frame) - colour).max() <= 5  # two codecs


def test_tags_of_a_wide_gamut_are_kept(tmp_path):
    """Display P3: its numbers mean other colours than those of BT.709."""
    clip = draw(tmp_path / "clip.mp4", colorspace=1, color_primaries=12, color_trc=13)
    kept(clip, tmp_path / "out.mp4")
    frame = decoded(tmp_path / "out.mp4")[0]
    assert (frame.colorspace, frame.color_primaries, frame.color_trc) == (1, 12, 13)


def test_what_is_transparent_is_black_and_named(tmp_path):
    def frame(_: int):
        rgba = np.full((64, 96, 4), (200, 40, 90, 255), np.uint8)
        rgba[:32, :, 3] = 0
        return av.VideoFrame.from_ndarray(rgba, format="rgba")

    clip = draw(tmp_path / "clip.mov", frame=frame, codec="qtrle", pixel_format="argb")
    [warning] = kept(clip, tmp_path / "out.mp4")
    assert "transparency" in warning
    picture = shown(decoded(tmp_path / "out.mp4")[0])
    assert picture[:30].max() < 3
    assert np.abs(picture[34:] - (200, 40, 90)).max() <= 4


@pytest.mark.parametrize("transfer", [16, 18])
def test_hdr_white_is_no_grey(tmp_path, transfer):
    """Diffuse white, 58 % of PQ and 75 % of HLG (ITU-R BT.2408), is near 235; black is black."""
    white = 255 * (0.58 if transfer == 16 else 0.75)

    def frame(number: int):
        grey = [0, white, 255][number]
        return coded([grey] * 3, 9, full=False, pixel_format="yuv420p10le")

    clip = draw(
        tmp_path / "clip.mkv",
        range(0, 120, 40),
        frame=frame,
        codec="libx265",
        pixel_format="yuv420p10le",
        options={"x265-params": "log-level=none"},
        colorspace=9,
        color_primaries=9,
        color_trc=transfer,
        color_range=1,
    )
    [warning] = kept(clip, tmp_path / "out.mp4")
    assert "HDR" in warning
    frames = decoded(tmp_path / "out.mp4")
    assert [shown(frame).mean() for frame in frames] == pytest.approx([0, 235, 255], abs=3)
    assert {(f.colorspace, f.color_primaries, f.color_trc) for f in frames} == {(1, 1, 1)}


CORNERS = np.array([[(200, 30, 30), (60, 140, 50)], [(30, 60, 200), (235, 235, 235)]], np.uint8)
"""Of a picture, to see how it lies."""

ONE = 1 << 16


@pytest.mark.parametrize(
    ("matrix", "upright"),
    [
        ((ONE, 0, 0, ONE), CORNERS),
        ((-ONE, 0, 0, ONE), CORNERS[:, ::-1]),
        ((ONE, 0, 0, -ONE), CORNERS[::-1]),
        ((-ONE, 0, 0, -ONE), CORNERS[::-1, ::-1]),
        ((0, ONE, -ONE, 0), np.rot90(CORNERS, -1)),  # as a phone that is held upright films
        ((0, -ONE, ONE, 0), np.rot90(CORNERS)),
        ((0, ONE, ONE, 0), CORNERS.transpose(1, 0, 2)),
        ((0, -ONE, -ONE, 0), np.rot90(CORNERS, 2).transpose(1, 0, 2)),
    ],
)
def test_a_clip_is_turned_and_mirrored_as_it_says(tmp_path, matrix, upright):
    a, b, c, d = matrix
    clip = draw(
        tmp_path / "clip.mp4",
        frame=lambda _: CORNERS.repeat(32, 0).repeat(48, 1),
        prepare=lambda _, video: video.set_display_matrix([a, b, 0, c, d, 0, 0, 0, 1 << 30]),
        sample_aspect_ratio=Fraction(4, 3),
    )
    kept(clip, tmp_path / "out.mp4")
    frame = decoded(tmp_path / "out.mp4")[0]
    assert "DISPLAYMATRIX" not in [data.type.name for data in frame.side_data]
    rgb = shown(frame)
    height, width = rgb.shape[:2]
    assert (height, width) == ((64, 96) if a else (96, 64))
    found = rgb[height // 4 :: height // 2, width // 4 :: width // 2]
    assert np.abs(found - upright).max() <= 4
    with av.open(str(tmp_path / "out.mp4")) as out:
        aspect = out.streams.video[0].sample_aspect_ratio
    assert aspect == (Fraction(4, 3) if a else Fraction(3, 4))


def test_webm_whose_pixels_are_square_shows_the_same_shape(tmp_path):
    clip = draw(tmp_path / "clip.mp4", sample_aspect_ratio=Fraction(2))
    kept(clip, tmp_path / "out.webm")
    frame = decoded(tmp_path / "out.webm")[0]
    assert (frame.width, frame.height) == (192, 64)


def test_frames_of_another_size_are_shown_whole(tmp_path):
    """An MJPEG stream may change: here from wide to tall."""
    wide, tall = (
        draw(
            tmp_path / f"{size[0]}.avi",
            range(3),
            Fraction(1, 25),
            frame=lambda _, size=size: np.full((size[1], size[0], 3), (60, 140, 50), np.uint8),
            codec="mjpeg",
            pixel_format="yuvj420p",
            size=size,
        )
        for size in ((96, 64), (64, 96))
    )
    with av.open(str(tmp_path / "clip.mkv"), "w") as out, av.open(str(wide)) as first:
        stream = out.add_stream_from_template(first.streams.video[0])
        for path, start in ((wide, 0), (tall, 3)):
            with av.open(str(path)) as source:
                for packet in source.demux(video=0):
                    if packet.size:
                        packet.pts = packet.dts = packet.dts + start
                        packet.stream = stream
                        out.mux(packet)
    kept(tmp_path / "clip.mkv", tmp_path / "out.mp4")
    frames = decoded(tmp_path / "out.mp4")
    assert [(frame.width, frame.height) for frame in frames] == [(96, 64)] * 6
    last = shown(frames[-1])
    assert last[:, :24].max() < 20  # tall: 43 of 96 columns
    assert last[:, -24:].max() < 20
    assert np.abs(last[4:-4, 32:64] - (60, 140, 50)).max() < 6


def seconds(path: Path) -> tuple[float, list[float], Fraction]:
    """Duration, the frames' times, and the average rate."""
    with av.open(str(path)) as clip:
        times = [float(frame.pts * frame.time_base) for frame in clip.decode(video=0)]
        return clip.duration / 1e6, times, clip.streams.video[0].average_rate


SOURCES = {
    "mp4": {"name": "clip.mp4"},
    "matroska": {"name": "clip.mkv"},
    "webm": {"name": "clip.webm", "codec": "libvpx-vp9"},
    "transport stream": {"name": "clip.mp4", "format": "mpegts"},
    "reordered": {"name": "clip.mkv", "options": {"bf": "3"}},
    "later": {"name": "clip.mkv", "start": 10000},
    "avi": {"name": "clip.avi", "codec": "mpeg4"},
    "reordered avi": {"name": "clip.avi", "options": {"bf": "3"}},
}


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
@pytest.mark.parametrize("source", SOURCES)
def test_two_seconds_stay_two_seconds(tmp_path, source, suffix):
    options = dict(SOURCES[source])
    path, start = tmp_path / options.pop("name"), options.pop("start", 0)
    unit = Fraction(1, 25) if path.suffix == ".avi" else Fraction(1, 1000)
    ticks = round(Fraction(1, 25) / unit)
    clip = draw(path, [start + ticks * n for n in range(50)], unit, **options)
    assert kept(clip, tmp_path / f"out{suffix}") == []
    duration, times, rate = seconds(tmp_path / f"out{suffix}")
    assert duration == pytest.approx(2, abs=1e-3)
    assert times == pytest.approx([n / 25 for n in range(50)], abs=1e-3)
    assert rate == 25


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
def test_uneven_times_are_kept(tmp_path, suffix):
    times = [0, 33, 100, 101, 500, 1000, 1500]
    clip = draw(tmp_path / "clip.mkv", times, rate=10)
    kept(clip, tmp_path / f"out{suffix}")
    duration, after, _ = seconds(tmp_path / f"out{suffix}")
    assert after == pytest.approx([time / 1000 for time in times])
    assert duration == pytest.approx(1.6)


def test_a_rate_that_is_no_whole_number_is_kept(tmp_path):
    rate = Fraction(30000, 1001)
    clip = draw(tmp_path / "clip.mp4", range(30), 1 / rate, rate=rate)
    for suffix in (".mp4", ".mkv", ".webm"):
        kept(clip, tmp_path / f"out{suffix}")
        duration, _, after = seconds(tmp_path / f"out{suffix}")
        assert after == rate
        assert duration == pytest.approx(1.001, abs=1e-3)


def with_sound(out, _) -> None:
    """Two tracks, English and French, the second one titled; words about the whole; chapters."""
    for language, title in (("eng", ""), ("fre", "Commentaire")):
        track = out.add_stream("aac", rate=44100, layout="mono")
        track.metadata.update({"language": language} | ({"title": title} if title else {}))
    out.metadata.update({"title": "Holiday", "date": "2020-05-01", "artist": "Ada"})
    half = {"time_base": Fraction(1, 1000), "start": 0, "end": 200, "metadata": {"title": "One"}}
    out.set_chapters([{"id": 1, **half}, {"id": 2, **half, "start": 200, "end": 400}])


def finish_sound(out) -> None:
    tone = np.sin(np.arange(17640) / 20).astype(np.float32)[None]
    for track in out.streams.audio:
        frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
        frame.sample_rate = 44100
        out.mux(track.encode(frame))
        out.mux(track.encode())


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("source", [".mp4", ".mkv"])
def test_every_track_and_word_is_kept(tmp_path, source, suffix):
    clip = draw(tmp_path / f"clip{source}", prepare=with_sound, finish=finish_sound)
    assert kept(clip, tmp_path / f"out{suffix}") == []
    with av.open(str(clip)) as before, av.open(str(tmp_path / f"out{suffix}")) as out:
        assert [track.language for track in out.streams.audio] == ["eng", "fre"]
        assert "Commentaire" in out.streams.audio[1].metadata.values()
        words = {key.lower(): value for key, value in out.metadata.items()}
        assert (words["title"], words["date"], words["artist"]) == ("Holiday", "2020-05-01", "Ada")
        assert [chapter["metadata"]["title"] for chapter in out.chapters()] == ["One", "One"]
        sounds = [
            [
                [bytes(packet) for packet in file.demux(audio=track) if packet.size]
                for file in (before, out)
                if not file.seek(0)
            ]
            for track in (0, 1)
        ]
        assert all(old == new for old, new in sounds)


def test_sound_in_mov_keeps_its_language_in_the_code_that_mov_has(tmp_path):
    clip = draw(tmp_path / "clip.mkv", prepare=with_sound, finish=finish_sound)
    assert kept(clip, tmp_path / "out.mov") == []
    with av.open(str(tmp_path / "out.mov")) as out:
        assert [track.language for track in out.streams.audio] == ["eng", "fra"]


def test_sound_that_webm_cannot_hold_is_encoded_anew_and_that_is_named(tmp_path):
    clip = draw(tmp_path / "clip.mp4", prepare=with_sound, finish=finish_sound)
    [warning] = kept(clip, tmp_path / "out.webm")
    assert warning.count("encoded anew") == 2
    heard = []
    for path in (clip, tmp_path / "out.webm"):
        with av.open(str(path)) as file:
            assert [track.language for track in file.streams.audio] == ["eng", "fre"]
            rate = file.streams.audio[1].rate
            sound = np.concatenate([f.to_ndarray().mean(0) for f in file.decode(audio=1)])
            heard.append((len(sound) / rate, np.abs(sound).mean()))
    assert heard[1] == pytest.approx(heard[0], rel=0.05)


def test_what_the_target_cannot_hold_is_named_in_one_line(tmp_path):
    text = av.open(io.BytesIO(b"1\n00:00:00,000 --> 00:00:00,300\nHallo\n\n"), format="srt")

    def prepare(out, _) -> None:
        out.add_stream_from_template(text.streams[0]).metadata["language"] = "ger"
        out.add_attachment("font.ttf", "font/ttf", b"1234")
        out.metadata.update({"title": "Holiday", "mood": "blue"})

    def finish(out) -> None:
        packet = next(text.demux(subtitles=0))
        packet.stream = out.streams.subtitles[0]
        out.mux(packet)

    clip = draw(tmp_path / "clip.mkv", prepare=prepare, finish=finish)
    [warning] = kept(clip, tmp_path / "out.mp4")
    for part in ("subtitle track 1 (srt, ger)", "attachment track 2", "tag MOOD"):
        assert part in warning
    assert "Holiday" not in warning
    assert kept(clip, tmp_path / "out.mkv") == []
    with av.open(str(tmp_path / "out.mkv")) as out:
        texts = [bytes(packet) for packet in out.demux(subtitles=0) if packet.size]
        assert texts == [b"Hallo"]
        assert [track.type for track in out.streams] == ["video", "subtitle", "attachment"]


def test_a_clip_that_is_cut_off_is_named(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (50, 64, 96, 3))
    clip = draw(tmp_path / "whole.mkv", range(0, 2000, 40), frame=lambda n: noise[n])
    cut = tmp_path / "clip.mkv"
    cut.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    [warning] = kept(cut, tmp_path / "out.mp4")
    duration, times, _ = seconds(tmp_path / "out.mp4")
    assert duration == pytest.approx(len(times) / 25)
    assert f"the last {2 - duration:.1f} s" in warning
