"""A model in the precision asked for, proven against its net."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial

from stylenet.export.contract import add_metadata, weights_sha256
from stylenet.export.drift import MOST, loss_drift
from stylenet.export.equalise import equalised
from stylenet.export.half import Half
from stylenet.export.int8 import CALIBRATOR, calibrated
from stylenet.export.mixed import Proof, mixed
from stylenet.export.onnx import clip_io, to_onnx
from stylenet.export.parity import LARGE, LEAST_PSNR, TOLERANCE, Difference, compare, times
from stylenet.export.photos import SIDE, Photos, photos
from stylenet.export.rewrites import rewritten
from stylenet.models.checkpoint import TrainedModel
from stylenet.nets.apply import apply_net
from stylenet.ops.sub_pixel import FACTOR
from stylenet.pictures.resizing import square
from stylenet.runtime.session import Session
from stylenet.system.errors import UserError
from stylenet.tensors import to_tensor

PROOF_SIDES = (257, 512, 1024)
_LISTED = " and ".join([", ".join(map(str, PROOF_SIDES[:-1])), str(PROOF_SIDES[-1])])

WIDER = 4
"""Pixels along each axis that the last convolution gives at once in eight bits on a CPU. Its 48
channels fill the registers of the integer product; 12 channels take five times as long."""


@dataclass(frozen=True)
class Export:
    """The export that is asked for.

    io: ``bytes``, ``float`` or ``tiles``. precision: ``fp32``, ``fp16`` or ``int8``. for_tensorrt:
    keep TensorRT's rules. photos: a folder to calibrate int8 on; None takes embedded photos.
    """

    io: str = "bytes"
    precision: str = "fp32"
    for_tensorrt: bool = False
    photos: str | None = None

    def check(self) -> None:
        """Refuse options that do not go together.

        Raises:
            UserError: tiles in another precision or for TensorRT, or photos without eight bits.
        """
        if self.io == "tiles" and (self.precision != "fp32" or self.for_tensorrt):
            raise UserError("--io tiles is for fp32 on a CPU; leave out --precision and --for")
        if self.photos is not None and self.precision != "int8":
            raise UserError("--photos calibrates eight bits; add --precision int8, or leave it out")


def proven(model: TrainedModel, wanted: Export) -> bytes:
    """The ONNX file's bytes; what was compared is printed.

    Raises:
        UserError: the file differs from the net by more than its precision allows, or a net for
            clips is wanted in a form that only per-frame nets have.
    """
    kind = clip_io(model.net, wanted.io)
    if kind != wanted.io and (wanted.precision != "fp32" or wanted.for_tensorrt):
        raise UserError(f"a {kind} net is exported as plain fp32; leave out --precision and --for")
    content, facts = (_int8 if wanted.precision == "int8" else _floats)(model, wanted)
    known = {"precision": wanted.precision, "weights_sha256": weights_sha256(model.net)}
    return add_metadata(content, known | facts)


def _floats(model: TrainedModel, wanted: Export) -> tuple[bytes, dict[str, str]]:
    net = Half(model.net).eval() if wanted.precision == "fp16" else model.net
    content = to_onnx(TrainedModel(net, model.config), wanted.io)
    hold(compare(content, model.net), wanted.precision)
    return content, {}


def _int8(model: TrainedModel, wanted: Export) -> tuple[bytes, dict[str, str]]:
    chosen = photos(wanted.photos)
    squares = [square(rgb, SIDE) for rgb in chosen.calibration]
    net = equalised(model.net, map(to_tensor, squares))
    rewrite = partial(rewritten, factor=FACTOR if wanted.for_tensorrt else WIDER)
    level = to_onnx(TrainedModel(net, model.config), wanted.io, rewrite)
    ranges, drift = calibrated(level, squares, wanted.for_tensorrt), _Drift(model, chosen)
    eight = mixed(ranges, squares, _proof(model, chosen), drift.objection)
    content = eight.content
    print("int8 in onnxruntime beside PyTorch:", *eight.found, sep="\n")
    single = to_onnx(model, wanted.io)
    facts: dict[str, str | float] = {
        "calibrator": f"{CALIBRATOR} of {len(squares)} photos at {SIDE}",
        "float": f"InstanceNorm and {eight.floats}",
        "proven_on": f"{', '.join(chosen.proof)}; each at {_LISTED} pixels",
        "least_psnr_db": round(eight.worst.psnr, 2),
        "worst": eight.worst.name,
        "loss_drift": drift.said,
        "bytes_fp32": len(single),
    }
    if not wanted.for_tensorrt:  # TensorRT's eight bits are slow on a CPU
        before, after = times([single, content], chosen.squares(LARGE)[0])
        facts["ms_at_512"], facts["ms_at_512_fp32"] = round(after, 1), round(before, 1)
        facts["baseline"] = "the export in float32, onnxruntime on this CPU"
    print(*(f"{name}: {fact}" for name, fact in facts.items()), sep="\n")
    return content, {"int8": json.dumps(facts)}


def hold(found: list[Difference], precision: str) -> None:
    """Print the differences found, and refuse those that the precision does not allow.

    Raises:
        UserError: a difference beyond what is tolerated.
    """
    print(f"{precision} in onnxruntime beside PyTorch:", *found, sep="\n")
    if all(difference.tolerated(precision) for difference in found):
        return
    allowed, mend = f"by more than {TOLERANCE} of 255", "upgrade torch, onnx and onnxruntime"
    if precision == "fp16":
        allowed, mend = f"at less than {LEAST_PSNR['fp16'][0]:g} dB", "use --precision fp32"
    raise UserError(f"the export differs from its net {allowed}; nothing was written; {mend}")


def _proof(model: TrainedModel, chosen: Photos) -> Proof:
    pictures = [
        (f"{name} at {side}x{side}", square(rgb, side))
        for side in PROOF_SIDES
        for name, rgb in chosen.proof.items()
    ]
    return Proof(pictures, [apply_net(model.net, rgb) for _, rgb in pictures])


@dataclass
class _Drift:
    """The change of the total loss, which must be small where it can be measured.

    said: the change for the last model that was asked about, in words.
    """

    model: TrainedModel
    chosen: Photos
    said: str = "not measured"

    def objection(self, content: bytes) -> str | None:
        """What is wrong with an exported model; None if nothing is."""
        ours, before = Session(content, device="cpu"), partial(apply_net, self.model.net)
        try:
            squares = self.chosen.squares(LARGE)
            drift = loss_drift(self.model.config, squares, before, ours, self.model.folder)
        except UserError as error:
            self.said = f"not measured: {error}"
            return None
        self.said = f"{drift:+.2%}"
        if abs(drift) <= MOST:
            return None
        return f"the total loss changes by {drift:+.1%}, more than {MOST:.0%}"
