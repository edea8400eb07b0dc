"""A trained model on disk: weights and the resolved config that rebuilds the net."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from torch import nn

from stylenet.errors import UserError
from stylenet.images import write_atomically

MODEL_FILE = "model.pt"
"""The model's name in a run folder."""


@dataclass(frozen=True)
class TrainedModel:
    """A net in evaluation mode, and the plain config it was trained with."""

    net: nn.Module
    config: dict[str, Any]


def save_model(path: Path, net: nn.Module, config: dict[str, Any]) -> None:
    """Write the net's weights and `config` to `path`, atomically.

    Args:
        config: plain containers; ``config["net"]`` has the ``_target_`` that rebuilds the net.

    Raises:
        UserError: the file cannot be written.
    """
    weights = {name: value.detach().cpu().contiguous() for name, value in net.state_dict().items()}
    content = {"config": config, "weights": weights}
    write_atomically(path, lambda file: torch.save(content, file))


def load_model(path: Path) -> TrainedModel:
    """Rebuild a net from a run folder or a model file.

    Only plain containers and tensors are unpickled, and only nets of stylenet are built.

    Raises:
        UserError: no such file, no stylenet model, or weights that do not fit the config.
    """
    file = path / MODEL_FILE if path.is_dir() else path
    content = _read(file)
    config: Any = content.get("config") if isinstance(content, dict) else None
    recipe = config.get("net") if isinstance(config, dict) else None
    target = recipe.get("_target_") if isinstance(recipe, dict) else None
    if not str(target).startswith("stylenet.nets."):
        raise UserError(f"{file} is no stylenet model; give a run folder or its {MODEL_FILE}")
    try:
        net: nn.Module = instantiate(recipe)
        net.load_state_dict(content["weights"])
    except (KeyError, RuntimeError, TypeError, InstantiationException) as error:
        detail = str(error).strip().splitlines()[-1].strip()
        raise UserError(f"{file}: weights do not fit its net ({detail}); train it again") from None
    return TrainedModel(net.eval(), config)


def _read(file: Path) -> Any:
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise UserError(f"{file} does not exist; give a run folder or a model file") from None
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError):
        raise UserError(f"{file} is no stylenet model, or is damaged; train it again") from None
