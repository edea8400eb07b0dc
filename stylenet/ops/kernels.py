"""Whether the compiled kernels of `stylenet.ops.cpu` do the work here."""

from __future__ import annotations

from stylenet.ops.cpu.compiled import library


def are_compiled() -> bool:
    """True on Linux with AVX2 or AVX-512 and a C compiler; otherwise torch takes twice as long."""
    return library() is not None
