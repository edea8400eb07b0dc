#!/usr/bin/env python
"""How does `stylenet serve` stand many clients? Errors, speed, waiting times, memory.

The script starts the service, and clients that post photos of mixed sizes, one after another. Every
answer is held against the answer that the photo got alone. The first third of the time is warm-up:
its photos count, its memory does not. The memory after it and at the end are means over a fifth of
the rest each.

    python scripts/benchmark_service.py MODEL [MODEL …] --photos PHOTOS [--clients 8] [--seconds 60]
"""

from __future__ import annotations

import argparse
import io
import platform
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

from stylenet.pictures.folders import find_pictures
from stylenet.pictures.images import Picture, encoded, read_picture, resize
from stylenet.system.errors import UserError, exit_on_user_error

SIDES = (256, 320, 384, 512, 640)
COUNT = 4  # photos, each at all sides
WARM_UP = 1 / 3  # of the time
ALIKE = 1.0  # mean grey levels between two JPEGs whose pixels differ by 1 here and there
LOOK = 1.0  # seconds between two looks at the memory


@dataclass
class Service:
    """A service that runs: its process, and where it listens."""

    process: subprocess.Popen[str]
    port: int

    @property
    def memory(self) -> float:
        """MiB of memory that it has now."""
        told = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", told)
        assert found is not None
        return int(found[1]) / 1024


@dataclass
class Found:
    """What clients met: seconds of each answer, by model; errors; MiB of memory at each look."""

    seconds: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: list[str] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)


@contextmanager
def started(models: list[str]) -> Iterator[Service]:
    """The service on a free port; it is ended by SIGTERM and has to end well."""
    command = [sys.executable, "-m", "stylenet.serve", *models, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = re.search(r"http://[\d.]+:(\d+)", process.stdout.readline())
        if found is None:
            raise UserError("the service did not start")
        try:
            yield Service(process, int(found[1]))
        finally:
            process.send_signal(signal.SIGTERM)
    print(f"ended by SIGTERM with exit code {process.returncode}")


def photos_in(folder: Path) -> list[bytes]:
    """The first photos of a folder as JPEGs, each at all sides."""
    pictures = [read_picture(path) for path in find_pictures(folder)[:COUNT]]
    return [jpeg(resize(picture, side)) for picture in pictures for side in SIDES]


def jpeg(picture: Picture) -> bytes:
    """The bytes of a picture as a JPEG file."""
    return encoded(Picture(picture.rgb), "JPEG", "the photo")


def posted(connection: HTTPConnection, model: str, photo: bytes) -> np.ndarray:
    """The stylised photo, uint8 (H, W, 3).

    Raises:
        HTTPException: the service answers something else.
    """
    connection.request("POST", f"/v1/models/{model}/stylize", photo)
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != 200:
        raise HTTPException(f"{answer.status}: {content.decode(errors='replace')}")
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


Alone = dict[tuple[str, bytes], np.ndarray]


def client(number: int, port: int, alone: Alone, end: float, found: Found) -> None:
    """Post photos one after another until the time is over."""
    order = random.Random(number)
    connection = HTTPConnection("127.0.0.1", port, timeout=120)
    while time.monotonic() < end:
        (model, photo), expected = order.choice(list(alone.items()))
        start = time.perf_counter()
        try:
            result = posted(connection, model, photo)
        except (HTTPException, OSError) as error:
            found.errors.append(str(error))
            connection.close()
            continue
        found.seconds[model].append(time.perf_counter() - start)
        if result.shape != expected.shape:
            found.errors.append(f"{result.shape} in the place of {expected.shape}")
        elif np.abs(result.astype(int) - expected).mean() > ALIKE:
            found.errors.append("another picture than the photo's own")


def names_of(port: int) -> list[str]:
    """The names of the models served."""
    connection = HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/v1/models")
    return re.findall(r'"name":"([\w-]+)"', connection.getresponse().read().decode())


def run(service: Service, photos: list[bytes], clients: int, seconds: float) -> Found:
    """Let clients post photos, and look at the service's memory meanwhile."""
    connection, found = HTTPConnection("127.0.0.1", service.port, timeout=120), Found()
    pairs = [(model, photo) for model in names_of(service.port) for photo in photos]
    alone = {pair: posted(connection, *pair) for pair in pairs}
    connection.close()
    end = time.monotonic() + seconds
    threads = [
        threading.Thread(target=client, args=(number, service.port, alone, end, found))
        for number in range(clients)
    ]
    for thread in threads:
        thread.start()
    while time.monotonic() < end:
        time.sleep(LOOK)
        found.memory.append(service.memory)
    for thread in threads:
        thread.join()
    return found


def report(found: Found, at_start: float, seconds: float) -> None:
    """Print what clients met."""
    after = found.memory[round(WARM_UP * len(found.memory)) :]
    part = max(1, len(after) // 5)
    first, last = np.mean(after[:part]), np.mean(after[-part:])
    count = sum(map(len, found.seconds.values()))
    print(f"{count} photos, {count / seconds:.2f} a second")
    print(f"errors: {len(found.errors)} {found.errors[:3] or ''}")
    for model, taken in found.seconds.items():
        p50, p99 = np.percentile(taken, (50, 99))
        print(f"{model}: {len(taken)} photos, p50 {p50:.2f} s, p99 {p99:.2f} s")
    print(f"memory: {at_start:.0f} MiB at start, {first:.0f} after warm-up, ", end="")
    print(f"{last:.0f} at the end, {last / first - 1:+.1%}; {min(after):.0f} to {max(after):.0f}")


def main() -> None:
    """Start the service, press it, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", help="exported files, or runs")
    parser.add_argument("--photos", type=Path, required=True, help="a folder of photos")
    parser.add_argument("--clients", type=int, default=8, help="clients at once (8)")
    parser.add_argument("--seconds", type=float, default=60, help="how long (60)")
    args = parser.parse_args()
    photos = photos_in(args.photos)
    print(f"{platform.platform()}, onnxruntime {onnxruntime.__version__}")
    print(f"{args.clients} clients, {args.seconds:.0f} s, longer sides {SIDES}")
    with started(args.models) as service:
        at_start = service.memory
        found = run(service, photos, args.clients, args.seconds)
        report(found, at_start, args.seconds)


if __name__ == "__main__":
    with exit_on_user_error():
        main()
