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
"""Convolutions from the first that always stay in float: the encoder's three, without which a
trained net lost 8 dB, and the one that reads its result, another 3 to 6 dB. What later ones cost
differs from net to net: of one 4 dB by the last but one, of others half a decibel at the most."""

_WEIGHED_ON = 4
"""Photos that tell which convolution costs most."""


@dataclass(frozen=True)
class Proof:
    """Pictures by name, uint8 (H, W, 3), small ones first, and what the net makes of them."""

    pictures: Sequence[tuple[str, Bytes]]
    expected: Sequence[Bytes]

    def differences(self, content: bytes) -> list[Difference]:
        """How far an exported model is from the net, up to the first size that it fails at."""
        session, found = Session(content, device="cpu"), list[Difference]()
        for (name, rgb), expected in zip(self.pictures, self.expected, strict=True):
            if found and found[-1].shape[1:] != rgb.shape[:2] and _missed(found):
                break
            found.append(replace(difference(session(rgb)[None], expected[None]), name=name))
        return found


@dataclass(frozen=True)
class Mixed:
    """A proven model: floats says which convolutions are not in eight bits."""

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
    """Leave one more convolution in float until the proof holds; what did not is printed.

    Args:
        photos: uint8 (H, W, 3), of the calibration. objection: to a model whose pictures hold; None
            if there is none.

    Raises:
        UserError: it does not even hold with a single convolution in eight bits.
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
    """The picture that is furthest below its bound; None if all are above."""
    worst = min(found, key=lambda each: each.psnr - each.least("int8"))
    if worst.tolerated("int8"):
        return None
    least = worst.least("int8")
    return f"the export differs from its net, {worst.psnr:.2f} of {least:g} dB on {worst.name}"


def _ever_more(model: Calibrated, photos: Sequence[Bytes]) -> Iterator[list[str]]:
    """The convolutions to leave in float: the first, then one more each time, dearest first.

    At the least one is left in eight bits.
    """
    floats, rest = model.convs[:FIRST], model.convs[FIRST:]
    if not rest:
        return
    yield floats
    for conv in _dearest_first(model, rest, photos[:_WEIGHED_ON])[:-1]:
        floats = [*floats, conv]
        yield floats


def _dearest_first(model: Calibrated, convs: list[str], photos: Sequence[Bytes]) -> list[str]:
    """`convs` by the squared error that each causes where it alone is in eight bits.

    These errors have little to do with each other, so that they add up.
    """
    single = Session(model.proto.SerializeToString(), device="cpu")
    expected = [single(photo).astype(float) for photo in photos]

    def cost(conv: str) -> float:
        alone = Session(model.quantised([each for each in model.convs if each != conv]), "cpu")
        pairs = zip(photos, expected, strict=True)
        return float(np.mean([np.square(alone(photo) - right).mean() for photo, right in pairs]))

    return sorted(convs, key=cost, reverse=True)
