"""The application: all routes of one service, for any ASGI server."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

import voicebench
from voicebench.serving import chat, errors, funasr_ws, realtime, transcriptions
from voicebench.serving.errors import RESPONSES
from voicebench.serving.middleware import RequestGuardMiddleware
from voicebench.serving.service import Service

_STARTED_AT = 1_700_000_000  # OpenAI's clients want a time of creation; a model has none


def build_app(service: Service) -> FastAPI:
    """All routes of a service.

    Args:
        service: May still be without its models; it then answers that it is not ready.
    """
    app = FastAPI(
        title="voicebench",
        version=voicebench.__version__,
        description="Speech in, answer out: OpenAI's API and FunASR's, on one process.",
        redoc_url=None,
    )
    errors.install(app)
    app.include_router(chat.router(service))  # first: routes are tried in their order
    _add_probes(app, service)
    app.include_router(transcriptions.router(service))
    app.include_router(realtime.router(service))
    app.include_router(funasr_ws.router(service))
    settings = service.settings
    app.add_middleware(RequestGuardMiddleware, settings=settings, telemetry=service.telemetry)
    if settings.cors_origins:  # outermost: a browser asks beforehand, and then without the key
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["*"],  # OpenAI's client sends several of its own
            expose_headers=["X-Request-Id", "Retry-After"],
        )
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _add_probes(app: FastAPI, service: Service) -> None:
    @app.get("/health", tags=["probes"], summary="Whether the process is alive")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/ready", tags=["probes"], responses={503: RESPONSES[503]},
             summary="Whether requests are taken")  # fmt: skip
    async def ready() -> dict[str, str]:
        service.admission.refuse_when_draining()
        assert service.models
        return {"status": "ready"}

    @app.get("/metrics", tags=["probes"], summary="Figures for Prometheus",
             responses={200: {"content": {"text/plain": {}}}, 401: RESPONSES[401]},
             response_class=Response)  # fmt: skip
    async def metrics() -> Response:
        return Response(service.telemetry.page(), media_type=CONTENT_TYPE_LATEST)

    @app.get("/v1/models", tags=["answers"], responses={401: RESPONSES[401]},
             summary="The models")  # fmt: skip
    async def models() -> JSONResponse:
        data = [_model(name) for name in service.settings.model_names]
        return JSONResponse({"object": "list", "data": data})

    @app.get("/v1/models/{model:path}", tags=["answers"],
             responses={401: RESPONSES[401], 404: RESPONSES[404]}, summary="One model")  # fmt: skip
    async def model(model: str) -> JSONResponse:
        service.check_model(model)
        return JSONResponse(_model(model))


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": _STARTED_AT, "owned_by": "voicebench"}


def _openapi(app: FastAPI) -> dict[str, Any]:
    """The document, with the errors that are answered in place of FastAPI's own."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        for operations in document["paths"].values():
            for operation in operations.values():
                operation["responses"].pop("422", None)
        app.openapi_schema = document
    return app.openapi_schema
