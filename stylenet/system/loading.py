"""The line that a command shows while torch loads, which takes seconds."""

from __future__ import annotations

import sys


def say_loading() -> None:
    """Say that torch loads, if it is not loaded yet and stderr is a terminal."""
    if "torch" not in sys.modules and sys.stderr.isatty():
        print("loading torch …", file=sys.stderr, flush=True)
