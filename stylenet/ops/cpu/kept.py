"""Compiled libraries in the cache. They are read only if intact and writable by nobody else.

``SHA256.so`` is a library, named by its sha256. ``KEY.sha256`` names the library of a key, in the
format of ``sha256sum``. So two processes that write at the same time leave a matching pair.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH

_LARGEST = 1 << 26
"""The most bytes of a library. The kernels take some 200 000."""


class DistrustedError(Exception):
    """A file or folder is not safe to read; the message names it and says why."""


def fetch(folder: Path, key: str) -> bytes | None:
    """The library that `keep` has stored in `folder` under `key`; None if there is none.

    Raises:
        DistrustedError: a file or the folder is damaged, or another user owns it or may write it.
    """
    try:
        with _opened(folder, os.O_DIRECTORY) as place:
            note = folder / f"{key}.sha256"
            found = re.fullmatch(rb"([0-9a-f]{64})  \1\.so\n", _read(place, note))
            if found is None:
                raise DistrustedError(f"{note} is damaged")
            library = folder / f"{found[1].decode()}.so"
            code = _read(place, library)
    except FileNotFoundError:
        return None
    if sha256(code).hexdigest() != library.stem:
        raise DistrustedError(f"{library} is damaged")
    return code


def keep(folder: Path, key: str, code: bytes) -> None:
    """Store `code` for `fetch`. An unwritable folder or another user's folder is left alone."""
    name = sha256(code).hexdigest()
    with suppress(OSError, DistrustedError):
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        status = folder.lstat()
        if stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid():
            folder.chmod(stat.S_IMODE(status.st_mode) & ~_OTHERS_MAY_WRITE)
        with _opened(folder, os.O_DIRECTORY) as place:
            _write(place, f"{name}.so", code)
            _write(place, f"{key}.sha256", f"{name}  {name}.so\n".encode())


@contextmanager
def _opened(path: Path, flags: int = 0, place: int | None = None) -> Iterator[int]:
    """Open a folder, or a file in the folder `place`, that no other user may write.

    The checks use the open handle, because the path may lead elsewhere a moment later.
    """
    flags |= os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK  # the last, as opening a pipe would wait
    try:
        handle = os.open(path if place is None else path.name, flags, dir_fd=place)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DistrustedError(f"{path}: {error.strerror}") from None
    try:
        status = os.fstat(handle)
        if status.st_uid not in (os.geteuid(), 0):
            raise DistrustedError(f"{path} belongs to another user")
        if status.st_mode & _OTHERS_MAY_WRITE:
            raise DistrustedError(f"{path} may be written by other users")
        yield handle
    finally:
        os.close(handle)


def _read(place: int, path: Path) -> bytes:
    with _opened(path, place=place) as handle:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST:
            raise DistrustedError(f"{path} is damaged")
        with os.fdopen(handle, "rb", closefd=False) as file:
            return file.read(_LARGEST)


def _write(place: int, name: str, content: bytes) -> None:
    """Write a file into `place` completely or not at all, through an unpredictable name."""
    part = f".{secrets.token_hex(16)}"
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=place)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, 0o644)
            file.write(content)
        os.replace(part, name, src_dir_fd=place, dst_dir_fd=place)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(part, dir_fd=place)
