"""The starter model: several styles in one small net, a part of the package, for a first picture.

Its model card is ``starter.md`` beside it. ``scripts/release_starter.py`` makes it from a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stylenet.system.errors import UserError

STARTER = Path(__file__).with_name("starter.onnx")
"""The exported model."""

STYLES = ("starry_night", "great_wave", "the_scream", "composition_vii", "udnie")
"""What the starter has learnt: the shipped styles, all of them in the public domain."""


def starter(styles: Sequence[str]) -> Path:
    """The starter's file, for a user who names no model.

    Args:
        styles: the names of the styles to paint in.

    Raises:
        UserError: no style is named, or one that the starter has not learnt.
    """
    learnt = ", ".join(STYLES)
    if not styles:
        raise UserError(f"give --model RUN_OR_FILE, or a --style of the starter: {learnt}")
    for style in styles:
        if style not in STYLES:
            raise UserError(
                f"the starter has not learnt {style}, but {learnt}; for other styles train a net, "
                "and give it as --model"
            )
    return STARTER
