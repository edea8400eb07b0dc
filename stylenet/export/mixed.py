"""A model with as many convolutions in eight bits as its proof allows, the others in float."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from stylenet.export.int8 import Calibrated
from stylenet.export.parity import Difference, difference
from stylenet.pictures.images import Bytes
from stylenet.runtime.session import Session
from stylenet.system.errors import UserError

FIRST = 4
"""The number of first convolutions that always stay in float. In eight bits, the encoder's three
cost a trained net 8 dB, and the convolution that reads their result another 3 to 6 dB. The cost of
later ones differs between nets: the last but one cost one net 4 dB, other nets at most 0.5 dB."""

_WEIGHED_ON = 4
"""Photos that tell which convolution costs most."""


@dataclass(frozen=True)
class Proof:
    """Pictures by name, uint8 (H, W, 3), small ones first, and the net's results."""

    pictures: Sequence[tuple[str, Bytes]]
    expected: Sequence[Bytes]

    def differences(self, content: bytes) -> list[Difference]:
        """An exported model's differences from the net, up to the first size at which it fails."""
        session, found = Session(content, device="cpu"), list[Difference]()
        for (name, rgb), expected in zip(self.pictures, self.expected, strict=True):
            if found and found[-1].shape[1:] != rgb.shape[:2] and _missed(found):
                break
            found.append(replace(difference(session(rgb)[None], expected[None]), name=name))
        return found


@dataclass(frozen=True)
class Mixed:
    """A proven model. floats: the convolutions that are not in eight bits, in words."""

    content: bytes
    floats: str
    found: list[Difference]

    @property
    def worst(self) -> Difference:
        """The picture of the proof that differs most."""
        return min(self.found, key=lambda each: each.psnr)


def mixed(
    model: Calibrated,
    photos: Sequence[Bytes],
    proof: Proof,
    objection: Callable[[bytes], str | None],
) -> Mixed:
    """Leave one more convolution in float until the proof holds; failed attempts are printed.

    Args:
        photos: the calibration's, uint8 (H, W, 3). objection: a model whose pictures hold → what is
            wrong with it; None if nothing is.

    Raises:
        UserError: the proof fails even with a single convolution in eight bits.
    """
    said = "it has too few convolutions"
    for floats in _ever_more(model, photos):
        content = model.quantised(floats)
        found = proof.differences(content)
        missed = _missed(found) or objection(content)
        numbers = [number for number, conv in enumerate(model.convs, 1) if conv in floats]
        kept = f"{len(floats)} of {len(model.convs)} convolutions: {', '.join(map(str, numbers))}"
        if missed is None:
            return Mixed(content, kept, found)
        said = f"{missed}, in float {kept}"
        print(f"int8: {said}", flush=True)
    raise UserError(
        f"int8: {said}; nothing was written; calibrate on --photos like those it will see, or use"
        " --precision fp32"
    )


def _missed(found: Sequence[Difference]) -> str | None:
    """A message on the picture furthest below its bound; None if no picture is below."""
    worst = min(found, key=lambda each: each.psnr - each.least("int8"))
    if worst.tolerated("int8"):
        return None
    least = worst.least("int8")
    return f"the export differs from its net, {worst.psnr:.2f} of {least:g} dB on {worst.name}"


def _ever_more(model: Calibrated, photos: Sequence[Bytes]) -> Iterator[list[str]]:
    """The convolutions to leave in float: the first, then one more each time, dearest first.

    At least one convolution stays in eight bits.
    """
    floats, rest = model.convs[:FIRST], model.convs[FIRST:]
    if not rest:
        return
    yield floats
    for conv in _dearest_first(model, rest, photos[:_WEIGHED_ON])[:-1]:
        floats = [*floats, conv]
        yield floats


def _dearest_first(model: Calibrated, convs: list[str], photos: Sequence[Bytes]) -> list[str]:
    """`convs` by the squared error that each causes when it alone is in eight bits.

    The errors are nearly independent, so they add up.
    """
    single = Session(model.proto.SerializeToString(), device="cpu")
    expected = [single(photo).astype(float) for photo in photos]

    def cost(conv: str) -> float:
        alone = Session(model.quantised([each for each in model.convs if each != conv]), "cpu")
        pairs = zip(photos, expected, strict=True)
        return float(np.mean([np.square(alone(photo) - right).mean() for photo, right in pairs]))

    return sorted(convs, key=cost, reverse=True)
