"""A style as a user names it: by its file in ``conf/style``, or by a picture."""

from __future__ import annotations

from pathlib import Path

from hydra.utils import instantiate

from stylenet.styles.known import config_of, known_styles
from stylenet.styles.picture import Style
from stylenet.system.errors import UserError


def shipped_style(name: str) -> Style:
    """A shipped style."""
    style: Style = instantiate(config_of(name))
    return style


def find_style(text: str) -> Style:
    """Where to get the picture of a shipped style, or of a file.

    Raises:
        UserError: neither a name nor a file.
    """
    known = known_styles()
    if text in known:
        return shipped_style(text)
    if not Path(text).expanduser().is_file():
        raise UserError(f"style {text} is no picture, and none of {', '.join(known)}")
    return Style(Path(text).stem, image=text)
