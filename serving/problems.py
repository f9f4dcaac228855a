"""Errors as the client sees them: RFC 9457 problem details."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from east.errors import ImageDecodeError, ImageError, ImageTooLargeError, TooManyBoxesError

MEDIA_TYPE = "application/problem+json"
_ERRORS = 20


def shown(text: str, most: int = 80) -> str:
    """What a client sent, fit to be told: of at most so many characters, those that cannot be printed escaped."""
    cut = text if len(text) <= most else f"{text[:most]}…"
    return "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in cut)


class ProblemDetails(BaseModel):
    """What went wrong with a request."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="always `about:blank`: the title is the status's", examples=["about:blank"])
    title: str = Field(examples=["Bad Request"])
    status: int = Field(examples=[400])
    detail: str = Field(description="what was wrong, for people")
    code: str = Field(description="what was wrong, for programs", examples=["undecodable-image"])
    request_id: str | None = Field(default=None, description="to quote when asking for help")


class Problem(Exception):  # noqa: N818 -- what RFC 9457 calls it
    """A request that cannot be answered as asked.

    Attributes:
        status: HTTP status.
        code: what is wrong, for programs.
        detail: one line for people, without paths.
        errors: one entry for each wrong parameter.
        headers: of the answer; ``Retry-After`` from ``retry_after``, the seconds after which it may work.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        retry_after: float | None = None,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = list(errors)
        self.headers = dict(headers or {})
        if retry_after is not None:
            self.headers["Retry-After"] = str(max(1, math.ceil(retry_after)))

    def body(self, request_id: str | None = None) -> dict[str, Any]:
        """The problem as a JSON object."""
        body: dict[str, Any] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }
        more = {"errors": self.errors, "request_id": request_id}
        return body | {name: value for name, value in more.items() if value}

    def response(self, request_id: str | None = None) -> JSONResponse:
        return JSONResponse(self.body(request_id), self.status, self.headers, MEDIA_TYPE)


class CostlyImageError(ImageError):
    """An image whose decoding takes more than its size allows."""


class EmptyImageError(ImageError):
    """An image without bytes."""


class TooManyWordsError(ImageError):
    """An image with more words than are read."""


def deadline_passed() -> Problem:
    """What nobody waits for any more."""
    return Problem(504, "deadline-passed", "there was no answer in time")


class Refusal(Problem):
    """What a connection is told before any operation sees it, and then closed; its codes are a small fixed set."""

    def __init__(self, status: int, code: str, detail: str, retry_after: float | None = None) -> None:
        super().__init__(status, code, detail, retry_after=retry_after, headers={"Connection": "close"})


EXPECTED = (Problem, ImageError, HTTPException, RequestValidationError)
"""The errors that `problem_of` knows."""

_IMAGE_ERRORS: tuple[tuple[type[ImageError], int, str], ...] = (
    (CostlyImageError, 422, "costly-image"),
    (EmptyImageError, 400, "empty-image"),
    (TooManyWordsError, 422, "too-many-words"),
    (ImageTooLargeError, 413, "too-many-pixels"),
    (TooManyBoxesError, 422, "too-many-boxes"),
    (ImageDecodeError, 400, "undecodable-image"),
    (ImageError, 400, "unusable-image"),
)


def problem_of(error: Exception) -> Problem:
    """What the client is told of an error; one that is not `EXPECTED` is raised again."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, RequestValidationError):
        wrong = error.errors()
        errors = [{"parameter": shown(str(e["loc"][-1])), "detail": shown(e["msg"], 200)} for e in wrong[:_ERRORS]]
        detail = "; ".join(f"{e['parameter']}: {e['detail']}" for e in errors)
        if len(wrong) > _ERRORS:
            detail += f"; and {len(wrong) - _ERRORS} more"
        return Problem(422, "invalid-parameters", detail, errors=errors)
    if isinstance(error, HTTPException):  # what the framework refuses by itself: unknown paths and methods
        code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
        return Problem(error.status_code, code, error.detail, headers=error.headers)
    for kind, status, code in _IMAGE_ERRORS:
        if isinstance(error, kind):
            return Problem(status, code, str(error))
    raise error


_MEANINGS = {
    400: "the request is malformed, or the image cannot be decoded",
    401: "missing or wrong key",
    404: "this service was started without a recogniser",
    408: "the body took too long to arrive",
    413: "too many bytes, pixels or images",
    415: "the body is of a type that is not taken",
    422: "wrong parameters, thresholds that leave too many boxes, or an image that costs more than its size allows",
    429: "this key or address calls too often",
    500: "a failure of this server",
    503: "not ready, or too busy: try again after `Retry-After` seconds",
    504: "no answer before the deadline",
}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI ``responses`` of an operation that may answer with these problems."""
    schema = {"$ref": "#/components/schemas/ProblemDetails"}
    retry = {"Retry-After": {"description": "seconds", "schema": {"type": "integer", "minimum": 1}}}
    return {
        status: {
            "description": _MEANINGS[status],
            "content": {MEDIA_TYPE: {"schema": schema, "example": _example(status)}},
            **({"headers": retry} if status in {429, 503} else {}),
        }
        for status in statuses
    }


_CODES = {
    400: "undecodable-image",
    401: "key-needed",
    404: "no-recogniser",
    408: "slow-body",
    413: "too-many-bytes",
    415: "unsupported-type",
    422: "invalid-parameters",
    429: "rate-limited",
    500: "internal-error",
    503: "not-ready",
    504: "deadline-passed",
}


def _example(status: int) -> dict[str, Any]:
    return Problem(status, _CODES[status], _MEANINGS[status]).body("5f0c1ab2c3d44e7f8a9b0c1d2e3f4a5b")
