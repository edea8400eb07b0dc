"""Nets for clips: a net sees one frame, a window of frames, or a frame and the result before."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TypeVar

import numpy as np

from stylenet.pictures.images import Bytes
from stylenet.runtime.postprocess import Postprocess
from stylenet.runtime.preprocess import prepare
from stylenet.runtime.regions import Grey, compose, cover
from stylenet.system.memory import out_of_memory_names

T = TypeVar("T")


@dataclass(frozen=True)
class ClipNet:
    """A net that stylises the frames of a clip.

    run: takes 2·receptive_radius + 1 frames, centred on the frame to stylise, and the result for
        the frame before (None for the first frame). All are uint8 (H, W, 3), the new result, too.
    receptive_radius: number of frames that the net sees on each side of the frame to stylise. The
        first and last frame of the clip are repeated beyond its ends.
    recurrent: whether the net uses the result for the frame before.
    """

    run: Callable[[Sequence[Bytes], Bytes | None], Bytes]
    receptive_radius: int = 0
    recurrent: bool = False

    def __call__(self, frames: Iterable[Bytes]) -> Iterator[Bytes]:
        """Stylise the frames of a clip, in order."""
        previous = None
        for window in windows(frames, self.receptive_radius):
            previous = self.run(window, previous)
            yield previous


def per_frame(net: Callable[[Bytes], Bytes]) -> ClipNet:
    """Apply a net for photos to each frame by itself."""
    return ClipNet(partial(_alone, net))


def _alone(net: Callable[[Bytes], Bytes], window: Sequence[Bytes], previous: Bytes | None) -> Bytes:
    return net(window[0])


@dataclass
class ClipStylizer:
    """Stylises the frames of one clip, in order.

    size: longer side of the results in pixels; None keeps the size of the clip. postprocess: steps
    after the net. previous: the net's last result, before these steps; None at the start.
    """

    net: ClipNet
    size: int | None = None
    postprocess: Postprocess = Postprocess()  # noqa: RUF009  # frozen
    previous: Bytes | None = None

    @property
    def receptive_radius(self) -> int:
        """Number of frames that the net sees on each side of the frame to stylise."""
        return self.net.receptive_radius

    @property
    def state(self) -> Bytes | None:
        """The last result of a recurrent net, to resume from; None for any other net."""
        return self.previous if self.net.recurrent else None

    def go_on(self, frame: int, state: Bytes | None) -> None:
        """Resume at frame number `frame`, with the `state` after the frame before it."""
        self.previous = state

    def fitted(self, rgb: Bytes) -> Bytes:
        """A frame scaled to `size`, uint8 (H, W, 3).

        Raises:
            UserError: a side is, or becomes, below 32 pixels.
        """
        return prepare(rgb, self.size).rgb

    def __call__(self, window: Sequence[Bytes]) -> Bytes:
        """Stylise the next frame.

        Args:
            window: fitted frames, centred on the next one, uint8 (H, W, 3) each.

        Raises:
            UserError: the frame needs too much memory.
        """
        with out_of_memory_names("a frame", "give a smaller --size"):
            self.previous = self.net.run(window, self.previous)
            return self.postprocess(window[self.receptive_radius], self.previous)


class RegionalClipStylizer:
    """Several clip stylizers, each within its mask. Outside all masks the frames stay as they are.

    Args:
        stylizers: all with the same `size`. masks: one mask per frame, for each stylizer.
        feather: pixels over which the edges of masks fade.
    """

    def __init__(
        self, stylizers: Sequence[ClipStylizer], masks: Sequence[Iterable[Grey]], feather: float
    ) -> None:
        self.regions = list(zip(stylizers, map(iter, masks), strict=True))
        self.stylizers = stylizers
        self.receptive_radius = max(stylizer.receptive_radius for stylizer in stylizers)
        self.fitted = stylizers[0].fitted
        self.feather = feather

    @property
    def state(self) -> Bytes | None:
        """The states of all recurrent stylizers, stacked vertically; None if there is no state."""
        states = [stylizer.state for stylizer in self.stylizers]
        known = [state for state in states if state is not None]
        return np.concatenate(known) if known else None

    def go_on(self, frame: int, state: Bytes | None) -> None:
        """Resume as `ClipStylizer.go_on` does, and skip the masks of earlier frames."""
        recurrent = [stylizer for stylizer in self.stylizers if stylizer.net.recurrent]
        parts = [None] * len(recurrent) if state is None else np.split(state, len(recurrent))
        for stylizer, part in zip(recurrent, parts, strict=True):
            stylizer.go_on(frame, part)
        for _, masks in self.regions:
            deque(islice(masks, frame), maxlen=0)

    def __call__(self, window: Sequence[Bytes]) -> Bytes:
        """Stylise the next frame, as `ClipStylizer` does."""
        before = window[self.receptive_radius]
        layers = []
        for stylizer, masks in self.regions:
            start = self.receptive_radius - stylizer.receptive_radius
            result = stylizer(window[start : len(window) - start])
            layers.append((result, cover(next(masks), before.shape[:2], self.feather)))
        return compose(before, layers)


AnyClipStylizer = ClipStylizer | RegionalClipStylizer


def windows(frames: Iterable[T], radius: int) -> Iterator[Sequence[T]]:
    """For every frame, the 2·radius + 1 frames centred on it. Both ends are repeated."""
    seen: deque[T] = deque(maxlen=2 * radius + 1)
    for frame in frames:
        if not seen:
            seen.extend([frame] * radius)
        seen.append(frame)
        if len(seen) == 2 * radius + 1:
            yield list(seen)
    for _ in range(radius if seen else 0):
        seen.append(seen[-1])
        if len(seen) == 2 * radius + 1:
            yield list(seen)
