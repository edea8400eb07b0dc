"""Limits on the sides of pictures, in pixels."""

from __future__ import annotations

MIN_SIDE = 32
"""The smallest height and width that nets take. The contract of every export promises it."""

MIN_LEARNABLE_SIDE = 64
"""The smallest height and width of a style picture or a training photo. Smaller pictures have no
strokes and no content to learn."""

MAX_SIDE = 16383
"""The largest side that every writable format can hold. WebP sets the limit."""
