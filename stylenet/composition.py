"""Composing the config, and building what it names: what goes wrong with either in one line."""

from __future__ import annotations

import re
import shlex
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import (
    HydraException,
    MissingConfigException,
    OverrideParseException,
)
from lightning_fabric.utilities.exceptions import MisconfigurationException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from stylenet.checks import arguments, check
from stylenet.errors import UserError, find_user_error
from stylenet.quoting import parsed, quoted_for_shell
from stylenet.spelling import did_you_mean, dotted, near_keys, near_words

_PACKAGE = Path(__file__).parent
FOLDER = _PACKAGE / "conf" if (_PACKAGE / "conf").is_dir() else _PACKAGE.parent / "conf"
"""Inside the package when installed from a wheel, beside it in a checkout."""

_COMPOSING = (HydraException, OmegaConfBaseException)
_BUILDING = (*_COMPOSING, MisconfigurationException, TypeError, ValueError)

_NO_CHOICE = "Config group override must be a string or a list"
"""Hydra's words, in a plain ValueError, for ``style=null``."""

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

_LOST = re.compile(r"Could not (?:load|find) '(.+?)'")

_SHOWN = 12
"""Keys that are listed where none is near."""


@contextmanager
def composing(overrides: Sequence[str], job: Callable[..., Any] | None = None) -> Iterator[None]:
    """Turn what Hydra or OmegaConf say of `overrides` into a `UserError`.

    Args:
        overrides: of the command line.
        job: what Hydra runs with the config; errors from within it are left as they are.
    """
    try:
        yield
    except (*_COMPOSING, ValueError) as error:
        if not isinstance(error, _COMPOSING) and _NO_CHOICE not in str(error):
            raise
        frames = traceback.walk_tb(error.__traceback__)
        if job is not None and any(frame.f_code is job.__code__ for frame, _ in frames):
            raise
        # Raised by a resolver of ours, and wrapped.
        user_error = find_user_error(error) or find_user_error(error.__context__)
        raise user_error or UserError(_said(error, overrides)) from error


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
        if not isinstance(cause, _OF_A_VALUE) or not _packages(cause) <= _NOT_THE_USERS:
            raise
        raise UserError(f"config: {_one_line(error)}") from error


@contextmanager
def fitting() -> Iterator[None]:
    """Turn what Lightning says of its own settings, as it sets out, into a `UserError`."""
    try:
        yield
    except MisconfigurationException as error:
        if not _packages(error, after=2) <= _LIGHTNING:  # of this function, and of the caller
            raise
        raise UserError(f"trainer: {_one_line(error)}") from error


def composed(overrides: Sequence[str], known: set[str]) -> DictConfig:
    """The config that training would have with `overrides`, without Hydra's own part, checked.

    Args:
        known: its top-level keys.

    Raises:
        UserError: an override that names nothing or has a wrong value.
    """
    with composing(overrides), initialised():
        cfg = compose("train", list(overrides))
        check(resolve(cfg, known, overrides), reference(overrides))
    return cfg


def reference(
    overrides: Sequence[str], name: str = "train", resolved: bool = True
) -> dict[str, Any]:
    """The config with the choices of `overrides`, but not their values.

    Hydra must be initialised.

    Args:
        name: of the config. resolved: all values are final.
    """
    kept = [override for override in overrides if _chooses(override)]
    device = "trainer.accelerator=cpu"  # others may not be here
    try:
        cfg = compose(name, [*kept, device])
    except _COMPOSING:  # choices that go with a value, such as one deleted
        cfg = compose(name, [device])
    content = OmegaConf.to_container(cfg, resolve=resolved)
    assert isinstance(content, dict)
    return {str(key): value for key, value in content.items()}


def _chooses(override: str) -> bool:
    """Whether `override` makes one choice in a config group of what is trained."""
    read = parsed(override)
    if read is None or read.is_delete() or read.is_sweep_override():
        return False
    group = str(read.key_or_group)
    return not group.startswith("hydra") and bool(_choices(group))


def resolve(cfg: DictConfig, known: set[str], overrides: Sequence[str] = ()) -> dict[str, Any]:
    """The config as plain containers, all values final.

    Args:
        known: its top-level keys. overrides: that it has been composed with.

    Raises:
        UserError: a top-level key that is not `known` (Hydra takes a misspelled one in an
            experiment file without a word), a missing value or a broken interpolation.
    """
    unknown = sorted(set(map(str, cfg)) - known)
    if unknown:
        near = near_keys(unknown[0], [*known, *dotted(OmegaConf.to_container(cfg))])
        others = did_you_mean(near) or f"; known are {', '.join(sorted(known))}"
        raise UserError(f"unknown config key {unknown[0]}{others}")
    with composing(overrides):
        config = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    assert isinstance(config, dict)
    return {str(key): value for key, value in config.items()}


def _packages(error: BaseException, after: int = 1) -> set[str]:
    """The packages of the code that `error` came through, but for the first `after` frames."""
    found = set()
    for frame, _ in list(traceback.walk_tb(error.__traceback__))[after:]:
        spec = frame.f_globals.get("__spec__")  # of a module that is run, as its name is not
        name = spec.name if spec else str(frame.f_globals.get("__name__"))
        found.add(name.partition(".")[0])
    return found


def _said(error: Exception, overrides: Sequence[str]) -> str:
    """What `error` says of `overrides`, with the mend."""
    if isinstance(error, OverrideParseException):
        return _unreadable(error.override)
    if isinstance(error, MissingConfigException):
        lost = error.missing_cfg_file or _LOST.search(str(error))
        return _no_choice(lost if isinstance(lost, str) else lost[1]) if lost else _one_line(error)
    if isinstance(error, OmegaConfBaseException):
        return _unresolved(error, overrides)
    return _misplaced(error, overrides)


