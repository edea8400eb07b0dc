"""Pipes, sockets and devices, which whoever reads them may wait for without end."""

from __future__ import annotations

import stat
from pathlib import Path

from stylenet.system.errors import UserError

_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def refuse_special(path: Path, called: object = None) -> None:
    """Refuse what is neither a file nor a folder; what does not exist is left to whoever reads it.

    called: how to speak of it; by default its path.

    Raises:
        UserError: it is a pipe, a socket or a device.
    """
    try:
        kind = _KINDS.get(stat.S_IFMT(path.stat().st_mode))
    except (OSError, ValueError):
        return
    if kind:
        raise UserError(f"{called or path} is {kind}; give a file")
