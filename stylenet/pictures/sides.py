"""Sides of pictures, in pixels, beyond which something cannot be done."""

from __future__ import annotations

MIN_SIDE = 32
"""The least height and width that nets take, as the contract of every export promises."""

MIN_LEARNABLE_SIDE = 64
"""The least height and width of a style picture or a training photo: smaller ones have no strokes
and no content to learn."""

MAX_SIDE = 16383
"""The most that all formats written here can hold; the limit is WebP's."""
