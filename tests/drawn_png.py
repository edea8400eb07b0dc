"""PNG files from raw rows and chunks, well-formed or not, for tests."""

import io
import struct
import zlib


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    width: int, height: int, depth: int, colour: int, rows: list[bytes], *chunks: bytes
) -> io.BytesIO:
    """A PNG of raw rows; `colour` as its specification counts."""
    header = chunk(b"IHDR", struct.pack(">2I5B", width, height, depth, colour, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
    parts = [b"\x89PNG\r\n\x1a\n", header, *chunks, data, chunk(b"IEND", b"")]
    return io.BytesIO(b"".join(parts))
