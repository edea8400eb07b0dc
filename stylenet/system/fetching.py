"""Fetching a bounded number of bytes, only over https."""

from __future__ import annotations

import urllib.request
from http.client import HTTPException
from typing import IO, Any
from urllib.error import URLError

from stylenet.system.errors import reason
from stylenet.system.untrusted import label

TIMEOUT = 5
"""Seconds to wait for an answer. A longer silence counts as no network."""

MOST = 32 * 2**20
"""The largest answer in bytes. Every picture that stylenet fetches is smaller."""


class UnfetchableError(Exception):
    """An address could not be fetched; the message says why."""


class _StayOnHttps(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, req: Any, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        _check(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def fetch(url: str) -> bytes:
    """The body at an https address, cut off at `MOST` bytes. Redirects must lead to https, too.

    Raises:
        UnfetchableError: the address is not https, there is no network, or the server fails.
    """
    try:
        _check(url)
        proxies = {k: v for k, v in urllib.request.getproxies().items() if k == "https"}
        handlers = urllib.request.ProxyHandler(proxies), _StayOnHttps()
        with urllib.request.build_opener(*handlers).open(url, timeout=TIMEOUT) as response:
            body: bytes = response.read(MOST)
            if response.length and len(body) < MOST:  # bytes still missing
                raise ConnectionError("the connection broke off")
            return body
    except (OSError, HTTPException, ValueError) as error:
        raise UnfetchableError(_why(error)) from None


def _check(url: str) -> None:
    if not url.lower().startswith("https://"):
        raise ValueError("the address is not https")


def _why(error: Exception) -> str:
    if isinstance(error, URLError) and isinstance(error.reason, OSError):
        error = error.reason
    return label(reason(error) if isinstance(error, OSError) else error)
