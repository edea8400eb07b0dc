"""Errors while building a config's objects: values that a class rejects, or faults in the class."""

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

_BUILDING_ERRORS = (
    *(HydraException, OmegaConfBaseException, MisconfigurationException),
    *(TypeError, ValueError),
)

_VALUE_ERRORS = (*_BUILDING_ERRORS, RuntimeError, ImportError, OSError)
"""Errors that a class raises for a value that it rejects. Other errors are faults in the class."""

_LIBRARIES = sys.stdlib_module_names | {
    *("stylenet", "hydra", "omegaconf", "pytorch_lightning", "lightning_fabric"),
    *("lightning_utilities", "torch", "torchvision", "numpy", "PIL", "wandb", "tensorboard"),
}
"""Packages whose errors mean that they reject a value. Errors in other packages are faults."""

_LIGHTNING = {"pytorch_lightning", "lightning_fabric", "lightning_utilities"} | set(
    sys.stdlib_module_names
)


@contextmanager
def building() -> Iterator[None]:
    """Turn an error of Hydra, Lightning or a class that rejects a value into a `UserError`.

    A fault in a user's own class keeps its traceback.
    """
    try:
        yield
    except _BUILDING_ERRORS as error:
        user_error = find_user_error(error) or find_user_error(error.__context__)
        if user_error:  # raised in stylenet, wrapped by Hydra or OmegaConf
            raise user_error from error
        cause = error.__cause__ or error
        if not isinstance(cause, _VALUE_ERRORS) or not _packages(error) <= _LIBRARIES:
            raise
        key = re.search(r"full_key: (\S+)", str(error))
        raise UserError(f"{key[1] if key else 'config'}: {one_line(error)}") from error


@contextmanager
def fitting() -> Iterator[None]:
    """Turn Lightning's error on its settings, raised when training starts, into a `UserError`."""
    try:
        yield
    except MisconfigurationException as error:
        if not _packages(error) <= _LIGHTNING:
            raise
        raise UserError(f"trainer: {one_line(error)}") from error


def _packages(error: BaseException) -> set[str]:
    """The packages of the code that `error` and its causes passed through, below the caller."""
    # The first two frames are this module's and the caller's.
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)][2:]
    cause = error.__cause__
    while cause is not None:
        frames += [frame for frame, _ in traceback.walk_tb(cause.__traceback__)]
        cause = cause.__cause__
    found = set()
    for frame in frames:
        spec = frame.f_globals.get("__spec__")  # a module that is run has the name __main__
        name = spec.name if spec else str(frame.f_globals.get("__name__"))
        found.add(name.partition(".")[0])
    return found
