"""Errors as OpenAI's clients expect them: a status, and one JSON form.

{"error": {"message": "...", "type": "invalid_request_error", "param": "messages", "code": ...}}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException

from voicebench.errors import AudioError, UserError
from voicebench.serving.logs import log

_TYPES = {
    401: "authentication_error",
    404: "not_found_error",
    408: "timeout_error",
    429: "rate_limit_error",
}


class ErrorDetail(BaseModel):
    """What went wrong."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorBody(BaseModel):
    """The body of every answer that is an error."""

    error: ErrorDetail


class ApiError(HTTPException):
    """An error that the client is told of.

    Args:
        status: HTTP status.
        message: What is wrong and what to do about it; never what was said.
        code: For programs.
        param: Which field of the request.
        retry_after_s: When to try again, where waiting helps.
    """

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None = None,
        param: str | None = None,
        retry_after_s: float = 0.0,
    ) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        self.retry_after_s = retry_after_s
        if status in (408, 413):  # the rest of the body is not read
            self.headers = {"Connection": "close"}
        elif status == 401:
            self.headers = {"WWW-Authenticate": "Bearer"}
        elif retry_after_s:
            self.headers = {"Retry-After": str(max(1, round(retry_after_s)))}

    @property
    def type(self) -> str:
        """OpenAI's name of this kind of error."""
        fallback = "invalid_request_error" if self.status < 500 else "server_error"
        return _TYPES.get(self.status, fallback)

    @property
    def body(self) -> dict[str, Any]:
        """The JSON form."""
        detail = {"message": self.message, "type": self.type}
        return {"error": {**detail, "param": self.param, "code": self.code}}

    def response(self) -> JSONResponse:
        """The HTTP response."""
        return JSONResponse(self.body, self.status, self.headers)


CLIENT_ERRORS = (ApiError, UserError, ValidationError, TimeoutError)
"""What a message of a client may end with."""

RESPONSES: Mapping[int | str, dict[str, Any]] = {
    status: {"model": ErrorBody, "description": description}
    for status, description in {
        400: "The request is wrong",
        401: "The API key is missing or wrong",
        403: "A web page that may not call",
        404: "There is no such model",
        408: "The body did not come in time",
        413: "The body is too large",
        429: "Too much is waiting; see Retry-After",
        500: "A fault of the service",
        503: "Not ready, too busy, or shutting down; see Retry-After",
        504: "Not done in time",
    }.items()
}
"""For the OpenAPI document."""


def of_user_error(error: UserError, param: str | None = None) -> ApiError:
    """What the client did wrong, in the words of the pipeline."""
    code = "invalid_audio" if isinstance(error, AudioError) else "invalid_value"
    return ApiError(400, str(error), code, param)


def context_length_exceeded(problem: str, param: str | None = None) -> ApiError:
    """A prompt that leaves no room for an answer, typed or spoken: 400."""
    return ApiError(400, problem, "context_length_exceeded", param)


def of_client_error(error: Exception) -> ApiError:
    """What is wrong with a message, from one of `CLIENT_ERRORS`."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, ValidationError):
        found = error.errors(include_url=False, include_context=False, include_input=False)
        return of_validation(found)
    if isinstance(error, UserError):
        return of_user_error(error)
    return ApiError(504, "not done in time", "timeout")


def of_unforeseen(error: Exception) -> ApiError:
    """An error that the client gets as it is, or one that tells nothing of what is inside."""
    if isinstance(error, ApiError | UserError):
        return of_client_error(error)
    log("error", "request failed", exc_info=error)
    return ApiError(500, "the service failed on this request", "internal_error")


def of_validation(errors: Sequence[Mapping[str, Any]], body: Any = None) -> ApiError:
    """A body that does not fit, by the name of the field at fault.

    Args:
        errors: Pydantic's, without `body` in front of their places. Of the forms that a field may
            have, the error of the one that fits furthest is reported.
        body: As it came, parsed; None where there is none.
    """
    first = max(errors, key=lambda error: len(error["loc"]))
    loc = [part for part in first["loc"] if part != "body"]
    place = field_path(loc, body) if isinstance(body, dict) else ".".join(map(str, loc))
    problem = first["msg"].removeprefix("Value error, ")
    return ApiError(400, f"{place or 'body'}: {problem}", first["type"], place or None)


def field_path(loc: Sequence[str | int], body: Any) -> str:
    """Where an error is, in the client's own names: `messages.0.content`.

    Pydantic's places also name the forms of a union (`user`, `function-after[...]`). Those are no
    fields of the body, and are left out.
    """
    path: list[str] = []
    value: Any = body
    for number, part in enumerate(loc):
        is_list = isinstance(value, list)
        keys = range(len(value)) if is_list else value if isinstance(value, dict) else ()
        if part in keys:
            value = value[part]
        elif number < len(loc) - 1 or not isinstance(value, dict):
            continue
        path.append(str(part))
    return ".".join(path)


def install(app: FastAPI) -> None:
    """Makes every error of an application one of this form."""

    @app.exception_handler(ApiError)
    async def told(_: Request, error: ApiError) -> JSONResponse:
        return error.response()

    @app.exception_handler(UserError)
    async def refused(_: Request, error: UserError) -> JSONResponse:
        return of_user_error(error).response()

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, error: RequestValidationError) -> JSONResponse:
        return of_validation(error.errors(), error.body).response()

    @app.exception_handler(HTTPException)
    async def by_the_framework(_: Request, error: HTTPException) -> JSONResponse:
        answer = ApiError(error.status_code, str(error.detail)).response()
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(Exception)
    async def unforeseen(_: Request, error: Exception) -> JSONResponse:
        return of_unforeseen(error).response()
