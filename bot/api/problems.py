"""Errors as `application/problem+json` (RFC 9457): what was wrong, and what to do about it, without a secret in it."""

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from bot.usage.errors import (
    AlreadyBookedError,
    DatabaseUnavailableError,
    LedgerClosedError,
    QuotaExceededError,
    UsageError,
)

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"


class ProblemAnswer(BaseModel):
    """What every error looks like. `type` ends in a word for programs, `detail` is for people."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[dict[str, str]] | None = None


_DESCRIBED = {
    "description": "What was wrong, and what to do about it.",
    "content": {MEDIA_TYPE: {"schema": ProblemAnswer.model_json_schema()}},
}
RESPONSES: dict[int | str, dict[str, Any]] = {"4XX": _DESCRIBED, "5XX": _DESCRIBED}
"""For the description of every route."""


class Problem(Exception):  # noqa: N818 - as RFC 9457 calls it
    """What a route can't do. `kind` names it for programs, `detail` tells people."""

    def __init__(self, status: int, kind: str, detail: str, headers: dict[str, str] | None = None, **more: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.headers = headers
        self.more = more


def problem_response(problem: Problem) -> JSONResponse:
    """The answer that tells it."""
    body = {
        "type": f"about:blank#{problem.kind}",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        **problem.more,
    }
    return JSONResponse(body, problem.status, problem.headers, MEDIA_TYPE)


def add_problem_handlers(app: FastAPI) -> None:
    """Every error of the app becomes one of these."""

    @app.exception_handler(Problem)
    async def told(_: Request, problem: Problem) -> JSONResponse:
        return problem_response(problem)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        wrong = [{"where": ".".join(map(str, one["loc"])), "problem": one["msg"]} for one in error.errors()]
        return problem_response(Problem(422, "invalid_request", "The request has a mistake.", errors=wrong))

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> JSONResponse:
        headers = dict(error.headers) if error.headers else None
        return problem_response(Problem(error.status_code, "http", str(error.detail), headers))

    @app.exception_handler(QuotaExceededError)
    async def quota(_: Request, error: QuotaExceededError) -> JSONResponse:
        kind = "premium_required" if error.result.premium_required else "quota_exceeded"
        return problem_response(Problem(403, kind, error.result.reason))

    @app.exception_handler(DatabaseUnavailableError)
    @app.exception_handler(LedgerClosedError)
    async def books(_: Request, error: UsageError) -> JSONResponse:
        log.warning("a request can't be answered: %s", error)
        detail = "The books are out of reach just now. Try again in a minute."
        return problem_response(Problem(503, "books_out_of_reach", detail, {"Retry-After": "60"}))

    @app.exception_handler(AlreadyBookedError)
    async def booked(_: Request, error: AlreadyBookedError) -> JSONResponse:
        return problem_response(Problem(409, "already_booked", str(error)))

    @app.exception_handler(UsageError)
    @app.exception_handler(ValueError)
    async def refused(_: Request, error: Exception) -> JSONResponse:
        return problem_response(Problem(422, "invalid_request", str(error)))
