"""Decode training photographs ahead of time: ``python -m stylenet.prepare data=folder …``.

The command takes the overrides of `stylenet.train` and fills the cache that this training will
open. Killed at any time, the same command continues where it was.
"""

from __future__ import annotations

import sys

from stylenet.commands.prepare import parser
from stylenet.system.errors import interrupted
from stylenet.system.loading import say_loading

if __name__ == "__main__":  # before the imports below, which take seconds
    sys.excepthook = interrupted
    parser().parse_args()  # shows help, and mistakes, at once
    say_loading()

import shlex
import time
from collections.abc import Sequence
from dataclasses import astuple, fields
from pathlib import Path

from hydra.utils import instantiate

from stylenet.config import compose as configs
from stylenet.data.balance import Balance, balances, table
from stylenet.data.duplicates import find_duplicates
from stylenet.data.index import Index, append_duplicates, locked, read_index
from stylenet.data.module import PhotoDataModule
from stylenet.data.photo_cache import bad_list, build, cache_file, index_file, write_table
from stylenet.data.source import PhotoSource
from stylenet.data.stream import HubStream
from stylenet.system.errors import UserError, cannot_write, exit_on_user_error
from stylenet.system.program import program, say_next


def data_module(overrides: Sequence[str]) -> PhotoDataModule:
    """The data module that a training with the same `overrides` builds.

    Raises:
        UserError: an override that names nothing or has a wrong value.
    """
    cfg = configs.composed(overrides)
    with configs.building():
        data = instantiate(cfg.data)
    assert isinstance(data, PhotoDataModule)
    return data


def prepare(data: PhotoDataModule) -> None:
    """Fill the caches of `data`, mark duplicates and print what the caches hold.

    Beside each cache lie CSV files of the bad pictures, the duplicates and the classes. There is no
    file for what was not found.

    Raises:
        UserError: the source is streamed, or as `open_cache`.
    """
    if isinstance(data.source, HubStream):
        raise UserError("data.streaming=true uses no cache; leave it out to prepare one")
    _prepare(data.source, data.cache_side)
    if data.paintings is not None:
        _prepare(data.paintings, data.cache_side)
    if data.styles is not None:
        _prepare(data.styles, data.style_side)


def _prepare(source: PhotoSource, side: int) -> None:
    start = time.perf_counter()
    decoded = build(source, side)
    seconds = time.perf_counter() - start
    cache = cache_file(source, side)
    index = _without_duplicates(cache)
    good = sum(entry.shape is not None for entry in index.entries)
    print(
        f"{source.title}: {good} of {len(index.entries)} pictures are in {cache}"
        f" ({index.size / 1e9:.2f} GB, shorter side {side})"
    )
    if decoded:
        print(f"decoded {decoded} in {seconds:.1f} s, {decoded / seconds:.0f} images/s")
    if good < len(index.entries):
        print(f"{len(index.entries) - good} are bad, listed in {bad_list(cache)}")
    _report_duplicates(index, cache.with_suffix(".duplicates.csv"))
    _report_balance(index, cache.with_suffix(".balance.csv"))


def _without_duplicates(cache: Path) -> Index:
    """The index of `cache`, in which duplicates are marked. Training skips these pictures."""
    try:
        with locked(index_file(cache)) as file:
            index = read_index(index_file(cache))
            if index.duplicates is None:
                good = {n: entry for n, entry in enumerate(index.entries) if entry.shape}
                index.duplicates = find_duplicates(good)
                file.truncate(index.length)
                append_duplicates(file, index.duplicates)
    except OSError as error:
        raise cannot_write(index_file(cache), error) from None
    return index


def _report_duplicates(index: Index, path: Path) -> None:
    names = [
        (index.entries[copy].name, index.entries[kept].name)
        for copy, kept in (index.duplicates or {}).items()
    ]
    if names:
        write_table(path, [("picture", "looks like"), *names])
        print(f"{len(names)} look like another and are not trained on, listed in {path}")


def _report_balance(index: Index, path: Path) -> None:
    found = balances(index.entries, index.duplicates or {})
    if found:
        write_table(path, [[field.name for field in fields(Balance)], *map(astuple, found)])
        print(f"\n{table(found)}\nall in {path}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0, or 130 if interrupted."""
    overrides = parser().parse_args(argv).overrides
    with exit_on_user_error():
        try:
            prepare(data_module(overrides))
            say_next(f"{program()} train {shlex.join(overrides)}".rstrip())
        except KeyboardInterrupt:
            print("interrupted; the same command goes on from here", file=sys.stderr)
            return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
