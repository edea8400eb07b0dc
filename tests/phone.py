"""Pages on a phone's screen, in headless Chromium."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium")
WIDTH = 390  # pixels

_OVER = """
const page = contentDocument, edge = page.documentElement.clientWidth;
const rights = [...page.querySelectorAll('.runs code')].map((e) => e.getBoundingClientRect().right);
document.title = Math.max(page.documentElement.scrollWidth, ...rights) - edge;
"""


def pixels_over(page: Path, place: Path) -> float:
    """By how much a page, or a command on it, is wider than the screen.

    Args:
        place: an empty folder to work in.
    """
    if CHROMIUM is None:
        pytest.skip("no chromium; apt-get install chromium")
    html = page.read_text().replace("&", "&amp;").replace('"', "&quot;")
    frame = f'<iframe width="{WIDTH}" height="900" srcdoc="{html}" onload="{_OVER}"></iframe>'
    (place / "page.html").write_text(frame)
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={place / 'user'}"]
    ended = subprocess.run(
        [
            *(CHROMIUM, *options, "--virtual-time-budget=9000", "--dump-dom"),
            f"file://{place}/page.html",
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found = re.search(r"<title>(-?[\d.]+)</title>", ended.stdout)
    assert found, ended.stderr
    return float(found[1])
