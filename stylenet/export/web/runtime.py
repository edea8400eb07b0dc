"""The files of onnxruntime-web that a page needs, of one version, each held against its hash."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from stylenet.system.errors import UserError, reason

VERSION = "1.30.0"
"""The version of npm's package ``onnxruntime-web``."""

CDN = f"https://cdn.jsdelivr.net/npm/onnxruntime-web@{VERSION}/dist/"
"""Where the package's files lie on the web."""

COPIED = "runtime/"
"""Where copied files lie, below the page."""

BUILDS = {
    "webgpu": ("ort.webgpu.bundle.min.mjs", "ort-wasm-simd-threaded.asyncify.wasm"),
    "wasm": ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"),
}
"""Script and WebAssembly of each backend. A browser loads one pair."""

HASHES = {
    "ort.webgpu.bundle.min.mjs": (
        "sha384-1ntMeyj+z5diX6vBR5h+zlJBPc4iNvhCxE6nlammh8daBYcLBZkzrwDkuJjhwI+f"
    ),
    "ort-wasm-simd-threaded.asyncify.wasm": (
        "sha384-EPVDLTxuO663dkZO/pcKJF6vOyyfq/5z9FY1oksN0UWFX2ABH4wDDZQHeNoUleWR"
    ),
    "ort.wasm.bundle.min.mjs": (
        "sha384-PLWz+nHEVHpjwBsO0YVdvQj6n5814Iv8E3b8FG0Rp/uIAtjFMCKOpP66iPzedrIG"
    ),
    "ort-wasm-simd-threaded.wasm": (
        "sha384-vjBJ1z7qrhkTyYsNqKeF6c7N+nOJSU94czEo+tvZcu8G75JparGq9kB+kTnEUNVM"
    ),
}
"""The sha384 of each file, as browsers take it for subresource integrity."""

_MEND = f"run npm install onnxruntime-web@{VERSION} and give node_modules/onnxruntime-web"


def read_runtime(folder: Path) -> dict[str, bytes]:
    """The needed files of npm's package, by name.

    Args:
        folder: the package's folder, or the folder ``dist`` in it.

    Raises:
        UserError: a file is missing, cannot be read, or is of another version.
    """
    inner = folder / "dist"
    place = inner if inner.is_dir() else folder
    return {name: _read(place / name) for name in HASHES}


def integrity(content: bytes) -> str:
    """The sha384 of a file's bytes, as browsers take it."""
    return "sha384-" + base64.b64encode(hashlib.sha384(content).digest()).decode()


def _read(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot open {path} ({reason(error)}); {_MEND}") from None
    if integrity(content) != HASHES[path.name]:
        raise UserError(f"{path} is not of onnxruntime-web {VERSION}; {_MEND}")
    return content
