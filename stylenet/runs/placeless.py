"""A run's settings without its user's folders, for eyes other than the user's."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from stylenet.runs.resume import is_path
from stylenet.runs.saved_config import leaves

_WITHIN = re.compile(r"(?<![\w.:/~<])~?/(?:[^\s/,;'\"]*/)*(?=[^\s/,;'\"])")
"""The folders of an absolute path within a text. An address such as ``https://…`` has none,
nor has a tag such as ``</title>``."""

_OF_RUNS = frozenset({"run", "ckpt", "folder", "checkpoint", "default_root_dir", "save_dir"})
"""Last parts of the keys whose values are places of the run itself."""

_LISTED = re.compile("[,;] ")
"""What stands between the parts of a note, which is no path then."""


def without_folders(value: Any, config: dict[str, Any] | None = None) -> Any:
    """`value` with the last parts alone of all paths. Names of datasets and addresses stay.

    Args:
        value: plain containers.
        config: the config whose paths stand in `value`; None if it is `value` itself.
    """
    paths = {text for name, text in leaves(value if config is None else config) if _is(name, text)}
    return _shortened(value, sorted(paths, key=len, reverse=True))


def without_place(overrides: Iterable[str]) -> list[str]:
    """The overrides of a training but for those that name its folder, or what it resumes."""
    return [each for each in overrides if each.split("=")[0].lstrip("+") not in ("run", "ckpt")]


def _is(name: str, value: Any) -> bool:
    if not isinstance(value, str) or "/" not in value or "://" in value:
        return False
    if name.split(".")[-1] in _OF_RUNS:
        return True
    if is_path(name) or name == "data.validation":
        return not name.endswith("hub") or value.startswith(("/", "~", "."))  # or a dataset's name
    return value.startswith(("/", "~")) and not _LISTED.search(value)


def _name(path: str) -> str:
    """The last part of a path; empty for the places that have no name."""
    return "" if Path(path).name == ".." else Path(path).name


def _shortened(value: Any, paths: list[str]) -> Any:
    if isinstance(value, dict):
        return {key: _shortened(inner, paths) for key, inner in value.items()}
    if isinstance(value, list):
        return [_shortened(inner, paths) for inner in value]
    if not isinstance(value, str) or "/" not in value:
        return value
    for path in filter(_name, paths):
        whole = rf"(?<![\w./~-]){re.escape(path.rstrip('/'))}(?![\w.-])"
        value = re.sub(whole, _name(path).replace("\\", r"\\"), value)
    return _WITHIN.sub("", value)
