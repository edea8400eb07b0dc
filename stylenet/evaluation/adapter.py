"""A peer's ONNX net as a `Net`: what its adapter file says of the net's input and output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from stylenet.pictures.color import Floats, to_bytes, to_floats
from stylenet.pictures.images import Bytes
from stylenet.pictures.resizing import resized
from stylenet.runtime.model import open_onnx
from stylenet.system.errors import UserError, first_line, reason
from stylenet.system.special_files import refuse_special

_DTYPES = ("float32", "float16", "uint8")


@dataclass(frozen=True)
class Port:
    """How an end of the net holds a picture: ``value = (pixel · range - mean) / std``.

    layout: ``NCHW`` or ``NHWC``. range: the value of white before mean and std, such as 1 or 255.
    channels: ``RGB`` or ``BGR``; mean and std have the same order. dtype: ``float32``, ``float16``
    or ``uint8``. name: the name of the net's input or output; None takes the first.

    Raises:
        UserError: another layout, order or dtype, or a range or std that is not above 0.
    """

    layout: str = "NCHW"
    range: float = 1.0
    channels: str = "RGB"
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    dtype: str = "float32"
    name: str | None = None

    def __post_init__(self) -> None:
        allowed = {"layout": ("NCHW", "NHWC"), "channels": ("RGB", "BGR"), "dtype": _DTYPES}
        for key, values in allowed.items():
            if getattr(self, key) not in values:
                raise UserError(f"{key}: {getattr(self, key)} is not one of {' '.join(values)}")
        if not _are_numbers([self.range], 1) or self.range <= 0:
            raise UserError(f"range: {self.range} is not above 0; use 1 or 255")
        if not _are_numbers(self.mean, 3) or not _are_numbers(self.std, 3) or min(self.std) <= 0:
            raise UserError("mean and std need three numbers each, those of std above 0")

    def encode(self, rgb: Bytes) -> NDArray[Any]:
        """uint8 (H, W, 3) → one picture in this layout and type."""
        pixels = to_floats(rgb)[..., :: self._order]
        values = (pixels * np.float32(self.range) - _floats(self.mean)) / _floats(self.std)
        if self.dtype == "uint8":
            values = values.round()
        if self.layout == "NCHW":
            values = values.transpose(2, 0, 1)
        return np.ascontiguousarray(values[None].astype(self.dtype))

    def decode(self, values: NDArray[Any]) -> Bytes:
        """One picture in this layout, clamped → uint8 (H, W, 3)."""
        picture = values[0].astype(np.float32)
        if self.layout == "NCHW":
            picture = picture.transpose(1, 2, 0)
        pixels = (picture * _floats(self.std) + _floats(self.mean)) / np.float32(self.range)
        return to_bytes(np.clip(pixels, 0, 1)[..., :: self._order])

    @property
    def _order(self) -> int:
        return 1 if self.channels == "RGB" else -1


@dataclass(frozen=True)
class Adapter:
    """All that is needed to run a peer's net.

    input, output: how the net takes and gives pictures. multiple: pictures are padded until both
    sides are multiples of it, and results are cropped. size: the only height and width that the net
    takes; pictures are resized to it, and results back. constants: values of the net's other
    inputs. style: the picture that the net has learnt.

    Raises:
        UserError: a multiple or size that is not above 0.
    """

    input: Port = field(default_factory=Port)
    output: Port = field(default_factory=Port)
    multiple: int = 1
    size: tuple[int, int] | None = None
    constants: Mapping[str, Any] = field(default_factory=dict)
    style: Path | None = None

    def __post_init__(self) -> None:
        if not _are_numbers([self.multiple], 1) or self.multiple < 1:
            raise UserError(f"multiple: {self.multiple} is not 1 or more")
        if self.size is not None and (not _are_numbers(self.size, 2) or min(self.size) < 1):
            raise UserError(f"size: {self.size} is not [HEIGHT, WIDTH]")
        if not isinstance(self.constants, Mapping):
            raise UserError(f"constants: {self.constants} is no mapping of input names to values")


def read_adapter(file: Path) -> Adapter:
    """The adapter in a YAML file; the path of its `style` is relative to the file's folder.

    Raises:
        UserError: no such file, no YAML, an unknown key or a wrong value.
    """
    refuse_special(file)
    try:
        content = yaml.safe_load(file.read_text()) or {}
    except OSError as error:
        raise UserError(f"cannot open {file} ({reason(error)}); check the path") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise UserError(f"{file} is no YAML file; see the README for an adapter") from None
    try:
        given = _known(content, Adapter)
        for end in ("input", "output"):
            if end in given:
                given[end] = Port(**_known(given[end], Port, end))
        if "style" in given:
            given["style"] = file.parent / str(given["style"])
        return Adapter(**given)
    except UserError as error:
        raise UserError(f"{file}: {error}") from None


def _known(content: Any, kind: type[Port | Adapter], where: str = "") -> dict[str, Any]:
    names = [part.name for part in fields(kind)]
    if not isinstance(content, dict):
        raise UserError(f"{where or 'it'} is no mapping; its keys are {' '.join(names)}")
    for key in content:
        if key not in names:
            raise UserError(f"{where and where + '.'}{key} is unknown; use {' '.join(names)}")
    return {key: tuple(v) if isinstance(v, list) else v for key, v in content.items()}


def _floats(values: tuple[float, ...]) -> Floats:
    return np.array(values, np.float32)


def _are_numbers(values: Any, count: int) -> bool:
    if not isinstance(values, list | tuple) or len(values) != count:
        return False
    return all(isinstance(value, int | float) for value in values)


class PeerNet:
    """A peer's net behind its adapter: uint8 (H, W, 3) in and out, of one size.

    threads: number of onnxruntime's threads; by default one for each core.

    Raises:
        UserError: the file cannot be opened, or lacks an input or output that the adapter names.
    """

    def __init__(self, file: Path, adapter: Adapter, threads: int | None = None) -> None:
        self.file = file
        self.adapter = adapter
        self.session = open_onnx(file, threads)
        self._input = _end(file, self.session.get_inputs(), adapter.input.name)
        self._output = _end(file, self.session.get_outputs(), adapter.output.name)
        self._constants = self._typed(adapter.constants)

    def __call__(self, rgb: Bytes) -> Bytes:
        """Stylise one picture.

        Raises:
            UserError: onnxruntime refuses what the adapter makes of it, or gives no picture.
        """
        fitted = self._fit(rgb)
        given = {self._input: self.adapter.input.encode(fitted), **self._constants}
        try:
            [values] = self.session.run([self._output], given)
        except Exception as error:  # onnxruntime has a class of its own for every kind of mistake
            told = f"{self.file} and its adapter do not fit ({first_line(error)})"
            raise UserError(told) from None
        if not _is_picture(values):
            raise UserError(f"{self.file} gives no picture as its {self._output}; mend its adapter")
        stylized = self.adapter.output.decode(values)
        if stylized.shape != fitted.shape:
            made, of = ("x".join(map(str, picture.shape)) for picture in (stylized, fitted))
            raise UserError(f"{self.file} made {made} of {of}; mend its layout or multiple")
        return self._unfit(stylized, rgb)

    def _typed(self, constants: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
        ends = self.session.get_inputs()
        types = {end.name: _dtype(end.type) for end in ends}
        for name in types:
            if name != self._input and name not in constants:
                raise UserError(f"{self.file} has an input {name}; give it under constants")
        wanted = {name: types[_end(self.file, ends, name)] for name in constants}
        try:
            return {name: np.array(constants[name], kind) for name, kind in wanted.items()}
        except (ValueError, TypeError, OverflowError):
            raise UserError(f"{self.file} takes constants of other types; mend them") from None

    def _fit(self, rgb: Bytes) -> Bytes:
        if self.adapter.size is not None:
            return resized(rgb, self.adapter.size)
        height, width = rgb.shape[:2]
        below, right = -height % self.adapter.multiple, -width % self.adapter.multiple
        return np.pad(rgb, ((0, below), (0, right), (0, 0)), mode="edge")

    def _unfit(self, stylized: Bytes, rgb: Bytes) -> Bytes:
        height, width = rgb.shape[:2]
        if self.adapter.size is not None:
            return resized(stylized, (height, width))
        return stylized[:height, :width]


def _is_picture(values: object) -> bool:
    """Whether an output is one picture of finite numbers, and no sequence, map or text."""
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "biuf":
        return False
    return values.ndim == 4 and len(values) == 1 and bool(np.isfinite(values).all())


def _end(file: Path, ends: list[Any], name: str | None) -> str:
    names = [end.name for end in ends]
    if name is not None and name not in names:
        raise UserError(f"{file} has no {name}, but {' '.join(names)}; mend its adapter")
    if not names:
        raise UserError(f"{file} has no inputs; give a net that takes a picture")
    return name or str(names[0])


def _dtype(kind: str) -> str:
    """onnxruntime's ``tensor(float)`` → ``float32``."""
    name = kind.removeprefix("tensor(").removesuffix(")")
    return {"float": "float32", "double": "float64"}.get(name, name)
