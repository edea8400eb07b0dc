"""Where exported models run: onnxruntime's execution providers, by the name of the device."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from functools import cache
from importlib import import_module
from typing import Any

from stylenet.system.errors import UserError

_PROVIDERS = {
    "tensorrt": "NvTensorRTRTXExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
"""Device → its provider. A session may have several; the first of these does the work."""

DEVICES = ("auto", "cpu", "cuda", "tensorrt")
"""Where a model may be asked to run. ``auto`` takes a GPU by CUDA, if onnxruntime can use one."""

_FATAL, _WARNING = 4, 2
"""Severities of onnxruntime's messages; warnings are its default."""


def device_of(session: Any) -> str:
    """The device of an open session. onnxruntime takes the CPU if it cannot use a GPU."""
    found = session.get_providers()
    return next(device for device, provider in _PROVIDERS.items() if provider in found)


def check_device(device: str) -> None:
    """Check that onnxruntime has a provider for a device.

    Raises:
        UserError: a package or the GPU is missing, or the device is unknown.
    """
    if device not in DEVICES:
        raise UserError(f"device {device} is unknown; use {', '.join(DEVICES)}")
    onnxruntime = _onnxruntime()
    if device == "tensorrt":
        _tensorrt()
    elif device != "auto" and _PROVIDERS[device] not in onnxruntime.get_available_providers():
        raise UserError(f"onnxruntime has no {device} here; run pip install onnxruntime-gpu")


def session_on(device: str, model: str | bytes, options: Any) -> Any:
    """Open a session on a device, on the CPU if a GPU fails.

    Args:
        model: a file or its bytes. options: onnxruntime's for the session.

    Raises:
        UserError: as `check_device`.
        Exception: onnxruntime cannot open the model.
    """
    onnxruntime = _onnxruntime()
    if device == "tensorrt":
        options.add_provider_for_devices([_tensorrt()], {})
        return onnxruntime.InferenceSession(model, options)
    here = onnxruntime.get_available_providers()
    wanted = ("cuda", "cpu") if device == "auto" else (device,)
    providers = [_PROVIDERS[each] for each in wanted if _PROVIDERS[each] in here]
    if providers == [_PROVIDERS["cpu"]]:
        return onnxruntime.InferenceSession(model, options, providers)
    with _quiet(onnxruntime):
        onnxruntime.preload_dlls()
        session = onnxruntime.InferenceSession(model, options, providers)
    if device_of(session) == "cpu":
        return session
    from stylenet.runtime.bound import BoundSession

    return BoundSession(session, "cuda")


def _onnxruntime() -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise UserError("exported models need onnxruntime; run pip install onnxruntime") from None
    return onnxruntime


@contextmanager
def _quiet(onnxruntime: Any) -> Iterator[None]:
    """Without onnxruntime's messages of many lines on what it lacks for a GPU."""
    onnxruntime.set_default_logger_severity(_FATAL)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        onnxruntime.set_default_logger_severity(_WARNING)


@cache
def _tensorrt() -> Any:
    """The first GPU of TensorRT's plugin, as onnxruntime describes devices.

    Raises:
        UserError: the plugin is missing, cannot be loaded, or finds no GPU.
    """
    try:
        plugin = import_module("onnxruntime_ep_nv_tensorrt_rtx")
    except ImportError:
        raise UserError(
            "--device tensorrt needs a plugin; run pip install onnxruntime-ep-nv-tensorrt-rtx"
        ) from None
    onnxruntime, name = _onnxruntime(), plugin.get_ep_name()
    try:
        with _quiet(onnxruntime):
            onnxruntime.register_execution_provider_library(name, plugin.get_library_path())
    except Exception as error:  # a class of onnxruntime
        why = str(error).rpartition("error: ")[2].strip()
        raise UserError(f"TensorRT cannot be loaded ({why}); check the GPU's driver") from None
    found = [each for each in onnxruntime.get_ep_devices() if each.ep_name == name]
    if not found:
        raise UserError(
            "onnxruntime found no GPU for TensorRT, for which it reads /sys/class/drm; "
            "use --device cuda"
        )
    return found[0]
