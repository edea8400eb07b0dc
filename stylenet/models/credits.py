"""What is known of the pictures behind a model, and on what terms they are. Nothing is guessed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stylenet.data.credit import COCO, HELD_OUT, SAMPLES, WIKIART
from stylenet.styles.known import config_of, known_styles, originals
from stylenet.styles.picture import OURS
from stylenet.system.untrusted import code, mapping

NOT_STATED = "not stated; ask the owner"

_TERMS = {COCO, HELD_OUT, SAMPLES, WIKIART, OURS}
"""Stylenet's own words. All other words are whoever's trained the model."""

_FREE = re.compile(r"public domain|(CC0|CC[ -]BY([ -]SA)?)([ -]\d\.\d)?|MIT", re.IGNORECASE)
"""Licences under which a picture may be passed on, with its credit."""


@dataclass(frozen=True)
class Credit:
    """A picture or a set of pictures, in Markdown.

    name: what it is; source: where it comes from, or empty; licence: its terms, or `NOT_STATED`.
    shareable: whether the terms are known to allow that it is passed on.
    """

    name: str
    source: str
    licence: str
    shareable: bool


def notes(config: dict[str, Any]) -> list[Any]:
    """The notes of a config on the learnt pictures, in the form of `StylePicture.note`."""
    note = mapping(config, "style_picture")
    pictures = note.get("pictures", [note])
    return pictures if isinstance(pictures, list) else []


def of_picture(note: object) -> Credit:
    """The credit of one picture.

    What is said of a shipped original, known by its sha256, is what stylenet ships. What is said of
    others comes from the model's file.

    Args:
        note: in the form of `StylePicture.note`; anybody may have written it.
    """
    told = mapping(note)
    name = {sha256: name for (_, sha256), name in originals().items()}.get(str(told.get("sha256")))
    if name is not None:
        work = config_of(name)
        return Credit(_title(name), f"<{work['url']}>", work["licence"], True)
    credit = str(told.get("credit") or told.get("name") or "unknown")
    origin, stated = told.get("origin"), told.get("licence")
    if origin == "homage":
        shipped = {f"Homage to {_title(each).replace('*', '')}": each for each in known_styles()}
        name = shipped.get(credit.removesuffix(", painted by stylenet"))
        shown = code(credit) if name is None else f"a homage to {_title(name)}"
        return Credit(shown, "painted by stylenet", *_terms(stated or OURS))
    shown = Path(credit).name if origin == "file" else credit
    source = "a file of its user's" if origin == "file" else ""
    return Credit(code(shown), source, *_terms(stated))


def _title(name: str) -> str:
    work = config_of(name)
    return f"*{work['title']}*, {work['artist']}, {work['year']}"


def of_set(note: object) -> Credit:
    """The credit of a set of pictures.

    Args:
        note: in the form of `stylenet.data.credit.Credit.note`; anybody may have written it.
    """
    told = mapping(note)
    return Credit(code(told.get("source") or "not recorded"), "", *_terms(told.get("licence")))


def of_preview(config: dict[str, Any]) -> list[Credit]:
    """The credits of everything that the preview sheet shows."""
    sets, note = mapping(config, "credits"), mapping(config, "style_picture")
    shown = [of_set(sets.get("previews"))]
    if "paintings" in sets:
        return [*shown, of_set(sets["paintings"])]
    pictures = [note["preview"]] if "preview" in note else notes(config)
    return [*shown, *map(of_picture, pictures)]


def _terms(licence: object) -> tuple[str, bool]:
    """A licence in Markdown, and whether it is known to allow that a picture is passed on."""
    if not isinstance(licence, str) or not licence.strip():
        return NOT_STATED, False
    if licence in _TERMS:
        return licence, licence in (HELD_OUT, OURS)
    free = _FREE.fullmatch(licence.strip()) is not None
    return f"{code(licence)}, as whoever trained the model states it", free
