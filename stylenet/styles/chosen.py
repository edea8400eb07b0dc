"""Finding the style that a user names, by a file in ``conf/style`` or by a picture."""

from __future__ import annotations

from pathlib import Path

from hydra.utils import instantiate

from stylenet.styles.known import config_of, known_styles
from stylenet.styles.picture import Style
from stylenet.system.errors import UserError


def shipped_style(name: str) -> Style:
    """The shipped style of this name."""
    style: Style = instantiate(config_of(name))
    return style


def find_style(text: str) -> Style:
    """The style for `text`, the name of a shipped style or the path of a picture.

    Raises:
        UserError: `text` is neither a name nor a file.
    """
    known = known_styles()
    if text in known:
        return shipped_style(text)
    if not Path(text).expanduser().is_file():
        raise UserError(f"style {text} is no picture, and none of {', '.join(known)}")
    return Style(Path(text).stem, image=text)
