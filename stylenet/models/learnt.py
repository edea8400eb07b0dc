"""The picture that a model learnt: a shipped picture of a known name, or a copy beside the model.

A model file holds the name and the sha256 of the picture. It also holds the path of the picture.
This path is never opened, because anybody may have written the file. So training leaves a copy of a
user's own picture in the run folder.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stylenet.models.credits import notes
from stylenet.pictures.formats import READABLE
from stylenet.pictures.images import read_picture, write_atomically
from stylenet.pictures.sides import MIN_LEARNABLE_SIDE
from stylenet.styles.chosen import shipped_style
from stylenet.styles.known import known_styles, originals
from stylenet.styles.picture import StylePicture
from stylenet.system.errors import UserError
from stylenet.system.untrusted import label, mapping

_COPY = re.compile(r"style(_\d+)?")
"""The stem of a copy. Copies of several pictures are numbered."""


def keep_copies(run: Path, pictures: Sequence[StylePicture]) -> None:
    """Copy the user's own pictures into a run folder, as ``style.png`` or ``style_1.png`` ….

    Raises:
        UserError: a copy cannot be written.
    """
    for number, picture in enumerate(pictures, 1):
        if picture.data is not None:
            suffix = Path(picture.credit).suffix.lower()
            name = f"style_{number}" if len(pictures) > 1 else "style"
            _write(run / f"{name}{suffix if suffix in READABLE else '.png'}", picture.data)


def learnt_picture(config: Mapping[str, Any], model: Path) -> StylePicture:
    """The picture that a model learnt.

    For a model of several styles, this is the first picture. For a model of any style, it is the
    picture of the previews.

    Args:
        config: the training's config from the model's file. model: the file, or its folder.

    Raises:
        UserError: the model learnt no picture, or its picture is neither shipped nor beside it.
    """
    folder = model if model.is_dir() else model.parent
    if not (name := _name(config)):
        raise UserError(f"{model} has no style picture of its own")
    note, wanted = _note(config)
    if name not in known_styles():  # the run may call a shipped style by another name
        name = {sha256: shipped for (_, sha256), shipped in originals().items()}.get(
            wanted or "", name
        )
    is_shipped = name in known_styles()
    if not is_shipped or note.get("origin") == "file":
        found_copies = copies(folder)
        for copy, data in found_copies.items():
            found = hashlib.sha256(data).hexdigest()
            if wanted in (None, found):
                rgb = read_picture(copy, min_side=MIN_LEARNABLE_SIDE).rgb
                known = label(note.get("name", copy.stem))
                return StylePicture(known, rgb, "file", found, str(copy))
        if not is_shipped:
            raise UserError(_missing(model, label(name), wanted, found_copies))
    return shipped_style(name).picture("style.png beside the model")


def has_picture(config: Mapping[str, Any]) -> bool:
    """Whether a model learnt a picture, or has one for previews. A mixture of styles has none."""
    return _name(config) is not None


def trained_on(config: Mapping[str, Any]) -> str | None:
    """The sha256 of the picture that a model learnt; of several pictures, of the first.

    None if it is not known, and for a collection, whose sha256 is not that of a picture.
    """
    return _note(config)[1]


def _write(copy: Path, data: bytes) -> None:
    write_atomically(copy, lambda file: file.write(data))


def _note(config: Mapping[str, Any]) -> tuple[dict[str, Any], str | None]:
    note = mapping(next(iter(notes(dict(config))), None))
    sha256 = note.get("sha256")
    return note, None if sha256 is None or note.get("origin") == "collection" else str(sha256)


def _name(config: Mapping[str, Any]) -> str | None:
    """The name of the style whose picture is wanted; None if there is no such style."""
    styles = mapping(config, "net").get("styles")
    if isinstance(styles, list) and styles:
        return Path(str(styles[0])).stem
    preview = mapping(config, "task", "preview")
    note = mapping(config, "style_picture")
    if not preview and note.get("origin") == "collection":  # a collection, or a mixture
        return None
    name = (preview or mapping(config, "style")).get("name")
    return None if name is None else str(name)


def copies(folder: Path) -> dict[Path, bytes]:
    """The copies of the user's own pictures in a run folder, as `keep_copies` leaves them."""
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    pictures = (file for file in files if file.suffix.lower() in READABLE and file.is_file())
    return {file: file.read_bytes() for file in pictures if _COPY.fullmatch(file.stem)}


def _missing(model: Path, name: str, wanted: str | None, copies: Mapping[Path, bytes]) -> str:
    if copies:
        copy, data = next(iter(copies.items()))
        found = hashlib.sha256(data).hexdigest()
        return (
            f"{model} was trained on another picture than {copy} (sha256 {label(wanted)}, not "
            f"{found}); put its picture {name} there"
        )
    return f"{model} learnt a picture of its user's, {name}; put a copy beside it as style.png"
