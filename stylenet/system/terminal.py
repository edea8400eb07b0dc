"""The terminal that a command runs in: progress bars on stderr."""

from __future__ import annotations

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)


def progress_bar(*columns: ProgressColumn, kept: bool = False, hidden: bool = False) -> Progress:
    """A progress bar on stderr, shown where stderr is a terminal.

    Args:
        columns: columns of the display. By default: what is done, a bar, the count, the time left.
        kept: leave the bar on the screen when it has ended.
        hidden: never show the bar.
    """
    console = Console(stderr=True)
    what = TextColumn("{task.description}", markup=False)
    return Progress(
        *(columns or (what, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())),
        console=console,
        transient=not kept,
        disable=hidden or not console.is_terminal,
    )


class SecondBar:
    """A further bar in a display. It appears at the first report.

    Args:
        progress: the display.
        name: the label of the bar.
    """

    def __init__(self, progress: Progress, name: str) -> None:
        self._progress, self._name = progress, name
        self._task: TaskID | None = None

    def __call__(self, done: int, total: int) -> None:
        """Show that `done` of `total` steps are done."""
        if self._task is None:
            self._task = self._progress.add_task(self._name)
        self._progress.update(self._task, completed=done, total=total)
