"""Which photos the engine for very many reads, and where it writes each result."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stylenet.batch.parquet import Row, plan_rows
from stylenet.pictures.folders import find_pictures
from stylenet.pictures.outputs import plan_targets
from stylenet.pictures.results import lies_in
from stylenet.system.errors import UserError


def plan_many(inputs: Sequence[Path], out: str) -> dict[Path, Path] | dict[Row, Path]:
    """Map each photo, or each row of Parquet files, to the file of its result.

    Args:
        inputs: picture files and folders, or Parquet files and folders that have them and no
            pictures. out: a folder.

    Raises:
        UserError: as of `plan_targets` and `plan_rows`; or pictures and Parquet files are mixed,
            or `out` is no folder.
    """
    files: dict[Path, Path] = {}
    for path in inputs:
        files.update(_parquet_files(path, Path(out)))
    if not files:
        targets = plan_targets(inputs, out)
        if list(targets.values()) == [Path(out)]:
            raise UserError(f"{out} is a file; give a folder, or leave out --engine ray")
        return targets
    for path in inputs:
        if not _parquet_files(path, Path(out)):
            raise UserError(f"{path} is no Parquet, {next(iter(files))} is; give one kind")
    if Path(out).is_file():
        raise UserError(f"{out} is a file; give a folder")
    return plan_rows(files, Path(out))


def _parquet_files(path: Path, out: Path) -> dict[Path, Path]:
    """Parquet files, each with the folder of its results; none in a folder that has pictures."""
    if path.is_dir():
        files = sorted(file for file in path.rglob("*.parquet") if file.is_file())
        if not files or any(not lies_in(picture, out) for picture in find_pictures(path)):
            return {}
        return {file: file.relative_to(path).with_suffix("") for file in files}
    is_parquet = path.suffix.lower() == ".parquet" and path.exists()
    return {path: Path(path.stem)} if is_parquet else {}
