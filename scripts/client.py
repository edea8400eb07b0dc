#!/usr/bin/env python
"""How another program uses `stylenet serve`: Python's standard library, nothing of stylenet.

python scripts/client.py PHOTO great_wave stylized.png http://127.0.0.1:8000
"""

import json
import sys
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen


def stylized(photo: bytes, model: str, service: str) -> bytes:
    """A stylised photo, as a PNG's bytes. Its longer side is 1024 pixels."""
    address = f"{service}/v1/models/{quote(model)}/stylize?size=1024&strength=0.9"
    headers = {"Accept": "image/png", "Content-Type": "application/octet-stream"}
    try:
        with urlopen(Request(address, photo, headers)) as answer:
            print(answer.headers["Server-Timing"])
            return answer.read()
    except HTTPError as error:  # the service tells the fault and the mend in one line
        sys.exit(f"{error.code}: {json.load(error)['detail']}")


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit("usage: client.py PHOTO MODEL OUT.png http://HOST:PORT")
    source, model, target, service = sys.argv[1:]
    Path(target).write_bytes(stylized(Path(source).read_bytes(), model, service))
