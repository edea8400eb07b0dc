"""Which state of a dataset on the Hugging Face hub is meant: a commit, so that it never changes."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from stylenet.pictures.images import write_atomically
from stylenet.system.cache_folder import cache_dir
from stylenet.system.errors import UserError

_COMMIT = re.compile(r"[0-9a-f]{40}")


@cache
def commit_of(dataset: str, revision: str | None) -> str:
    """The commit that a branch or tag of a dataset is at, its newest for None; asked for once.

    Without a network it is the one that was found last time. A commit is itself.

    Raises:
        UserError: there is no such dataset or revision, or none was found before.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    if revision is not None and _COMMIT.fullmatch(revision):
        return revision
    named = dataset if revision is None else f"{dataset} at {revision}"
    note = cache_dir() / "hub" / f"{quote(f'{dataset}@{revision}', safe='@')}.commit"
    try:
        commit = HfApi().dataset_info(dataset, revision=revision, timeout=30).sha
    except (RepositoryNotFoundError, RevisionNotFoundError):
        raise UserError(f"the hub has no dataset {named}; check its name and revision") from None
    except Exception as error:  # from a dozen packages: offline, refused, timed out
        commit = _noted(note)
        if commit is None:
            raise unreadable(named, error) from error
        return commit
    if commit is None or not _COMMIT.fullmatch(commit):
        raise UserError(f"the hub names no commit of {named}; give one as revision")
    with suppress(UserError):  # worth nothing but a later run without a network
        write_atomically(note, lambda file: file.write(commit.encode()))
    return commit


def unreadable(dataset: str, error: Exception) -> UserError:
    """That a dataset cannot be read, in one line, whatever of a dozen packages raised `error`."""
    cause = (str(error).splitlines() or [type(error).__name__])[0]
    return UserError(
        f"cannot read the dataset {dataset} ({cause}); check its name and the network,"
        " or give a folder of its parquet files"
    )


def _noted(note: Path) -> str | None:
    try:
        commit = note.read_text()
    except (OSError, UnicodeDecodeError):
        return None
    return commit if _COMMIT.fullmatch(commit) else None


def pin(data: MutableMapping[str, Any]) -> None:
    """Set the `revision` of every dataset of a data config that is read off the hub.

    Raises:
        UserError: as of `commit_of`.
    """
    for part in data.values():
        if isinstance(part, MutableMapping):
            pin(part)
    hub = data.get("hub")
    if hub is None or "revision" not in data or data.get("path") is not None:
        return
    if not Path(hub).expanduser().is_dir():
        data["revision"] = commit_of(hub, data.get("revision"))
