"""Between the network and the threads that work: a photo's bytes, and the wait for its result."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TypeVar

from fastapi import Request
from starlette.requests import ClientDisconnect

from stylenet.service.problems import ProblemError

T = TypeVar("T")


async def received(request: Request, most: int, seconds: float) -> bytes:
    """The bytes of a request's body.

    Raises:
        ProblemError: there are more than `most`, they are a form's, they take longer than
            `seconds`, or the client leaves.
    """
    if request.headers.get("content-type", "").startswith("multipart/"):
        raise ProblemError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "the body is a form; send the photo's bytes alone, as curl --data-binary @PHOTO does",
        )
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > most:
        raise _too_many(most)
    content = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                content += chunk
                if len(content) > most:
                    raise _too_many(most)
    except TimeoutError:
        raise ProblemError(
            HTTPStatus.REQUEST_TIMEOUT, f"the photo did not arrive within {seconds:.0f} s"
        ) from None
    except ClientDisconnect:
        raise _left() from None
    return bytes(content)


async def awaited(work: asyncio.Future[T], request: Request, seconds: float) -> T:
    """The result of `work`. It is cancelled where nobody waits for it any more.

    Args:
        request: one whose body was received.

    Raises:
        ProblemError: `work` takes longer than `seconds`, or the client leaves.
        Exception: whatever `work` raises.
    """
    gone = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait((work, gone), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        if gone.done():
            raise _left()
        raise ProblemError(
            HTTPStatus.GATEWAY_TIMEOUT,
            "the photo took too long; send a smaller one, or again when fewer wait",
        )
    finally:
        gone.cancel()
        work.cancel()


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _too_many(most: int) -> ProblemError:
    return ProblemError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"the photo has more than {most:,} bytes; send a smaller one",
    )


def _left() -> ProblemError:
    return ProblemError(HTTPStatus.BAD_REQUEST, "the client left")
