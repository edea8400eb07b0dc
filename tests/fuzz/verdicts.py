"""What is right for a damaged file: one line that refuses it, or the very result of the whole one.

A verdict is None where that holds; otherwise it says what was wrong.
"""

import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from stylenet.callbacks.resume import AtomicCheckpointIO
from stylenet.models.checkpoint import load_model
from stylenet.nets.apply import apply_net
from stylenet.pictures.images import read_picture
from stylenet.runtime import Session
from stylenet.system.errors import UserError

Verdict = str | None
Judge = Callable[[bytes], Verdict]

SLOW = 10.0
"""Seconds that no small file may take, even on a busy machine."""

SHAPE = (40, 48)
"""Height and width in pixels of the picture that models are tried on."""


def attempt(action: Callable[[], Verdict]) -> Verdict:
    """The verdict of `action`, which may refuse by a `UserError` of one line."""
    start = time.perf_counter()
    try:
        verdict = action()
    except UserError as error:
        verdict = None if str(error) and "\n" not in str(error) else f"lines: {error!r}"
    except Exception as error:  # whatever it is, a user would see its traceback
        verdict = f"traceback: {error!r}"
    seconds = time.perf_counter() - start
    return verdict if seconds < SLOW else f"slow: {seconds:.1f} s"


def pictures(folder: Path, suffix: str) -> Judge:
    """Of bytes as a picture file: refused, or decoded to sRGB bytes."""
    file = folder / f"damaged{suffix}"

    def judge(data: bytes) -> Verdict:
        file.write_bytes(data)

        def read() -> Verdict:
            picture = read_picture(file)
            right = picture.rgb.dtype == np.uint8 and picture.rgb.shape == (*picture.size, 3)
            alpha = picture.alpha
            right &= alpha is None or (alpha.dtype == np.uint8 and alpha.shape == picture.size)
            return None if right and min(picture.size) > 0 else f"shape: {picture.rgb.shape}"

        return attempt(read)

    return judge


def models(whole: Path, suffix: str) -> Judge:
    """Of bytes as a ``model.pt`` or an ``.onnx``: refused, or the pixels of the whole file."""
    stylise = _exported if suffix == ".onnx" else _trained
    photo = np.random.default_rng(0).integers(0, 256, (*SHAPE, 3), dtype=np.uint8)
    expected = stylise(whole)(photo)
    file = whole.with_name(f"damaged{suffix}")

    def judge(data: bytes) -> Verdict:
        file.write_bytes(data)

        def run() -> Verdict:
            return None if np.array_equal(stylise(file)(photo), expected) else "other pixels"

        return attempt(run)

    return judge


def _trained(file: Path) -> Callable[[np.ndarray], np.ndarray]:
    net = load_model(file).net
    return lambda photo: apply_net(net, photo)


def _exported(file: Path) -> Callable[[np.ndarray], np.ndarray]:
    return Session(file, "cpu", threads=1)


def checkpoints(whole: Path) -> Judge:
    """Of bytes as a ``last.ckpt``: refused, or the state of the whole file to the bit."""
    expected = AtomicCheckpointIO().load_checkpoint(whole, weights_only=True)
    file = whole.with_name("damaged.ckpt")

    def judge(data: bytes) -> Verdict:
        file.write_bytes(data)

        def load() -> Verdict:
            found = AtomicCheckpointIO().load_checkpoint(file, weights_only=True)
            return None if same(found, expected) else "another state"

        return attempt(load)

    return judge


def same(a: Any, b: Any) -> bool:
    """Whether two states are equal to the bit, tensors and containers of them."""
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


def drawn_files() -> dict[str, bytes]:
    """Small whole pictures of every format that is read, by suffix: a photo drawn on the spot."""
    y, x = np.mgrid[:48, :64]
    rgb = np.stack([4 * x, 5 * y, 127 + 120 * np.sin(x / 3 + y / 7)], -1).astype(np.uint8)
    image = Image.fromarray(rgb)
    see_through = image.copy()
    see_through.putalpha(Image.fromarray((x * 4).astype(np.uint8)))
    grey16 = Image.fromarray((x * 1000).astype(np.uint16))
    exif = image.getexif()
    exif[0x0112] = 6  # orientation: a quarter turn
    files = {
        ".jpg": (image, {"exif": exif}),
        ".png": (see_through, {}),
        ".webp": (see_through, {}),
        ".tif": (grey16, {}),
        ".tiff": (image, {"compression": "tiff_lzw"}),
        ".gif": (image, {}),
        ".bmp": (image, {}),
    }
    return {suffix: _encoded(suffix, *each) for suffix, each in files.items()}


def _encoded(suffix: str, image: Image.Image, options: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    image.save(file, Image.registered_extensions()[suffix], **options)
    return file.getvalue()
