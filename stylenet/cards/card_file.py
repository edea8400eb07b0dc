"""The file of a card: written beside a model, never over a file of the user's."""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path

from stylenet.pictures.images import write_atomically
from stylenet.system.special_files import refuse_special

CARD = "README.md"
"""The card in a folder. A hub shows a file of this name."""

SUFFIX = ".md"
"""An exported file ``NAME.onnx`` has its card in ``NAME.md``, as a folder may hold several."""

_SEAL = re.compile(rb"\n<!-- stylenet's card, sha256 ([0-9a-f]{64}) -->\n\Z")


def write_card(path: Path, text: str) -> bool:
    """Write a card, unless something lies there that stylenet did not write, or a user changed.

    Returns:
        Whether it is written. If not, stderr says so.

    Raises:
        UserError: it cannot be written.
    """
    if path.is_symlink() or (path.exists() and not is_untouched(path)):
        print(f"{path} is not a card as stylenet writes it; it stays as it is", file=sys.stderr)
        return False
    write_atomically(path, lambda file: file.write(sealed(text)))
    return True


def sealed(text: str) -> bytes:
    """A card with its sha256, by which a change is seen."""
    data = text.encode(errors="backslashreplace")
    return data + f"\n<!-- stylenet's card, sha256 {_sha256(data)} -->\n".encode()


def is_untouched(path: Path) -> bool:
    """Whether a card is as stylenet wrote it."""
    try:
        refuse_special(path)
        data = path.read_bytes()
    except Exception:  # a pipe, a folder, no rights: whatever it is, stylenet did not write it
        return False
    found = _SEAL.search(data)
    return found is not None and _sha256(data[: found.start()]) == found[1].decode()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
