"""Nets on clips: they see a frame alone, with the frames around it, or with the result before."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from stylenet.images import Bytes
from stylenet.memory import out_of_memory_names
from stylenet.runtime.postprocess import Postprocess
from stylenet.runtime.preprocess import prepare

T = TypeVar("T")


@dataclass(frozen=True)
class ClipNet:
    """A net at work on clips.

    run: the 2·around + 1 frames about the one to stylise, and the result for the frame before,
        None for the first; all uint8 (H, W, 3).
    around: frames that it sees before, and behind; those beyond the ends are the ends again.
    recurrent: whether it uses the result before.
    """

    run: Callable[[Sequence[Bytes], Bytes | None], Bytes]
    around: int = 0
    recurrent: bool = False

    def __call__(self, frames: Iterable[Bytes]) -> Iterator[Bytes]:
        """Stylise the frames of a clip, in order."""
        previous = None
        for window in windows(frames, self.around):
            previous = self.run(window, previous)
            yield previous


def per_frame(net: Callable[[Bytes], Bytes]) -> ClipNet:
    """A net that takes each frame for a photo."""
    return ClipNet(lambda window, _: net(window[0]))


@dataclass
class ClipStylizer:
    """What happens to each frame of one clip, in order.

    size: longer side of the results in pixels; None keeps the clip's. postprocess: filters, colours
    and strength. previous: the net's last result, before these; None at the start.
    """

    net: ClipNet
    size: int | None = None
    postprocess: Postprocess = Postprocess()  # noqa: RUF009  # frozen
    previous: Bytes | None = None

    def fitted(self, rgb: Bytes) -> Bytes:
        """A frame as the net takes it, uint8 (H, W, 3).

        Raises:
            UserError: it is, or becomes, too small.
        """
        return prepare(rgb, self.size).rgb

    def __call__(self, window: Sequence[Bytes]) -> Bytes:
        """The next frame's result.

        Args:
            window: fitted frames, those about it, uint8 (H, W, 3) each.

        Raises:
            UserError: it needs too much memory.
        """
        with out_of_memory_names("a frame", "give a smaller --size"):
            self.previous = self.net.run(window, self.previous)
            return self.postprocess(window[self.net.around], self.previous)


def windows(frames: Iterable[T], around: int) -> Iterator[Sequence[T]]:
    """For every frame, the 2·around + 1 about it."""
    seen: deque[T] = deque(maxlen=2 * around + 1)
    for frame in frames:
        if not seen:
            seen.extend([frame] * around)
        seen.append(frame)
        if len(seen) == 2 * around + 1:
            yield list(seen)
    for _ in range(around if seen else 0):
        seen.append(seen[-1])
        if len(seen) == 2 * around + 1:
            yield list(seen)
