"""Settings that depend on the hardware, such as steps. They are chosen when the config resolves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from stylenet.ops import kernels
from stylenet.system.errors import UserError


def kind(accelerator: str) -> str:
    """The hardware a Lightning `accelerator` name stands for: ``gpu``, ``cpu_bf16`` or ``cpu``.

    ``cpu_bf16`` is a CPU that multiplies bfloat16 natively, about twice as fast as float32.

    Raises:
        UserError: a GPU is asked for, but there is none.
    """
    has_gpu = torch.cuda.is_available()
    if accelerator in ("gpu", "cuda") and not has_gpu:
        raise UserError(f"trainer.accelerator={accelerator}: no GPU found; use trainer=cpu")
    if has_gpu and accelerator in ("auto", "gpu", "cuda"):
        return "gpu"
    # A private name: torch 2.5, the oldest that is supported, has no public one.
    return "cpu_bf16" if torch.cpu._is_avx512_bf16_supported() else "cpu"


def choose(accelerator: str, choices: Mapping[str, Any]) -> Any:
    """The entry of `choices` (``gpu``, ``cpu_bf16``, ``cpu``) for the hardware found.

    Optional entries ``cpu_bf16_plain`` and ``cpu_plain`` are for a CPU without the compiled
    kernels, which takes about twice as long.
    """
    found = kind(accelerator)
    plain = f"{found}_plain"
    return choices[plain] if plain in choices and not kernels.are_compiled() else choices[found]
