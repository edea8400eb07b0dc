"""What nets see of a clip: windows, results before, and the ends."""

import numpy as np
import pytest

from stylenet.runtime.clips import ClipNet, ClipStylizer, per_frame, windows
from stylenet.runtime.postprocess import Postprocess
from stylenet.system.errors import UserError


@pytest.mark.parametrize(
    ("count", "seen"),
    [
        (0, []),
        (1, ["aaaaa"]),
        (2, ["aaabb", "aabbb"]),
        (6, ["aaabc", "aabcd", "abcde", "bcdef", "cdeff", "defff"]),
    ],
)
def test_every_frame_has_a_window_and_the_ends_are_repeated(count: int, seen: list[str]):
    assert ["".join(window) for window in windows("abcdef"[:count], 2)] == seen
    assert ["".join(window) for window in windows("abcdef"[:count], 0)] == list("abcdef"[:count])


def test_a_recurrent_net_gets_its_own_result_before_whatever_is_done_to_it():
    befores = []

    def run(window, previous):
        befores.append(previous)
        return window[0] + 1

    frames = [np.full((40, 48, 3), 10 * n, np.uint8) for n in range(3)]
    stylizer = ClipStylizer(ClipNet(run, recurrent=True), postprocess=Postprocess(strength=0))
    results = [stylizer([frame]) for frame in frames]
    assert all(np.array_equal(*pair) for pair in zip(results, frames, strict=True))
    assert befores[0] is None
    assert [before.mean() for before in befores[1:]] == [1, 11]


def test_frames_are_fitted_and_too_small_ones_are_named():
    stylizer = ClipStylizer(per_frame(lambda rgb: rgb), size=64)
    assert stylizer.fitted(np.zeros((100, 200, 3), np.uint8)).shape == (32, 64, 3)
    with pytest.raises(UserError, match="--size"):
        stylizer.fitted(np.zeros((100, 400, 3), np.uint8))
