"""Items that a thread computes in advance: their order, how many, errors, and the end."""

import threading
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

import numpy as np
import pytest
from footage import draw

from stylenet.runtime.ahead import AHEAD, ahead
from stylenet.runtime.clips import ClipNet, ClipStylizer
from stylenet.runtime.stylize_clip import stylize_clip
from stylenet.system.errors import UserError


@pytest.mark.parametrize("length", [0, 1, AHEAD, 20])
def test_items_keep_their_order(length: int):
    with ahead(range(length)) as items:
        assert list(items) == list(range(length))


def test_no_more_than_asked_for_is_computed():
    begun: list[int] = []
    with ahead(begun.append(number) or number for number in count()) as items:
        for number in islice(items, 10):
            assert len(begun) <= number + 1 + AHEAD
    assert len(begun) <= 10 + AHEAD  # nor after the end of the block, which waits for the thread


def test_an_item_is_computed_while_the_one_before_is_used():
    used = threading.Event()

    def items() -> Iterator[bool]:
        yield True
        yield used.wait(60)  # which the reader of the first item sets

    with ahead(items()) as found:
        assert next(found)
        used.set()
        assert next(found)


@pytest.mark.parametrize("kind", [UserError, KeyboardInterrupt, MemoryError])
def test_an_error_is_raised_in_its_place_and_leaves_no_thread(kind: type[BaseException]):
    def items() -> Iterator[int]:
        yield 0
        raise kind("told")

    before = threading.active_count()
    with pytest.raises(kind, match="told"), ahead(items()) as found, ahead(found) as again:  # noqa: PT012
        assert next(again) == 0
        next(again)
    assert threading.active_count() == before


def test_the_stages_of_a_clip_work_at_the_same_time(tmp_path: Path):
    """A net gets the third frame before the first one is reported as written."""
    third, seen = threading.Event(), []

    def net(window, _):
        seen.append(1)
        if len(seen) == 3:
            third.set()
        return np.ascontiguousarray(window[0])

    def report(done: int, total: int) -> None:
        assert third.wait(60)

    clip = draw(tmp_path / "clip.mp4")
    assert stylize_clip(clip, tmp_path / "out.mp4", ClipStylizer(ClipNet(net)), {}, report) == 10


@pytest.mark.parametrize("stage", ["net", "report"])
def test_an_error_of_any_stage_ends_all(tmp_path: Path, stage: str):
    clip, before = draw(tmp_path / "clip.mp4"), threading.active_count()

    def fails(*_: object) -> np.ndarray:
        raise UserError("this stage fails")

    net = fails if stage == "net" else lambda window, _: window[0]
    report = fails if stage == "report" else lambda done, total: None
    with pytest.raises(UserError, match="this stage fails"):
        stylize_clip(clip, tmp_path / "out.mp4", ClipStylizer(ClipNet(net)), {}, report)
    assert threading.active_count() == before
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]
