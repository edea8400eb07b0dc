"""The format of an answer: what the client accepts, and first of all the photo's own."""

from __future__ import annotations

import re
from http import HTTPStatus

from stylenet.service.problems import ProblemError

TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
"""Pillow's name of each format that is answered in → its media type."""


def chosen_format(accept: str, own: str | None, *, transparent: bool) -> str:
    """Pillow's name of the best format for a client (RFC 9110, section 12.5.1).

    Args:
        accept: the header ``Accept``. own: the photo's format, the best of equally good ones. PNG
            is the next best. transparent: whether the format has to hold transparency.

    Raises:
        ProblemError: the client accepts none.
    """
    offered = {name: TYPES[name] for name in (own, *TYPES) if name in TYPES}
    if transparent:
        offered.pop("JPEG", None)
    qualities = {name: _quality(accept, media) for name, media in offered.items()}
    best = max(qualities, key=lambda name: qualities[name])
    if not qualities[best]:
        known = ", ".join(offered.values())
        raise ProblemError(
            HTTPStatus.NOT_ACCEPTABLE, f"Accept: {accept}: this photo comes as {known}"
        )
    return best


def _quality(accept: str, media: str) -> float:
    """How much a client wants a media type, from 0, not at all, to 1."""
    wanted: dict[str, float] = {}
    for each in (accept or "*/*").lower().split(","):
        quality = re.search(r";\s*q=([01](?:\.\d*)?)", each)
        wanted[each.partition(";")[0].strip()] = float(quality[1]) if quality else 1.0
    ranges = (media, f"{media.partition('/')[0]}/*", "*/*")
    return next((wanted[each] for each in ranges if each in wanted), 0.0)
