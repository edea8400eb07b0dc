"""Preview sheets show every picture once, whole and at its height."""

import numpy as np
import pytest

from stylenet.callbacks.previews import sheet


def plain(colour: tuple[int, int, int], height: int = 60, width: int = 90) -> np.ndarray:
    return np.broadcast_to(np.array(colour, np.uint8), (height, width, 3))


@pytest.mark.parametrize("count", [1, 3, 4, 5])
def test_every_picture_is_there_once_and_whole(count: int):
    pairs = [(plain((10 * i, 0, 1)), plain((10 * i, 0, 2))) for i in range(count)]
    canvas = sheet(plain((200, 0, 0)), pairs, height=48)
    colours, areas = np.unique(canvas.reshape(-1, 3), axis=0, return_counts=True)
    found = {tuple(map(int, c)): int(a) for c, a in zip(colours, areas, strict=True)}
    found.pop((255, 255, 255))
    expected = {(200, 0, 0)} | {(10 * i, 0, j) for i in range(count) for j in (1, 2)}
    assert set(found) == expected
    assert set(found.values()) == {48 * 72}


def test_an_original_stands_left_of_its_stylised_picture():
    canvas = sheet(plain((200, 0, 0)), [(plain((1, 0, 0)), plain((2, 0, 0)))], height=48)
    columns = {value: np.argwhere(canvas[..., 0] == value)[:, 1].mean() for value in (200, 1, 2)}
    assert columns[200] < columns[1] < columns[2]
