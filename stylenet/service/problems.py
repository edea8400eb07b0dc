"""What a client is told when a request fails: problem details (RFC 9457), in one line."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

JSON = "application/problem+json"


class ProblemError(Exception):
    """A request that fails.

    Args:
        status: of HTTP. detail: names the fault and the mend on one line.
    """

    def __init__(
        self, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, headers


def answer_problems(app: FastAPI) -> None:
    """Make an app answer every failure as a problem."""

    @app.exception_handler(ProblemError)
    async def told(request: Request, problem: ProblemError) -> JSONResponse:
        return _answer(problem.status, problem.detail, problem.headers)

    @app.exception_handler(HTTPException)
    async def no_such_place(request: Request, error: HTTPException) -> JSONResponse:
        place = f"{request.method} {request.url.path}"
        return _answer(error.status_code, f"{place}: {error.detail}; see /docs", error.headers)

    @app.exception_handler(RequestValidationError)
    async def no_such_value(request: Request, error: RequestValidationError) -> JSONResponse:
        faults = [f"{each['loc'][-1]}: {each['msg']}" for each in error.errors()]
        return _answer(HTTPStatus.UNPROCESSABLE_ENTITY, f"{'; '.join(faults)}; see /docs")

    @app.exception_handler(Exception)
    async def fault_inside(request: Request, error: Exception) -> JSONResponse:
        return _answer(HTTPStatus.INTERNAL_SERVER_ERROR, "the service failed; its log tells why")


def _answer(status: int, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    content = {"title": HTTPStatus(status).phrase, "status": int(status), "detail": detail}
    return JSONResponse(content, int(status), headers, media_type=JSON)
