"""Ray on this machine or on a cluster, quiet, and what each worker gets of it."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from stylenet.system.cpus import usable_cpus
from stylenet.system.errors import UserError, first_line

_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # all that Ray tells of workers that died, in long lines
}
"""Variables that Ray reads when it is imported, unless the user has set them."""


@dataclass(frozen=True)
class Shares:
    """The number of workers, and the CPUs and GPUs of each."""

    workers: int
    cpus: int
    gpus: float


def shares(found: Mapping[str, float], workers: int | None, device: str, photos: int) -> Shares:
    """Share what Ray found among the workers: by default, one for each GPU, else for each CPU.

    Args:
        found: the numbers of ``CPU`` and ``GPU``. device: ``auto``, ``cpu`` or ``cuda``. photos:
            their number. There are no more workers than photos.
    """
    cpus = int(found.get("CPU", 1))
    gpus = 0 if device == "cpu" else int(found.get("GPU", 0))
    count = min(workers or gpus or cpus, photos)
    return Shares(count, max(1, cpus // count), min(1.0, gpus / count))


@contextmanager
def _silent() -> Iterator[None]:
    """Drop what libraries in C++ print on stderr: Ray tells there that it was told to be quiet."""
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as nothing:
            os.dup2(nothing.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def load_ray() -> None:
    """Import Ray Data.

    Raises:
        UserError: it is not installed.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    if not os.environ.get("RAY_ADDRESS"):  # Ray listens at all addresses of the machine
        os.environ.setdefault("RAY_AUTH_MODE", "token")
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    try:
        import ray.data  # noqa: F401
    except ImportError:
        raise UserError("--engine ray needs Ray; run pip install 'stylenet[ray]'") from None


@contextmanager
def cluster(workers: int | None) -> Iterator[Mapping[str, float]]:
    """The cluster that `$RAY_ADDRESS` names, or one on this machine until the block ends.

    Gives the numbers of its CPUs and GPUs.
    """
    import ray

    if sys.stderr.isatty():
        print("starting Ray …", file=sys.stderr, flush=True)
    address = os.environ.get("RAY_ADDRESS") or "local"
    local = address == "local"
    if not local:
        _check_listens(address)
    try:
        with _silent() if local else nullcontext():  # a cluster's errors are told there, too
            ray.init(
                address,
                num_cpus=max(usable_cpus(), workers or 1) if local else None,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.CRITICAL,
            )
    except (ConnectionError, RuntimeError, TimeoutError, ValueError) as error:
        told = f"cannot start Ray ({first_line(error)}); check $RAY_ADDRESS"
        raise UserError(told) from None
    try:
        yield ray.cluster_resources()
    finally:
        ray.shutdown()


def _check_listens(address: str) -> None:
    """Ray itself would try for minutes, and end the process without an exception.

    Raises:
        UserError: nothing listens at ``HOST:PORT``. Other addresses are left to Ray.
    """
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if host and port.isdecimal():
        try:
            socket.create_connection((host, int(port)), timeout=10).close()
        except (OSError, OverflowError) as error:
            told = f"nothing answers at RAY_ADDRESS={address} ({error})"
            raise UserError(f"{told}; check it, or unset it for this machine") from None
