"""Clips of known flow, warp errors of nets that are known, and flow that is estimated."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import shift as shifted
from sklearn.datasets import load_sample_image

from stylenet.evaluate import judge_clips
from stylenet.evaluation.camera import CAMERAS, FRAMES, GAPS, SIDE, Clip, film, noisy
from stylenet.evaluation.clip_benchmark import VideoBenchmark, strip
from stylenet.evaluation.footage import consistent, footage
from stylenet.evaluation.gallery import Gallery
from stylenet.evaluation.inputs import Input
from stylenet.evaluation.judge import Judge
from stylenet.evaluation.stability import warp_error
from stylenet.evaluation.subjects import Subject
from stylenet.losses.temporal import inside
from stylenet.runtime.clips import ClipNet, per_frame
from stylenet.system.errors import UserError

PHOTO = Input("flower", "12ab", lambda: load_sample_image("flower.jpg"))


@pytest.fixture(scope="module", params=CAMERAS)
def clip(request: pytest.FixtureRequest) -> Clip:
    return film(PHOTO, request.param)


def test_frames_of_a_moving_camera_warp_onto_each_other(clip):
    """The photo's own error is that of interpolation and of rounding to bytes."""
    assert len(clip.frames) == FRAMES
    assert clip.frames[0].shape == (SIDE, SIDE, 3)
    assert np.abs(clip.frames[0].astype(int) - clip.frames[10]).mean() > 5
    for gap in GAPS:
        assert warp_error(clip, clip.frames, gap) < 0.012


def test_the_mask_leaves_most_of_the_picture(clip):
    for later, earlier in ((1, 0), (FRAMES - 1, FRAMES - 11)):
        _, mask = clip.flow(later, earlier)
        assert 0.7 < mask.mean() <= 1


def test_what_does_not_move_with_the_photo_has_an_error(clip):
    still = [clip.frames[0]] * FRAMES
    assert warp_error(clip, still, 10) > 5 * warp_error(clip, clip.frames, 10)
    assert warp_error(clip, still, 10) > warp_error(clip, still, 1)


def test_flat_frames_that_pulse_have_the_error_of_their_step():
    clip = film(PHOTO, "pan")
    pulse = [np.full((SIDE, SIDE, 3), 100 + 51 * (time % 2), np.uint8) for time in range(FRAMES)]
    assert warp_error(clip, pulse, 1) == pytest.approx(0.2)
    assert warp_error(clip, pulse, 10) == pytest.approx(0, abs=1e-6)


def test_noise_is_of_each_frame_and_the_same_each_time():
    frames = [np.full((64, 64, 3), 128, np.uint8)] * 2
    first, second = noisy(frames, 4)
    assert (first.astype(float) - 128).std() == pytest.approx(4, rel=0.05)
    assert not np.array_equal(first, second)
    assert np.array_equal(first, noisy(frames, 4)[0])


def test_a_clip_without_any_flow_has_no_error():
    frames = [np.zeros((64, 64, 3), np.uint8)] * 2
    assert warp_error(Clip("cuts", frames, {1: [(1, 0)]}, lambda *_: None), frames, 1) is None


def test_a_flow_is_consistent_where_the_way_back_ends_at_the_start():
    there = torch.full((1, 2, 32, 40), 3.0)
    back = torch.full((1, 2, 32, 40), -3.0)
    back[..., 20:] = 2.0
    mask = consistent(there, back)
    assert torch.equal(mask[..., :17], inside(there)[..., :17])
    assert not mask[..., 17:].any()


def write(path: Path, frames: list[np.ndarray]) -> Path:
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=24, options={"crf": "10"})
        stream.width, stream.height = frames[0].shape[1], frames[0].shape[0]
        stream.pix_fmt = "yuv420p"
        for rgb in frames:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        out.mux(stream.encode())
    return path


def test_the_flow_of_a_real_clip_is_found(tmp_path: Path):
    """A clip that pans by 1.5 pixels a frame; 2 at a shorter side of 256."""
    image = Image.fromarray(load_sample_image("flower.jpg")).resize((320, 213))
    photo = np.asarray(image).astype(float)
    moved = [shifted(photo, (0, -1.5 * time, 0), order=1, mode="nearest") for time in range(13)]
    frames = [rgb[10:202, 20:276].clip(0, 255).round().astype(np.uint8) for rgb in moved]
    clip = footage(write(tmp_path / "clip.mp4", frames))
    assert min(clip.frames[0].shape[:2]) == SIDE
    flow, mask = clip.flow(1, 0)
    assert mask.mean() > 0.8
    assert flow[:, 0][mask[:, 0] > 0].median() == pytest.approx(2, abs=0.3)
    assert flow[:, 1][mask[:, 0] > 0].median() == pytest.approx(0, abs=0.3)


def test_a_short_clip_and_no_clip_are_named(tmp_path: Path):
    frames = [np.zeros((64, 64, 3), np.uint8)] * 5
    with pytest.raises(UserError, match="has 5 frames"):
        footage(write(tmp_path / "clip.mp4", frames))
    with pytest.raises(UserError, match=r"gone\.mp4"):
        footage(tmp_path / "gone.mp4")


def test_a_net_that_keeps_half_of_what_was_is_told_from_one_that_does_nothing():
    """Both on one clip, as the command judges them."""

    def half(window, previous):
        return window[0] if previous is None else window[0] // 2 + previous // 2

    def subject(name: str, net: ClipNet) -> Subject:
        return Subject(name, [], net.run, net, None, lambda: PHOTO)

    subjects = [
        subject("nothing", per_frame(lambda rgb: rgb)),
        subject("half", ClipNet(half, recurrent=True)),
    ]
    gallery = Gallery()
    clips = [partial(film, PHOTO, "pan")]
    nothing, trailing = judge_clips(
        VideoBenchmark(Judge()), clips, subjects, [[PHOTO], [PHOTO]], gallery
    )
    [clean], [blurred] = nothing, trailing
    assert clean["photo"] == "flower pan"
    assert clean["loss"]["content"] == 0
    assert blurred["loss"]["content"] > 0.05
    assert clean["warp"]["noisy"]["gap 1"] > blurred["warp"]["noisy"]["gap 1"]
    assert clean["warp"]["noisy"]["gap 1"] == pytest.approx(2**0.5 * 4 / 255, rel=0.2)
    [(name, pictures)] = gallery.rows
    assert name == "flower pan"
    assert len(pictures) == 3


def test_a_strip_shows_two_frames_and_how_they_differ_but_for_the_motion():
    clip = film(PHOTO, "pan")
    shown = strip(clip, clip.frames)
    assert shown.shape == (SIDE, 3 * SIDE, 3)
    assert np.array_equal(shown[:, SIDE : 2 * SIDE], clip.frames[FRAMES // 2])
    inside = shown[4:-4, 2 * SIDE + 4 : -4].astype(float) - 128
    assert np.abs(inside).mean() < 8  # two levels, four times as strong
    pulse = [np.full((SIDE, SIDE, 3), 100 + 10 * (time % 2), np.uint8) for time in range(FRAMES)]
    assert (strip(clip, pulse)[:, 2 * SIDE :] == 128 - 40).all()
