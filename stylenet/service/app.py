"""The service's addresses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import JSONResponse
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST

from stylenet.service.catalogue import Served
from stylenet.service.desk import Desk, Limits
from stylenet.service.formats import TYPES
from stylenet.service.metrics import Metrics
from stylenet.service.painting import Settings
from stylenet.service.problems import JSON, ProblemError, answer_problems
from stylenet.service.ticket import Ticket
from stylenet.system.version import __version__

_BINARY: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_BODY = {"required": True, "content": {"application/octet-stream": _BINARY}}
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": told, "content": {JSON: {}}}
    for status, told in {
        404: "No such model",
        406: "No format that the client accepts",
        408: "The photo did not arrive in time",
        413: "Too many bytes or pixels",
        415: "A form, not a photo",
        422: "Not a picture, or a setting that does not suit",
        500: "A fault inside",
        503: "Too many photos wait",
        504: "The photo took too long",
    }.items()
}
_PICTURE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The stylised picture. The header Server-Timing tells milliseconds.",
        "content": dict.fromkeys(TYPES.values(), _BINARY),
    }
}


def app_for(models: Sequence[Served], limits: Limits) -> FastAPI:
    """The service of some models, as an ASGI application."""
    metrics = Metrics()
    desks = {served.name: Desk(served, limits, metrics) for served in models}

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        yield
        for desk in desks.values():
            desk.close()

    app = FastAPIOffline(
        title="stylenet",
        version=__version__,
        description="Post a photo, get it stylised.",
        redoc_url=None,
        lifespan=life,
    )
    answer_problems(app)

    @app.post(
        "/v1/models/{name}/stylize",
        summary="Stylise a photo",
        response_class=Response,
        responses=_PICTURE | _PROBLEMS,
        openapi_extra={"requestBody": _BODY},
    )
    async def stylize(
        name: str, request: Request, settings: Annotated[Settings, Query()]
    ) -> Response:
        """The body is the photo's file: JPEG, PNG, WebP, TIFF, and what else stylenet reads.

        The result is a PNG, JPEG or WebP, as ``Accept`` says; else in the photo's own format.
        """
        if name not in desks:
            detail = f"there is no model {name!r}; the models are {', '.join(desks)}"
            raise ProblemError(HTTPStatus.NOT_FOUND, detail)
        ticket = Ticket()
        painted = await desks[name].painted(request, settings, ticket)
        headers = {"Server-Timing": ticket.server_timing()}
        return Response(painted.content, headers=headers, media_type=painted.media_type)

    @app.get("/v1/models", summary="The models")
    async def models_told() -> list[dict[str, Any]]:
        return [served.facts() for served in models]

    @app.get("/health", summary="Whether every model can take another photo")
    async def health() -> JSONResponse:
        """Status 200 if so, 503 if not. A service that does not live has to be started anew."""
        live = all(desk.lives for desk in desks.values())
        ready = live and not any(desk.full for desk in desks.values())
        waiting = {name: desk.in_service for name, desk in desks.items()}
        content = {"live": live, "ready": ready, "photos_in_service": waiting}
        return JSONResponse(content, HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE)

    @app.get("/metrics", summary="Counts and times, for Prometheus", response_class=Response)
    async def metrics_told() -> Response:
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    return app
