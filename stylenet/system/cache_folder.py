"""The cache folder, which keeps downloads and decoded photographs between runs."""

from __future__ import annotations

import os
from pathlib import Path


def cache_dir() -> Path:
    """`$STYLENET_CACHE`, else `$XDG_CACHE_HOME/stylenet`, else `~/.cache/stylenet`; not created."""
    if chosen := os.environ.get("STYLENET_CACHE"):
        return Path(chosen).expanduser()
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base) / "stylenet"
    return Path.home() / ".cache" / "stylenet"
