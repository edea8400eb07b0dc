"""What goes along with the pictures of a clip: chapters, and sound that lies in many ways."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from footage import draw, kept

from stylenet.runtime.clips import ClipStylizer, per_frame
from stylenet.runtime.stylize_clip import stylize_clip
from stylenet.system.errors import UserError

RATE = 48000
COUNT = 19200
"""Samples: as long as the pictures of `draw`."""


def untouched(_: np.ndarray) -> np.ndarray:
    raise AssertionError("a frame was stylised")


def chapters(path: Path) -> list[tuple[str, Fraction, Fraction]]:
    with av.open(str(path)) as file:
        return [
            (
                each["metadata"]["title"],
                each["start"] * each["time_base"],
                each["end"] * each["time_base"],
            )
            for each in file.chapters()
        ]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
@pytest.mark.parametrize("start", [80, 2000])
def test_a_chapter_that_begins_before_the_pictures_begins_with_them(tmp_path, start, suffix):
    def prepare(out, _) -> None:
        ends = [(0, start + 160), (start + 160, start + 400)]
        unit = Fraction(1, 1000)
        out.set_chapters(
            [
                {"id": n, "time_base": unit, "start": a, "end": b, "metadata": {"title": f"No {n}"}}
                for n, (a, b) in enumerate(ends, 1)
            ]
        )

    clip = draw(tmp_path / "clip.mkv", range(start, start + 400, 40), prepare=prepare)
    assert kept(clip, tmp_path / f"out{suffix}") == []
    first, second = chapters(tmp_path / f"out{suffix}")
    assert first == ("No 1", 0, Fraction(160, 1000))
    assert second == ("No 2", Fraction(160, 1000), Fraction(400, 1000))


def test_a_chapter_of_which_nothing_is_shown_is_named(tmp_path):
    def prepare(out, _) -> None:
        unit = Fraction(1, 1000)
        title = {"title": "Before"}
        out.set_chapters([{"id": 1, "time_base": unit, "start": 0, "end": 900, "metadata": title}])

    clip = draw(tmp_path / "clip.mkv", range(2000, 2400, 40), prepare=prepare)
    [warning] = kept(clip, tmp_path / "out.mkv")
    assert warning.endswith("chapters")
    assert chapters(tmp_path / "out.mkv") == []


def with_tones(path: Path, codec: str, layout: str) -> Path:
    """A clip whose channels have a tone each, of 200 Hz, 300 Hz, and so on."""

    def prepare(out, _) -> None:
        out.add_stream(codec, rate=RATE, layout=layout)

    def finish(out) -> None:
        [track] = out.streams.audio
        tones = 200 + 100 * np.arange(av.AudioLayout(layout).nb_channels)
        times = np.arange(COUNT)[:, None] / RATE
        values = 0.2 * np.sin(2 * np.pi * tones * times).astype(np.float32)
        sound = av.AudioFrame.from_ndarray(values.reshape(1, -1), format="flt", layout=layout)
        sound.sample_rate = RATE
        to_format = av.AudioResampler(track.format.name, layout, RATE)
        samples = av.AudioFifo()
        for frame in to_format.resample(sound):
            frame.pts = None
            samples.write(frame)
        while frame := samples.read(track.codec_context.frame_size or 1024, partial=True):
            out.mux(track.encode(frame))
        out.mux(track.encode())

    return draw(path, prepare=prepare, finish=finish)


def tones(path: Path) -> tuple[str, list[int]]:
    """The codec of a clip's sound, and the strongest tone of each channel, in Hz to the next ten;
    0 for a channel that is silent."""
    with av.open(str(path)) as file:
        [track] = file.streams.audio
        packed = av.AudioResampler("flt", track.layout, RATE)
        frames = [new for frame in file.decode(audio=0) for new in packed.resample(frame)]
        values = np.concatenate([frame.to_ndarray() for frame in frames], 1)
        sound = values.reshape(-1, track.layout.nb_channels).T[:, 4800:14400]
        name = track.codec_context.name
    spectra = np.abs(np.fft.rfft(sound))
    hertz = np.fft.rfftfreq(sound.shape[1], 1 / RATE)[spectra.argmax(1)]
    loud = np.abs(sound).max(1) > 0.01
    return name, [round(float(tone), -1) if ok else 0 for tone, ok in zip(hertz, loud, strict=True)]


ALL = [200.0 + 100 * number for number in range(16)]


@pytest.mark.parametrize("layout", ["mono", "stereo", "5.1", "7.1"])
@pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_s24le", "pcm_f32le"])
@pytest.mark.parametrize("source", [".mkv", ".mov"])
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_pcm_is_copied(tmp_path, source, suffix, codec, layout):
    clip = with_tones(tmp_path / f"clip{source}", codec, layout)
    assert kept(clip, tmp_path / f"out{suffix}") == []
    channels = av.AudioLayout(layout).nb_channels
    assert tones(tmp_path / f"out{suffix}") == (codec, ALL[:channels])


def test_sound_that_fails_at_the_end_of_a_file_is_named_before_any_frame(tmp_path):
    """Nobody knows how sixteen channels lie."""
    clip = with_tones(tmp_path / "clip.mkv", "pcm_s16le", "hexadecagonal")
    words = r"clip\.mkv has sound \(pcm_s16le\) that \.mp4 cannot hold; use \.mkv"
    with pytest.raises(UserError, match=words):
        stylize_clip(clip, tmp_path / "out.mp4", ClipStylizer(per_frame(untouched)), {})
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mkv"]
    assert kept(clip, tmp_path / "out.mkv") == []
    assert tones(tmp_path / "out.mkv") == ("pcm_s16le", ALL)


@pytest.mark.parametrize(
    ("codec", "layout", "heard"),
    [
        ("aac", "mono", ALL[:1]),
        ("aac", "stereo", ALL[:2]),
        ("aac", "3.0", [*ALL[:3], 0, 0, 0]),
        ("pcm_s16le", "5.0", [*ALL[:3], 0, *ALL[3:5]]),
        ("aac", "5.1", [*ALL[:3], 0, *ALL[4:6]]),  # whose fourth channel is for low tones only
        ("pcm_s16le", "5.1", ALL[:6]),
        ("pcm_s16le", "5.1(side)", ALL[:6]),
        ("pcm_s16le", "7.1", ALL[:8]),
    ],
)
def test_webm_has_every_channel_in_its_place(tmp_path, codec, layout, heard):
    clip = with_tones(tmp_path / "clip.mkv", codec, layout)
    [warning] = kept(clip, tmp_path / "out.webm")
    assert warning.endswith(f"audio track 1 ({codec}) as it was (it is encoded anew)")
    assert tones(tmp_path / "out.webm") == ("opus", heard)


def test_channels_beyond_those_of_webm_are_mixed_and_that_is_named(tmp_path):
    clip = with_tones(tmp_path / "clip.mkv", "pcm_s16le", "hexadecagonal")
    [warning] = kept(clip, tmp_path / "out.webm")
    assert "the 16 channels of audio track 1 (pcm_s16le) (it is mixed to 8)" in warning
    with av.open(str(tmp_path / "out.webm")) as out:
        assert out.streams.audio[0].layout.name == "7.1"
