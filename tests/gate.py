"""A gate before runs of nets, for tests of what waits."""

from threading import Event

import numpy as np


class Gate:
    """Holds every run of a net until it is opened, and notes the shapes of runs."""

    def __init__(self) -> None:
        self.began, self.open = Event(), Event()
        self.shapes: list[tuple[int, ...]] = []

    def __call__(self, rgb: np.ndarray) -> None:
        self.began.set()
        self.shapes.append(rgb.shape)
        assert self.open.wait(30)