def _unresolved(error: Exception, overrides: Sequence[str]) -> str:
    """A value that another is made of, and cannot be."""
    text = _one_line(error)
    named = re.search(r"dereferencing interpolation '\$\{([\w.]+)\}'", text)
    for override in overrides:
        if "${" in override:
            hint = f"a ${{ that is part of a name is written {quoted_for_shell(override)}"
            return f"{_flat(override)}: {text}; {hint}"
        if named and parsed_key(override) == named[1]:
            hint = f"; as a name it is written {quoted_for_shell(override)}"
            given = override.partition("=")[2]
            return f"{_flat(override)} should be text{hint if given != 'null' else ''}"
    return f"config: {text}"


def _unreadable(override: str) -> str:
    key, equals, _ = override.partition("=")
    shown = _flat(override)
    if not equals:
        return (
            f"{shown} sets nothing; write KEY=VALUE, such as style=udnie or task.optimizer.lr=1e-3"
        )
    if parsed(f"{key}=1") is None:
        return f"{shown}: {_flat(key) or 'nothing'} is no key; write KEY=VALUE, such as style=udnie"
    return (
        f"{shown} cannot be read, as {key} has characters that need quotes;"
        f" write {_flat(quoted_for_shell(override))}"
    )


def _no_choice(file: str) -> str:
    """That there is no such file in a config group."""
    group, _, choice = file.rpartition("/")
    with initialised():
        options = _choices(group)
    near = did_you_mean(f"{group}={name}" for name in near_words(choice, options))
    there = f"There are {', '.join(options)}" if options else "There is no such group"
    return f"{group}={choice}: there is no such {group}{near or '.'} {there}"


def _misplaced(error: Exception, overrides: Sequence[str]) -> str:
    """An override that cannot be where it is."""
    text = _one_line(error)
    several = re.match(r"Ambiguous value for argument '(.*)' 1\.", text)
    if several:
        override = next((o for o in overrides if _flat(o) == several[1]), several[1])
        listed = shlex.quote("{}=[{}]".format(*override.partition("=")[::2]))
        return (
            f"{several[1]}: several values are a sweep, which takes -m; a value with a comma is"
            f" written {_flat(quoted_for_shell(override))}, a list {listed}"
        )
    if _NO_CHOICE in text:
        return _no_group(overrides) or f"config: {text}"
    unknown = re.search(r"Could not (?:override|delete from config\.) '(.*?)'", text)
    if unknown:
        key = unknown[1]
        given = next((o for o in overrides if parsed_key(o) == key), None)
        return _unknown(key, given, overrides)
    there = re.match(r"Could not append to config\. An item is already at '(.*?)'", text)
    if there:
        return f"+{there[1]}: {there[1]} is there already; leave out the +"
    return f"config: {text}"


def _no_group(overrides: Sequence[str]) -> str | None:
    for override in overrides:
        read = parsed(override)
        if read is not None and not read.is_sweep_override() and read.value() is None:
            with initialised():
                options = _choices(str(read.key_or_group))
            if options:
                choose = f"choose one of {', '.join(options)}"
                return f"{read.input_line} is no choice; leave it out, or {choose}"
    return None


def _unknown(key: str, override: str | None, overrides: Sequence[str]) -> str:
    """That there is no `key`, and which there is."""
    value = "" if override is None or "=" not in override else override.partition("=")[2]
    ending = f"={value}" if value else ""
    shown = _flat(override or key)
    taker = _takes(key, overrides)
    if taker:
        return f"{shown}: the config has no {key} yet, which {taker} takes; a plus sign adds it"
    known = _known(overrides)
    near = [f"{name}{ending}" for name in near_keys(key, known)]
    if near:
        return f"{shown}: there is no {key}{_flat(did_you_mean(near))}"
    inside = [name for name in known if name.startswith(f"{key.rpartition('.')[0]}.")]
    listed = [name for name in inside if name.count(".") == key.count(".")] or [
        name for name in known if "." not in name
    ]
    return f"{shown}: there is no {key}; there are {', '.join(listed[:_SHOWN])}"


def _takes(key: str, overrides: Sequence[str]) -> str | None:
    """The name of the class that takes the value of `key`, which the config does not have."""
    parent, _, leaf = key.rpartition(".")
    with initialised():
        target = OmegaConf.select(OmegaConf.create(reference(overrides)), f"{parent}._target_")
    taken = arguments(str(target)) if target else None
    return str(target).rpartition(".")[2] if taken and leaf in taken else None


def parsed_key(override: str) -> str | None:
    """The key or group of ``KEY=VALUE``, without signs before it; None where it cannot be read."""
    read = parsed(override)
    return None if read is None else str(read.key_or_group)


def _known(overrides: Sequence[str]) -> list[str]:
    """Every key that training has with the choices of `overrides`."""
    with initialised():
        return dotted(reference(overrides, resolved=False))


def _choices(group: str) -> list[str]:
    """The choices of a config group; none where `group` is a key."""
    return list(GlobalHydra.instance().config_loader().get_group_options(group) or [])


@contextmanager
def initialised() -> Iterator[None]:
    """Hydra as it is or, where it has come to its end, anew."""
    if GlobalHydra.instance().is_initialized():
        yield
    else:
        with initialize_config_dir(str(FOLDER.resolve()), version_base="1.3"):
            yield


def _one_line(error: Exception) -> str:
    """What `error` says, without repetitions, and without advice to add what is unknown."""
    text = str(error)
    for end in ("full_key", "Config search path", "To append to your", "See https://hydra.cc"):
        text = text.split(end)[0]
    return _flat(text)


def _flat(text: str) -> str:
    return " ".join(text.split())
