"""Building what a config names: values that its classes cannot take, told from faults in them."""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from hydra.errors import HydraException
from lightning_fabric.utilities.exceptions import MisconfigurationException
from omegaconf.errors import OmegaConfBaseException

from stylenet.config.complaints import one_line
from stylenet.system.errors import UserError, find_user_error

_BUILDING = (
    *(HydraException, OmegaConfBaseException, MisconfigurationException),
    *(TypeError, ValueError),
)

_OF_A_VALUE = (*_BUILDING, RuntimeError, ImportError, OSError)
"""What a class raises for a value that it cannot take. Other errors are faults of the class."""

_NOT_THE_USERS = sys.stdlib_module_names | {
    *("stylenet", "hydra", "omegaconf", "pytorch_lightning", "lightning_fabric"),
    *("lightning_utilities", "torch", "torchvision", "numpy", "PIL", "wandb", "tensorboard"),
}
"""Packages in whose code an error means a value that they cannot take."""

_LIGHTNING = {"pytorch_lightning", "lightning_fabric", "lightning_utilities"} | set(
    sys.stdlib_module_names
)


@contextmanager
def building() -> Iterator[None]:
    """Turn what Hydra, Lightning or a class says of a value it cannot take into a `UserError`.

    A fault in a class of the user's own is left as it is, with its traceback.
    """
    try:
        yield
    except _BUILDING as error:
        user_error = find_user_error(error) or find_user_error(error.__context__)
        if user_error:  # raised by a class or a resolver of ours, wrapped by Hydra or OmegaConf
            raise user_error from error
        cause = error.__cause__ or error
        if not isinstance(cause, _OF_A_VALUE) or not _packages(error) <= _NOT_THE_USERS:
            raise
        key = re.search(r"full_key: (\S+)", str(error))
        raise UserError(f"{key[1] if key else 'config'}: {one_line(error)}") from error


@contextmanager
def fitting() -> Iterator[None]:
    """Turn what Lightning says of its own settings, as it sets out, into a `UserError`."""
    try:
        yield
    except MisconfigurationException as error:
        if not _packages(error) <= _LIGHTNING:
            raise
        raise UserError(f"trainer: {one_line(error)}") from error


def _packages(error: BaseException) -> set[str]:
    """The packages of the code that `error` and its causes came through, below the caller's."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)][2:]  # here, the caller
    cause = error.__cause__
    while cause is not None:
        frames += [frame for frame, _ in traceback.walk_tb(cause.__traceback__)]
        cause = cause.__cause__
    found = set()
    for frame in frames:
        spec = frame.f_globals.get("__spec__")  # of a module that is run, as its name is not
        name = spec.name if spec else str(frame.f_globals.get("__name__"))
        found.add(name.partition(".")[0])
    return found
