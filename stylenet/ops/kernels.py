"""Whether the compiled kernels of `stylenet.ops.cpu` are in use."""

from __future__ import annotations

from stylenet.ops.cpu.compiled import library


def are_compiled() -> bool:
    """Whether the kernels are in use: on Linux with AVX2 or AVX-512 and a C compiler.

    Without the kernels, torch does the work and takes about twice as long.
    """
    return library() is not None
