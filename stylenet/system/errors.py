"""Errors that a user can mend. They end a command with one line and exit code 2, no traceback."""

from __future__ import annotations

import errno
import io
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType


class UserError(Exception):
    """An error that the user can mend. Its message names the fault and the mend on one line."""


def reason(error: OSError) -> str:
    """The operating system's message of `error`, such as ``No space left on device``."""
    return error.strerror or str(error)


def first_line(error: BaseException) -> str:
    """The first line of a library's message, or the name of its class if it has none."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def shown(name: object) -> str:
    """A file's name as text that can be printed anywhere. Bytes that are not UTF-8 are escaped."""
    return str(name).encode(errors="backslashreplace").decode()


def cannot_write(place: object, error: OSError) -> UserError:
    """The error for a `place` that cannot be written."""
    return UserError(f"cannot write {place} ({reason(error)}); free space or choose another place")


_UNWRITABLE = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR, errno.EFBIG}
    | {errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP}
)


def find_user_error(error: BaseException | None) -> UserError | None:
    """The `UserError` in the chain of causes of `error`, or None.

    An unwritable place or a full disk also becomes a `UserError`, because the user can mend it.
    """
    while error is not None and not isinstance(error, UserError):
        if isinstance(error, OSError) and (error.errno in _UNWRITABLE or _made_no_folder(error)):
            return cannot_write(error.filename or "the output", error)
        error = error.__cause__
    return error


def _made_no_folder(error: OSError) -> bool:
    """Whether no folder can be made in a place that there is, such as ``/proc``."""
    if error.errno != errno.ENOENT:
        return False
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return bool(frames) and frames[-1].f_code.co_name in ("mkdir", "makedirs")


@contextmanager
def exit_on_user_error() -> Iterator[None]:
    """Print a `UserError`, however deeply wrapped, as one line on stderr and exit with code 2.

    File names may be any bytes. The output escapes characters that it cannot show.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        yield
    except Exception as error:
        user_error = find_user_error(error)
        if user_error is None:
            raise
        print(f"error: {user_error}", file=sys.stderr)
        raise SystemExit(2) from None


def interrupted(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """An exception hook that prints one word for Ctrl-C, which needs no traceback."""
    if issubclass(kind, KeyboardInterrupt):
        print("interrupted", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)
