"""What a program opens, fetches and starts while somebody watches: Python's audit events."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_FETCHING = ("socket.connect", "socket.getaddrinfo", "urllib.Request")
_STARTING = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn")
_MAKING = ("os.mkdir", "os.rename", "os.link", "os.symlink", "os.remove", "os.rmdir", "os.truncate")

_watchers: list["Watch"] = []


class Watch:
    """Notes in `found` what is not allowed.

    folder: where files may be made. canaries: files that nobody may open.
    """

    def __init__(self, folder: Path, canaries: list[Path]) -> None:
        self.folder = os.path.realpath(folder)
        self.canaries = {os.path.realpath(path) for path in canaries}
        self.found: list[str] = []

    def hear(self, event: str, args: tuple[Any, ...]) -> None:
        """Take note of one audit event."""
        if event in _FETCHING or event in _STARTING:
            self.found.append(f"{event} {args[:2]}")
        elif event in _MAKING:
            self._made(event, args)
        elif event == "open" and isinstance(args[0], str | bytes | os.PathLike):
            path, _, flags = args
            place = os.path.realpath(os.fsdecode(path))
            if place in self.canaries:
                self.found.append(f"opened {place}")
            elif flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and not self._allowed(place):
                self.found.append(f"wrote {place}")

    def _made(self, event: str, args: tuple[Any, ...]) -> None:
        for path in args:
            if isinstance(path, str | bytes | os.PathLike):
                place = os.path.realpath(os.fsdecode(path))
                if not self._allowed(place):
                    self.found.append(f"{event} {place}")

    def _allowed(self, place: str) -> bool:
        return place.startswith((self.folder + os.sep, "/dev/", "/proc/")) or place == self.folder


@contextmanager
def watching(folder: Path, canaries: list[Path]) -> Iterator[Watch]:
    """Watch this process for as long as the context lasts."""
    watch = Watch(folder, canaries)
    _watchers.append(watch)
    try:
        yield watch
    finally:
        _watchers.remove(watch)


def _hear(event: str, args: tuple[Any, ...]) -> None:
    for watch in _watchers:
        watch.hear(event, args)


sys.addaudithook(_hear)  # for good, as Python takes none back: it is idle while nobody watches
