"""Pictures in Parquet files: which rows there are, what their results are called, their bytes."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from stylenet.pictures.formats import file_format
from stylenet.pictures.outputs import refuse_overwriting
from stylenet.system.errors import UserError, first_line
from stylenet.system.special_files import refuse_special

_NAMES = ("path", "file_name", "filename", "name")
"""Columns that may name the pictures, the first first."""

_ROWS = 8
"""Rows that are read at once."""

_BUFFER = 2**20
"""Bytes of a file that are read at once. pyarrow would read a whole row group; now it decodes a
page at a time. Pages of its own files hold up to 1024 rows."""

_LONGEST = 200
"""Bytes of a part of a name. File systems take 255."""


class UnreadableError(UserError):
    """A row without a picture, or a Parquet file that cannot be read."""


@dataclass(frozen=True)
class Row:
    """A picture of a Parquet file: the file, and the number of the row from 0."""

    file: Path
    number: int

    def __str__(self) -> str:
        return f"{self.file}, row {self.number}"


def plan_rows(files: Mapping[Path, Path], out: Path) -> dict[Row, Path]:
    """Map each row to the file of its result, named after its path, or else its number.

    Args:
        files: Parquet files, each with the folder of its results, relative to `out`.

    Raises:
        UserError: a file is damaged or has no pictures, or a result would replace a file read.
    """
    targets: dict[Row, Path] = {}
    taken: set[Path] = set()
    for file, folder in files.items():
        for number, name in enumerate(_names(file)):
            target = out / folder / _plain(name, number)
            if target in taken:
                target = target.with_stem(f"{target.stem}-{number}")
            if target in taken:
                raise UserError(f"{file} has two pictures for {target}; rename one")
            taken.add(target)
            targets[Row(file, number)] = target
    if not targets:
        raise UserError(f"{next(iter(files))} has no rows; give files with pictures")
    refuse_overwriting(targets.values(), files)
    return targets


def _plain(name: str | None, number: int) -> Path:
    """The path of a result. Nothing in a name leads out of the folder."""
    parts = [part for part in PurePosixPath(name or "").parts if part not in ("/", "//", "..")]
    plain = "\0" not in "".join(parts) and all(len(os.fsencode(p)) <= _LONGEST for p in parts)
    path = Path(*parts) if parts and plain else Path(f"{number:06d}")
    try:
        file_format(path, transparent=False)
    except UserError:
        return path.with_name(f"{path.stem}.png")
    return path.with_suffix(path.suffix.lower())


def _names(file: Path) -> Iterator[str | None]:
    """The name of each row's picture, or None."""
    with _errors(file):
        opened = _opened(file)
        column = _picture_column(file, opened)
        schema = opened.schema_arrow
        inside = [f"{column}.path"] if _has(schema.field(column).type, "path") else []
        named = [*inside, *(name for name in _NAMES if name in schema.names and name != column)][:1]
        if not named:
            yield from [None] * opened.metadata.num_rows
            return
        for batch in opened.iter_batches(columns=named):
            for value in batch.column(0).to_pylist():
                name = value.get("path") if isinstance(value, dict) else value
                yield name if isinstance(name, str) else None


class Pictures:
    """The pictures of rows, as files. Rows that come in order are read in one sweep."""

    def __init__(self) -> None:
        self._file: Path | None = None
        self._next = 0
        self._values: Iterator[Any] = iter(())

    def read(self, row: Row) -> IO[bytes]:
        """The file of a row's picture, as it was stored.

        Raises:
            UnreadableError: the Parquet file cannot be read, or the row has no picture.
        """
        with _errors(row.file):
            if row.file != self._file or row.number < self._next:
                self._file, (self._next, self._values) = row.file, _values(row)
            for value in self._values:
                self._next += 1
                if self._next > row.number:
                    return _picture(value.as_py(), row)
        self._file = None
        raise UnreadableError(f"{row} is not there any more; run the command again")


def _picture(value: Any, row: Row) -> IO[bytes]:
    content = value.get("bytes") if isinstance(value, dict) else value
    if not isinstance(content, bytes):
        raise UnreadableError(f"{row} holds no picture; store its bytes")
    file = io.BytesIO(content)
    file.name = str(row)  # for messages
    return file


def _values(row: Row) -> tuple[int, Iterator[Any]]:
    """The pictures from the start of the row group of a row on, and the number of the first."""
    opened = _opened(row.file)
    column = _picture_column(row.file, opened)
    counts = [opened.metadata.row_group(g).num_rows for g in range(opened.num_row_groups)]
    start = group = 0
    while group < len(counts) and start + counts[group] <= row.number:
        start, group = start + counts[group], group + 1
    batches = opened.iter_batches(_ROWS, row_groups=range(group, len(counts)), columns=[column])
    return start, (value for batch in batches for value in batch.column(0))


def _picture_column(file: Path, opened: Any) -> str:
    """The column named ``image``, or the first of bytes or of structs with bytes."""
    import pyarrow

    binary = (pyarrow.types.is_binary, pyarrow.types.is_large_binary)
    fields = list(opened.schema_arrow)
    held = [f for f in fields if _has(f.type, "bytes") or any(test(f.type) for test in binary)]
    if not held:
        raise UserError(f"{file} has no column of pictures; store their bytes in a column image")
    names: list[str] = [field.name for field in held]
    return "image" if "image" in names else names[0]


def _has(kind: Any, name: str) -> bool:
    import pyarrow

    return bool(pyarrow.types.is_struct(kind)) and kind.get_field_index(name) >= 0


def _opened(file: Path) -> Any:
    import pyarrow.parquet

    refuse_special(file)
    return pyarrow.parquet.ParquetFile(file, buffer_size=_BUFFER, pre_buffer=False)


@contextmanager
def _errors(file: Path) -> Iterator[None]:
    """Turn every error that pyarrow raises on a file into a `UserError`."""
    import pyarrow

    try:
        yield
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        told = f"cannot read {file} ({first_line(error)}); check the path, or store it again"
        raise UnreadableError(told) from None
