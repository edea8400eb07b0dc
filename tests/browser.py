"""Headless Chromium, for tests of pages that need a web server."""

import functools
import json
import queue
import shutil
import subprocess
import threading
from collections.abc import Mapping
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium")
SECONDS = 300  # a shared machine may be slow
_QUIET = ("quic", "gpu", "background-networking", "component-update", "sync")


class _Handler(SimpleHTTPRequestHandler):
    """Serves a folder and `files` over it; what a page posts goes into `told`."""

    def __init__(self, *args: Any, files: Mapping[str, bytes], told: queue.Queue, **kwargs: Any):
        self.files, self.told = files, told
        super().__init__(*args, **kwargs)

    def do_GET(self) -> None:
        content = self.files.get(self.path.removeprefix("/"))
        if content is None:
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(self.path))
        self.end_headers()
        self.wfile.write(content)

    def do_POST(self) -> None:
        self.told.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def probe(
    site: Path, place: Path, script: str, files: Mapping[str, bytes], *options: str
) -> dict[str, Any]:
    """What a script in a page posts, as JSON, and the browser's console as ``log``.

    Args:
        site: the folder of the page.
        place: an empty folder for the browser.
        script: runs when the page is complete.
        files: further files, or others in place of those of the site.
        options: further options of Chromium.
    """
    assert CHROMIUM
    page = (site / "index.html").read_text()
    page = page.replace("</head>", '<script src="probe.js" defer></script></head>')
    served = {"index.html": page.encode(), "probe.js": script.encode(), **files}
    told: queue.Queue[dict[str, Any]] = queue.Queue()
    handler = functools.partial(_Handler, files=served, told=told, directory=str(site))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    command = [CHROMIUM, "--headless", "--no-sandbox", "--no-first-run", "--enable-logging=stderr"]
    command += [f"--disable-{each}" for each in _QUIET if not (each == "gpu" and options)]
    command += [f"--user-data-dir={place / 'user'}", "--window-size=500,900", *options]
    address = f"http://127.0.0.1:{server.server_port}/index.html"
    with (place / "log").open("w+") as log:
        browser = subprocess.Popen([*command, address], stderr=log, stdout=subprocess.DEVNULL)
        try:
            found = told.get(timeout=SECONDS)
        except queue.Empty:
            raise AssertionError((place / "log").read_text()) from None
        finally:
            browser.terminate()
            browser.wait()
            server.shutdown()
            server.server_close()
    lines = (place / "log").read_text().splitlines()
    return {**found, "log": [line for line in lines if "CONSOLE" in line]}
