"""Text on sheets of pictures."""

from __future__ import annotations

from PIL import Image, ImageDraw, ImageFont

from stylenet.system import untrusted

PAPER = "white"
INK = "#222222"
PALE = "#777777"

LINE = 28
"""Height of a line of text, in pixels."""

_SIZE = 18


def lettered(text: str, colour: str, widest: int | None = None) -> Image.Image:
    """A line of text on paper, as wide as the text, or cut off at `widest` pixels.

    Args:
        text: anything; characters that would act on a terminal are shown as codes.
    """
    text, font = untrusted.label(text), ImageFont.load_default(size=_SIZE)
    width = max(1, round(font.getlength(text)))
    canvas = Image.new("RGB", (min(width, widest or width), LINE), PAPER)
    ImageDraw.Draw(canvas).text((0, 4), text, fill=colour, font=font)
    return canvas
