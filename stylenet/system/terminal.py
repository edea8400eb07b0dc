"""The terminal that a command runs in: progress bars on stderr."""

from __future__ import annotations

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TimeRemainingColumn,
)


def progress_bar(*columns: ProgressColumn, kept: bool = False, hidden: bool = False) -> Progress:
    """A progress bar on stderr, shown where stderr is a terminal.

    Args:
        columns: of the bar; by default the bar, how many are done, and the time left.
        kept: leave the bar behind when it has ended. hidden: never show the bar.
    """
    console = Console(stderr=True)
    return Progress(
        *(columns or (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())),
        console=console,
        transient=not kept,
        disable=hidden or not console.is_terminal,
    )
