"""The commands that messages tell."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path


def say_next(*commands: str) -> None:
    """Print the shell commands that a user may want next."""
    print("Next:", *(f"  {command}" for command in commands), sep="\n", flush=True)


def program() -> str:
    """The shell words before a command's name: ``stylenet``, or ``PYTHON -m stylenet``.

    Of a virtual environment that is not active, only Python can be called.
    """
    if shutil.which("stylenet"):
        return "stylenet"
    python, here = Path(sys.executable), Path.cwd()
    short = python.relative_to(here) if python.is_relative_to(here) else python
    return f"{shlex.quote(str(short))} -m stylenet"
