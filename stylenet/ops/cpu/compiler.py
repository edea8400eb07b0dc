"""Finding the C compiler, and compiling the kernels to a shared library."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

SOURCES = Path(__file__).parent
COMPILERS = (["gcc"], ["cc"], ["clang"])
FLAGS = ("-O3", "-march=native", "-mprefer-vector-width=512", "-fopenmp", "-shared", "-fPIC")

COMPILE_SECONDS = 120
"""Time limit in seconds. Compiling takes a second or two of a free core."""


class NotCompiledError(Exception):
    """The kernels cannot be compiled; the message says why."""


def find_compiler() -> list[str]:
    """The command line of the compiler: `$CC`, gcc, cc or clang.

    Raises:
        NotCompiledError: no compiler is found.
    """
    try:
        chosen = shlex.split(os.environ.get("CC", ""))
    except ValueError as error:
        raise NotCompiledError(
            f"the kernels could not be compiled: CC is no command ({error})"
        ) from None
    named = [chosen] if chosen else COMPILERS
    for command in named:
        if shutil.which(command[0]):
            return command
    names = ", ".join(command[0] for command in named)
    raise NotCompiledError(f"no C compiler ({names}) found; install gcc")


def compile_kernels(compiler: list[str]) -> bytes:
    """Compile the sources to a shared library for this processor, and return its bytes.

    Raises:
        NotCompiledError: the compiler fails, or takes too long.
        OSError: the compiler cannot be started, or the disk is full.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        built, messages = Path(folder) / "kernels.so", Path(folder) / "messages"
        command = [*compiler, *FLAGS, *map(str, SOURCES.glob("*.c")), "-o", str(built)]
        code = _run(command, messages)
        if code:
            with messages.open(errors="replace") as file:
                reason = file.readline().strip() or f"it ended with {code}"
            raise NotCompiledError(f"{compiler[0]} cannot compile the kernels: {reason}")
        return built.read_bytes()


def _run(command: list[str], messages: Path) -> int:
    """Run a compiler and return its exit code. On an error, kill it and all its children."""
    with (
        messages.open("wb") as file,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=file,
            start_new_session=True,
        ) as process,
    ):
        try:
            return process.wait(COMPILE_SECONDS)
        except BaseException as error:  # Ctrl-C, too: it reaches only this process
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
    raise NotCompiledError(f"{command[0]} took more than {COMPILE_SECONDS} s for the kernels")
