"""Whether a run may be resumed: its settings and files at the start against those of today."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stylenet.pictures.outputs import model_file
from stylenet.runs.saved_config import CONFIG, leaves, read_config
from stylenet.system.errors import UserError
from stylenet.system.integrity import sha256_of

NOTES = frozenset(
    {"style_picture", "started_from", "measured", "pictures", "credits", "files", "processes"}
)
"""Keys that training adds to the config, on the pictures and files that the user's values name."""

_FREE_TO_CHANGE = frozenset(
    {"ckpt", "name", "run", "logger", "callbacks", "experiment", "score", "scene", "strokes"}
    | {"style.name", "data.workers", "data.validation", "trainer.accelerator"}
    | {"trainer.default_root_dir", "trainer.max_time", "trainer.max_epochs"}
    | {"trainer._target_", "trainer.graph", "trainer.compile"}
    | {"style.licence", "data.licence", "task.preview.licence"}
)
"""Keys that may differ when a run is resumed, because they do not affect the weights."""

_PATHS = frozenset({"image", "path", "hub", "paintings", "styles", "weights", "init"})
"""Last parts of the keys whose values are paths. Some of them may also be names."""

_FOLDER = "a folder"


def contents(config: dict[str, Any]) -> dict[str, str]:
    """The content behind each path in `config`, by key: the sha256 of a file, or ``a folder``.

    A run folder stands for its model file. The data module notes the content of picture folders.

    Raises:
        UserError: a file cannot be read.
    """
    found = {}
    for name, value in leaves(config):
        if isinstance(value, str) and is_path(name):
            path = Path(value).expanduser()
            file = model_file(path)
            if file.is_file():
                found[name] = sha256_of(file)
            elif path.is_dir():
                found[name] = _FOLDER
    return found


def is_path(name: str) -> bool:
    """Whether the value of a dotted key is a path, or a name that stands for one."""
    parts = [part for part in name.split(".") if not part.isdigit()]
    return parts[-1] in _PATHS and parts[0] not in _FREE_TO_CHANGE


def check_resumable(config: dict[str, Any], run: Path) -> dict[str, Any]:
    """Compare the config of a resumed run, notes included, with the config of its start.

    Paths may differ if their contents are the same.

    Returns:
        The config that `run` was started with.

    Raises:
        UserError: a difference affects the weights, or `run` holds no config.
    """
    before = read_config(run)
    if before is None:
        raise UserError(
            f"{run / CONFIG} is missing or damaged; resume from a checkpoint in its run"
        )
    found = (
        _other_setting(before, config)
        or _other_style(before, config)
        or _other_file(before, config)
        or _other_pictures(before, config)
        or _other_processes(before, config)
    )
    if found:
        raise UserError(f"{run} was started with {found}; give the same to resume")
    return before


def is_config_of(run: Path, config: dict[Any, Any]) -> bool:
    """Whether `run` was started with the settings of `config`. File contents are not compared."""
    before = read_config(run)
    return before is not None and _settings(before) == _settings(config)


def _settings(config: dict[Any, Any]) -> dict[str, Any]:
    """The settings that may not change, by dotted key, without the notes."""
    return {
        name: value
        for name, value in leaves({k: v for k, v in config.items() if k not in NOTES})
        if not any(f"{name}.".startswith(f"{free}.") for free in _FREE_TO_CHANGE)
        and not (name.endswith("loss.vigour") and value == 0)  # as in runs from before it
    }


def _other_setting(before: dict[str, Any], now: dict[str, Any]) -> str | None:
    """The first setting that differs, in words. A path to the same content does not differ."""
    then, today = _settings(before), _settings(now)
    behind, behind_now = _note(before, "files"), _note(now, "files")
    for name in sorted(then.keys() | today.keys()):
        moved = behind.get(name) is not None and behind.get(name) == behind_now.get(name)
        if then.get(name) != today.get(name) and not moved:
            return f"{name}={then.get(name)}, now {today.get(name)}"
    return None


def _other_style(before: dict[str, Any], now: dict[str, Any]) -> str | None:
    style, style_now = _note(before, "style_picture"), _note(now, "style_picture")
    if style.get("origin") == "collection" and len(_note(before, "pictures")) > 1:
        return None  # a collection's sum includes its paths; `_other_pictures` compares it
    then, today = style.get("sha256"), style_now.get("sha256")
    return None if then == today else f"style_picture.sha256={then}, now {today}"


def _other_file(before: dict[str, Any], now: dict[str, Any]) -> str | None:
    behind, behind_now = _note(before, "files"), _note(now, "files")
    for name in sorted(behind.keys() & behind_now.keys() - {"init"}):  # the run has its own weights
        if behind[name] != behind_now[name]:
            return f"another content of the file in {name}"
    return None


def _other_pictures(before: dict[str, Any], now: dict[str, Any]) -> str | None:
    sets, sets_now = _note(before, "pictures"), _note(now, "pictures")
    for name in sorted(sets.keys() & sets_now.keys()):
        then, today = _note(sets, name), _note(sets_now, name)
        told = [key for key in today if None not in (then.get(key), today[key])]
        if any(then[key] != today[key] for key in told):
            counts = (then.get("count"), today.get("count"))
            return f"other {name}" + ("" if None in counts else f" ({counts[0]}, now {counts[1]})")
    return None


def _other_processes(before: dict[str, Any], now: dict[str, Any]) -> str | None:
    """Of another number of processes, since a step has as many batches."""
    then, today = (config.get("processes", 1) for config in (before, now))
    return None if then == today else f"{then} processes, now {today}"


def _note(config: dict[str, Any], name: str) -> dict[str, Any]:
    """A mapping in the config; empty if it is missing, as in configs of earlier versions."""
    note = config.get(name)
    return note if isinstance(note, dict) else {}
