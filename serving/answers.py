"""What a client asks for and gets: parameters, formats and the documented shapes of the answers."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, PlainValidator

from east.detections import Detections
from east.option_fields import Leaf, leaves
from east.options import CallChanges, CallOptions, ReadingOptions

from .problems import ProblemDetails
from .settings import value_of, with_fields

Format = Literal["json", "icdar", "image/png", "image/jpeg"]


_COSTLY = {"max_side", "tiling"}


def _parameters(of: Iterable[Leaf]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for leaf in of:
        bounds: dict[str, Any] = {"ge": leaf.about.least, "le": leaf.about.most}
        bounds = {name: bound for name, bound in bounds.items() if math.isfinite(bound)}
        if leaf.kind is float:
            bounds["allow_inf_nan"] = False
        told = leaf.about.help + ("; never more than the service is set up for" if leaf.name in _COSTLY else "")
        kind: Any = Annotated[leaf.number or leaf.kind, Field(**bounds)]
        if leaf.number and leaf.choices:  # whose errors would not name it
            shown = kind | Literal[leaf.choices]
            kind = Annotated[leaf.kind, PlainValidator(partial(value_of, leaf), json_schema_input_type=shown)]
        fields[leaf.name] = kind | None, Field(default=None, description=told)
    return fields


@with_fields(_parameters(leaves(CallOptions)))
class DetectParameters(BaseModel):
    """How to look for words; what is not given is as the detector is set up."""

    model_config = ConfigDict(extra="forbid")

    def changes(self) -> CallChanges:
        """What was given."""
        return cast(CallChanges, self.model_dump(include=set(CallChanges.__annotations__), exclude_none=True))


class FormatParameters(DetectParameters):
    """How to look for words, and how to answer."""

    format: Format = Field(default="json", description="JSON, ICDAR2015 lines, or the image with the boxes drawn in")


@with_fields(_parameters(leaf for leaf in leaves(ReadingOptions) if leaf.name == "text_threshold"))
class ReadBatchParameters(DetectParameters):
    """How to look for words and to read them; what is not given is as the service is set up.

    Where a text threshold says what becomes of them, doubtful words are looked for, too: from a score of 0.5 on, or
    from the service's own threshold if that is less.
    """

    text_threshold: float | None


class ReadParameters(ReadBatchParameters):
    """How to look for words and to read them, and how to answer."""

    format: Literal["json", "text"] = Field(default="json", description="JSON, or the text alone, in reading order")


class ImageSize(BaseModel):
    width: int = Field(description="pixels of the upright image")
    height: int = Field(description="pixels of the upright image")


class Box(BaseModel):
    quad: Annotated[list[Annotated[list[float], Field(min_length=2, max_length=2)]], Field(min_length=4, max_length=4)]
    score: float = Field(ge=0, le=1)


class Model(BaseModel):
    weights: str
    runtime: str
    precision: str


class ReadyAnswer(BaseModel):
    status: Literal["ready"]
    model: Model
    recogniser: str | None = Field(default=None, description="what reads, with its version; not there if nothing does")


class TimingsMs(BaseModel):
    """Milliseconds: waiting, then each step."""

    queue: float
    decode: float
    resize: float
    network: float
    postprocess: float
    total: float


class ImageResult(BaseModel):
    """The words of one image: quads clockwise from the text's top-left corner, in pixels of the upright image."""

    image: ImageSize
    tiles: int = Field(ge=1, description="tiles that the image was cut into; 1 where it was seen whole")
    runs: int = Field(ge=1, description="runs of the network that the image took: tiles, reduced copies, directions")
    boxes: list[Box]
    model: Model
    timings_ms: TimingsMs


class RefusedImage(BaseModel):
    """An image of a batch that could not be used."""

    problem: ProblemDetails


class DetectAnswer(ImageResult):
    """The answer for one image."""

    request_id: str


class ReadBox(Box):
    text: str = Field(description="what was read, on one line; empty where nothing was")
    text_confidence: float = Field(ge=0, le=1)


class ReadTimingsMs(TimingsMs):
    read: float = Field(description="cutting out and reading, waits included")


class ReadImage(ImageResult):
    """The words of one image with what they say."""

    text: str = Field(description="the whole text, in reading order, with a line end between lines")
    boxes: list[ReadBox]  # type: ignore[assignment]  # a list may hold more than is asked of it
    timings_ms: ReadTimingsMs
    recogniser: str


class ReadAnswer(ReadImage):
    """The answer for one image whose words were read."""

    request_id: str


class BatchAnswer(BaseModel):
    """One result for each image, in order."""

    request_id: str
    results: list[ImageResult | RefusedImage]


class ReadBatchAnswer(BaseModel):
    """One result for each image whose words were read, in order."""

    request_id: str
    results: list[ReadImage | RefusedImage]


def as_dict(found: Detections, waited_ms: float) -> dict[str, Any]:
    """`ImageResult` of detections."""
    body = found.to_dict()
    timings = body["timings_ms"]
    body["timings_ms"] = {"queue": round(waited_ms, 3), **timings, "total": round(waited_ms + timings["total"], 3)}
    return body


def as_read_dict(found: Detections, waited_ms: float, read_ms: float, recogniser: str | None) -> dict[str, Any]:
    """`ReadImage` of detections with texts."""
    body = as_dict(found, waited_ms)
    timings = body["timings_ms"]
    body["timings_ms"] = {**timings, "read": round(read_ms, 3), "total": round(timings["total"] + read_ms, 3)}
    return {"text": found.text, **body, "recogniser": recogniser}


def as_json(body: dict[str, Any]) -> bytes:
    return json.dumps(body, allow_nan=False).encode()


def render(found: Detections, waited_ms: float, form: Format, request_id: str) -> tuple[bytes, str]:
    """The body of an answer and its media type."""
    if form == "json":
        return as_json({"request_id": request_id, **as_dict(found, waited_ms)}), "application/json"
    return found.to_icdar().encode(), "text/plain; charset=utf-8"


def render_read(
    found: Detections, waited_ms: float, read_ms: float, form: str, recogniser: str | None, request_id: str
) -> tuple[bytes, str]:
    """The same for words that were read."""
    if form == "text":
        return (found.text + "\n" if found.text else "").encode(), "text/plain; charset=utf-8"
    body = {"request_id": request_id, **as_read_dict(found, waited_ms, read_ms, recogniser)}
    return as_json(body), "application/json"


def render_batch(results: Sequence[bytes], request_id: str) -> bytes:
    """The body of an answer for several images, of the JSON of each."""
    # the encoder lets nobody else to the interpreter, so it never has all images at once
    return as_json({"request_id": request_id})[:-1] + b', "results": [' + b", ".join(results) + b"]}"
