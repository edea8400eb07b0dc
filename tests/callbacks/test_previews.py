"""Preview sheets show every picture once, whole and at its height."""

import numpy as np
import pytest

from stylenet.callbacks.previews import sheet


def plain(colour: tuple[int, int, int], height: int = 60, width: int = 90) -> np.ndarray:
    return np.broadcast_to(np.array(colour, np.uint8), (height, width, 3))


def pairs(count: int) -> list[tuple[str, np.ndarray, np.ndarray]]:
    return [(f"photo {i}", plain((10 * i, 0, 1)), plain((10 * i, 0, 2))) for i in range(count)]


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5])
def test_every_picture_is_there_once_and_whole(count: int):
    canvas = sheet(plain((200, 0, 3)), pairs(count), height=48)
    colours, areas = np.unique(canvas.reshape(-1, 3), axis=0, return_counts=True)
    found = {tuple(map(int, c)): int(a) for c, a in zip(colours, areas, strict=True)}
    found = {colour: area for colour, area in found.items() if len(set(colour)) > 1}  # no greys
    expected = {(200, 0, 3)} | {(10 * i, 0, j) for i in range(count) for j in (1, 2)}
    assert set(found) == expected
    assert set(found.values()) == {48 * 72}


def test_an_original_stands_left_of_its_stylised_picture():
    canvas = sheet(plain((200, 0, 3)), [("a", plain((1, 0, 7)), plain((2, 0, 7)))], height=48)
    columns = {value: np.argwhere(canvas[..., 0] == value)[:, 1].mean() for value in (200, 1, 2)}
    assert columns[200] < columns[1] < columns[2]


def test_no_corner_is_empty():
    """The last row may hold one cell. Its middle is the middle of the sheet."""
    canvas = sheet(plain((200, 0, 3)), pairs(2), height=48)
    last = np.argwhere((canvas[..., 0] == 10) & (canvas[..., 2] > 0))[:, 1]
    assert (last.min() + last.max()) / 2 == pytest.approx(canvas.shape[1] / 2, abs=1)


def test_a_caption_stands_below_each_picture():
    plain_sheet, named = (
        sheet(plain((200, 0, 3)), [(name, plain((1, 0, 7)), plain((2, 0, 7)))], height=48)
        for name in ("", "flower")
    )
    rows, _ = np.nonzero((plain_sheet != named).any(-1))
    assert rows.min() >= 48
    assert len(np.unique(rows)) > 5
