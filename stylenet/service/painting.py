"""From a photo's bytes to those of its stylised picture, as ``stylenet stylize`` makes it."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

from pydantic import BaseModel, Field

from stylenet.config.arguments import split_share
from stylenet.pictures.decoding import announced
from stylenet.pictures.images import encoded
from stylenet.pictures.sides import MAX_SIDE, MIN_SIDE
from stylenet.pictures.tiff import TooLargeError
from stylenet.runtime.damage import DamagedModelError
from stylenet.runtime.postprocess import Postprocess
from stylenet.runtime.preprocess import prepare
from stylenet.runtime.stylizer import Stylizer
from stylenet.service.catalogue import Served
from stylenet.service.formats import TYPES, chosen_format
from stylenet.service.problems import ProblemError
from stylenet.service.ticket import Ticket
from stylenet.service.worker import Worker
from stylenet.system.errors import UserError

_TOO_LARGE = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class Settings(BaseModel, extra="forbid"):
    """What a client may set, named as the options of ``stylenet stylize``."""

    size: int | None = Field(
        None, ge=MIN_SIDE, le=MAX_SIDE, description="longer side of the result in pixels"
    )
    strength: float = Field(1.0, ge=0, le=1, description="from 0, the photo, to 1, stylised")
    stroke_scale: float = Field(
        1.0, ge=1 / 8, le=8, description="size of strokes, a multiple of the net's own"
    )
    preserve_color: bool = Field(False, description="keep the colours of the photo")
    style: list[str] = Field(
        [],
        max_length=64,
        description="of a model of several styles, one; several, as STYLE:SHARE, are mixed",
    )


@dataclass(frozen=True)
class Painted:
    """A result: the bytes of a picture file, and their media type."""

    content: bytes
    media_type: str
    pixels: int


@dataclass(frozen=True)
class Painter:
    """Stylises photos by one model.

    most: pixels that the net may have to paint.
    """

    served: Served
    worker: Worker
    most: int

    def __call__(self, photo: bytes, settings: Settings, accept: str, ticket: Ticket) -> Painted:
        """Stylise a photo, the content of a file.

        Args:
            accept: the header ``Accept``.

        Raises:
            ProblemError: the photo is none, or is too large; a setting does not suit it or the
                model; or the client accepts no format that can hold the result.
            DamagedModelError: the model is damaged.
        """
        try:
            return self._painted(photo, settings, accept, ticket)
        except DamagedModelError:
            raise
        except UserError as error:
            large = isinstance(error, TooLargeError)
            status = _TOO_LARGE if large else HTTPStatus.UNPROCESSABLE_ENTITY
            detail = str(error).replace("--", "")  # settings are called as options, without dashes
            raise ProblemError(status, detail) from None

    def _painted(self, photo: bytes, settings: Settings, accept: str, ticket: Ticket) -> Painted:
        session = self.served.session(tuple(map(split_share, settings.style)))
        with ticket.step("decode"):
            header = announced(io.BytesIO(photo), "the photo")
            if header:
                _check(header[1:], settings, self.most)
            picture = prepare(photo, settings.size)  # so the photo at its own size can go
            _check(picture.size, settings, self.most)
        own, transparent = header[0] if header else None, picture.alpha is not None
        chosen = chosen_format(accept, own, transparent=transparent)
        look = Postprocess(preserve_color=settings.preserve_color, strength=settings.strength)
        net = partial(self.worker.run, session, ticket)
        stylized = Stylizer(net, settings.size, look, settings.stroke_scale)(picture)
        with ticket.step("encode"):
            content = encoded(stylized, chosen, f"a {chosen} file")
        return Painted(content, TYPES[chosen], stylized.rgb.size // 3)


def _check(sides: tuple[int, int], settings: Settings, most: int) -> None:
    """Check that the net has to paint no more than `most` pixels.

    Raises:
        ProblemError: it has. The message tells the largest size that fits.
    """
    scale = settings.size / max(sides) if settings.size else 1.0
    finer = 1 / min(1.0, settings.stroke_scale)  # the net paints a larger copy for smaller strokes
    pixels = sides[0] * sides[1] * (scale * finer) ** 2
    if pixels > most:
        fitting = math.floor(max(sides) / finer * math.sqrt(most / (sides[0] * sides[1])))
        fits = fitting * min(sides) / max(sides) >= MIN_SIDE
        mend = f"give size={fitting} or less" if fits else "no size fits; give larger strokes"
        raise ProblemError(
            _TOO_LARGE,
            f"the net would paint {pixels / 1e6:.1f} megapixels, and paints up to {most / 1e6:g}; "
            f"{mend}",
        )
