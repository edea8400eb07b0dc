"""Put a finished run on the Hugging Face hub, with its card."""

from __future__ import annotations

import sys

from stylenet.commands.push import parser
from stylenet.system.errors import interrupted

if __name__ == "__main__":  # before the imports below, which take seconds
    sys.excepthook = interrupted
    parser().parse_args()  # shows help, and mistakes, at once

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stylenet.cards.card_file import CARD
from stylenet.cards.parcel import packed
from stylenet.runs.folder import MODEL_FILE, has
from stylenet.runs.found import found_model
from stylenet.runs.saved_config import read_config
from stylenet.system.errors import UserError, exit_on_user_error
from stylenet.system.untrusted import label, mapping, safe_name

LOGIN = "run hf auth login with a token that may write"


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line; user errors end it in one line and exit code 2."""
    options = parser().parse_args(argv)
    with exit_on_user_error():
        run = found_model(options.run)
        run = run.parent if run.name == MODEL_FILE else run
        if not has(run, MODEL_FILE):
            raise UserError(f"{run} is no finished run; give a folder with a {MODEL_FILE}")
        api = _hub()
        with _in_one_line(options.to or "your repositories"):
            user = api.whoami()["name"]
        repo = options.to or f"{user}/{_name(run)}"
        parcel = packed(run, repo, with_pictures=options.pictures)
        with _in_one_line(repo):
            _make_room(api, repo, options.private)
            _upload(api, repo, parcel.files)
    print("\n".join([*parcel.remarks, f"uploaded {', '.join(parcel.files)}"]))
    print(f"{api.endpoint}/{repo}")


def _hub() -> Any:
    """The hub's client.

    Raises:
        UserError: it is not installed.
    """
    try:
        from huggingface_hub import HfApi
        from huggingface_hub.utils.tqdm import disable_progress_bars
    except ImportError:
        raise UserError("push needs huggingface_hub; run pip install 'stylenet[hub]'") from None
    if not sys.stderr.isatty():
        disable_progress_bars()
    return HfApi()


def _name(run: Path) -> str:
    """The name of the repository, after the run's style."""
    style = safe_name(mapping(read_config(run), "style").get("name") or run.name)
    return f"stylenet-{re.sub('[^A-Za-z0-9]+', '-', style).strip('-') or 'unnamed'}"


def _make_room(api: Any, repo: str, private: bool) -> None:
    """Make the repository, or check that the one there is for a run of stylenet's.

    Raises:
        UserError: it holds something else, or should be private and is not.
    """
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        found = api.model_info(repo)
    except RepositoryNotFoundError:
        api.create_repo(repo, private=private)
        return
    if private and not found.private:
        raise UserError(f"{repo} is there and public; make it private there, or name another --to")
    names = {sibling.rfilename for sibling in found.siblings or []} - {".gitattributes"}
    if names and found.library_name != "stylenet":
        raise UserError(f"{repo} is there, without library_name: stylenet; name another --to")


def _upload(api: Any, repo: str, files: dict[str, bytes]) -> None:
    """Upload all files in one commit."""
    from huggingface_hub import CommitOperationAdd

    operations = [CommitOperationAdd(name, data) for name, data in files.items()]
    api.create_commit(repo, operations, commit_message=f"A run of stylenet, with its {CARD}")


@contextmanager
def _in_one_line(repo: str) -> Iterator[None]:
    """Turn an error of the hub or of the network into one line that names the mend.

    Raises:
        UserError: instead of the error.
    """
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        LocalTokenNotFoundError,
    )

    try:
        yield
    except HFValidationError as error:
        told = f"{repo} is no name for the hub ({label(error)})"
        raise UserError(f"{told}; choose another --to") from None
    except LocalTokenNotFoundError:
        raise UserError(f"you are not logged in to the hub; {LOGIN}") from None
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status == 401:
            raise UserError(f"the hub does not know your token; {LOGIN}") from None
        if status == 403:
            raise UserError(f"you may not write to {repo}; {LOGIN}, or name another --to") from None
        if status == 404:
            raise UserError(f"the hub has no place for {repo}; check --to") from None
        raise UserError(f"the hub refused {repo} ({label(error)}); try again later") from error
    except Exception as error:
        if not _of_network(error):
            raise
        cause = label(error) or type(error).__name__
        raise UserError(f"cannot push to {repo} ({cause}); check the network") from error


def _of_network(error: Exception) -> bool:
    """Whether an error is the system's, or that of the hub's HTTP client, httpx or httpx2."""
    packages = {kind.__module__.partition(".")[0] for kind in type(error).__mro__}
    return isinstance(error, OSError) or bool(packages & {"httpx", "httpx2"})


if __name__ == "__main__":
    main()
