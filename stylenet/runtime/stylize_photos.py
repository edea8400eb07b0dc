"""Stylising photos, each into its own file. A photo that fails does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeVar

from stylenet.pictures.formats import file_format
from stylenet.pictures.images import write_picture
from stylenet.runtime.damage import DamagedModelError
from stylenet.runtime.stylizer import AnyStylizer
from stylenet.system.errors import UserError

P = TypeVar("P", bound=Path | IO[bytes])


@dataclass
class Tally:
    """How many photos were written and how many failed. pixels: of all pictures written."""

    written: int = 0
    failed: int = 0
    pixels: int = 0


def stylize_photos(
    targets: Mapping[P, Path],
    stylizer: AnyStylizer,
    report: Callable[[int, int], None] = lambda done, total: None,
    complain: Callable[[UserError], None] = lambda error: None,
    note: Callable[[Path], None] = lambda result: None,
) -> Tally:
    """Stylise each photo into its target.

    Args:
        report: called with the number of photos done, and of all.
        complain: called with the reason why a photo could not be stylised.
        note: called with each result that was written.

    Raises:
        UserError: a result cannot be written, or the model is damaged. The next photos would fail
            in the same way.
    """
    tally = Tally()
    for number, (photo, target) in enumerate(targets.items()):
        report(number, len(targets))
        try:
            result = stylizer(photo)
            file_format(target, transparent=result.alpha is not None)
        except DamagedModelError:
            raise
        except UserError as error:
            complain(error)
            tally.failed += 1
        else:
            write_picture(result, target)
            note(target)
            tally.written += 1
            tally.pixels += result.rgb.size // 3
    report(len(targets), len(targets))
    return tally
