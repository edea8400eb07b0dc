"""Compiled libraries in the cache: read as they were written, where only the user may write.

``KEY.sha256`` names a library by its sha256, in the words of ``sha256sum``; ``SHA256.so`` is the
library. So any two that write at once leave a pair that fits.
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
"""Bytes of a library; the kernels take some 200 000."""


class DistrustedError(Exception):
    """The message names a file or folder and says why nothing is taken from it."""


def fetch(folder: Path, key: str) -> bytes | None:
    """The library that `keep` has left in `folder` under `key`; None if there is none.

    Raises:
        DistrustedError: it is damaged, belongs to another user, or others may write it.
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
    """Leave `code` for `fetch`; not in a folder that cannot be written or is another user's."""
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
    """A handle on a file in the folder `place`, or on a folder, that only this user may write.

    The handle is asked, not the path, which may lead elsewhere a moment later.
    """
    flags |= os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK  # the last for pipes, which never open
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
    """Put a file into `place`, whole or not at all, by way of a name that no one can foresee."""
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
