"""A FastAPI route whose body is one JSON model, read in one step.

FastAPI solves dependencies, parses the body to dictionaries and validates those: a third of what a request
of a few words costs the event loop, which shares the interpreter with the LLM's engine. The OpenAPI document
is made from the endpoint's signature as ever.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, cast

from fastapi import Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError

from voicebench.serving.errors import ApiError, of_validation


class JsonRoute(APIRoute):
    """For endpoints `(body: Model, request: Request) -> Response`; of others it is an `APIRoute`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """See `APIRoute.get_route_handler`."""
        if not self.dependant.body_params:
            return super().get_route_handler()
        model = cast(type[BaseModel], self.dependant.body_params[0].field_info.annotation)
        endpoint: Callable[[BaseModel, Request], Awaitable[Response]] = self.endpoint

        async def handle(request: Request) -> Response:
            return await endpoint(_read(model, request, await request.body()), request)

        return handle


def _read(model: type[BaseModel], request: Request, body: bytes) -> BaseModel:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_json = kind == "application/json" or (
        kind.startswith("application/") and kind.endswith("+json")
    )
    if body and not is_json:  # also what lets no web page send it without asking first
        message = f"the body must be application/json, not {kind[:100] or 'of no type'}"
        raise ApiError(400, message, "invalid_content_type")
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        parsed = None if found[0]["type"] == "json_invalid" else json.loads(body)
        raise of_validation(found, parsed) from None
