"""The commit of a dataset on the Hugging Face hub. A commit never changes, unlike a branch."""

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
    """The commit that a branch or tag of a dataset points to. A commit is returned unchanged.

    The hub is asked once in each process. Without a network, the commit of the last answer is used.

    Args:
        revision: a commit, tag or branch. None means the newest commit.

    Raises:
        UserError: the dataset or revision does not exist, or the hub cannot be reached and has not
            answered before.
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
    except Exception as error:  # many packages raise errors when offline, refused or timed out
        commit = _noted(note)
        if commit is None:
            raise unreadable(named, error) from error
        return commit
    if commit is None or not _COMMIT.fullmatch(commit):
        raise UserError(f"the hub names no commit of {named}; give one as revision")
    with suppress(UserError):  # only a later run without a network needs the file
        write_atomically(note, lambda file: file.write(commit.encode()))
    return commit


def unreadable(dataset: str, error: Exception) -> UserError:
    """One line that says why a dataset cannot be read. `error` may come from any package."""
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
    """Set `revision` to a commit for every dataset that a data config reads from the hub.

    Raises:
        UserError: as in `commit_of`.
    """
    for part in data.values():
        if isinstance(part, MutableMapping):
            pin(part)
    hub = data.get("hub")
    if hub is None or "revision" not in data or data.get("path") is not None:
        return
    if not Path(hub).expanduser().is_dir():
        data["revision"] = commit_of(hub, data.get("revision"))
