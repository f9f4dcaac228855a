"""Requests of the Open Inference Protocol, read at a cost that the size of the body bounds.

Parsed JSON takes many times the memory of its text, and nothing else in the process runs while it is parsed. So it is
not parsed whole: the long strings, as only images are, are set aside where they stand, and what is left must be short.
"""

from __future__ import annotations

import base64
import io
import json
import re
import secrets
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationError,
)
from pydantic_core import PydanticCustomError

from .answers import DetectParameters
from .problems import Problem
from .settings import Limits

HEADER = "inference-header-content-length"

_STRING = 1024
"""Bytes of a string, as it stands in the JSON, that is parsed with the rest."""
_JSON = 16 * 1024
"""Bytes of JSON, to which comes a `_STRING` for each image."""
_PIECE = 128 * 1024
"""Bytes of base64 decoded at a time, in about 1 ms."""


class InputParameters(BaseModel):
    """Of a tensor that goes in; others are somebody else's."""

    binary_data_size: Annotated[StrictInt, Field(ge=0, lt=2**63)] | None = Field(
        default=None, description="bytes of the images behind the JSON, which are there in place of `data`"
    )


class Input(BaseModel):
    """A tensor that goes in."""

    name: Literal["image"]
    shape: Annotated[list[Annotated[StrictInt, Field(ge=1, lt=2**63)]], Field(min_length=1, max_length=1)]
    datatype: Literal["BYTES"]
    data: Annotated[list[StrictStr], Field(fail_fast=True)] | None = Field(
        default=None, description="each image in base64, in a flat list"
    )
    parameters: InputParameters = InputParameters()


class OutputParameters(BaseModel):
    """Of a tensor that is asked for; others are somebody else's."""

    binary_data: StrictBool | None = None


class Output(BaseModel):
    """A tensor that is asked for."""

    name: Literal["quads", "scores", "image_index", "image_size"]
    parameters: OutputParameters = OutputParameters()


class InferParameters(DetectParameters):
    """Those of `POST /detect`, and whether all outputs are to be binary; others are somebody else's."""

    model_config = ConfigDict(extra="ignore", strict=True)

    binary_data_output: bool = False


def _different(outputs: list[Output]) -> list[Output]:
    names = [output.name for output in outputs]
    for name in names:
        if names.count(name) > 1:
            raise PydanticCustomError("duplicate", "{name} is asked for twice", {"name": name})
    return outputs


class InferRequest(BaseModel):
    """Images, and how to look at them."""

    inputs: Annotated[list[Input], Field(min_length=1, max_length=1)]
    id: Annotated[StrictStr, Field(max_length=128)] | None = None
    parameters: InferParameters = InferParameters()
    outputs: Annotated[list[Output], Field(max_length=4), AfterValidator(_different)] | None = Field(
        default=None, description="all when none is named"
    )


@dataclass(frozen=True)
class EncodedImages:
    """The images of a request where they stand in its body.

    Attributes:
        parts: an image each.
        base64: whether they are what stands in JSON strings, or the images themselves.
    """

    parts: Sequence[memoryview]
    base64: bool

    @property
    def size(self) -> int:
        """Bytes of all images together, at most."""
        size = sum(map(len, self.parts))
        return size * 3 // 4 if self.base64 else size

    def decode(self, most: int) -> list[bytes]:
        """The images themselves. Raises `Problem` for one that is not base64, or has more than ``most`` bytes."""
        return [_from_base64(part, most) if self.base64 else _copied(part, most) for part in self.parts]


def parse_request(body: bytes, header_lengths: Sequence[str], limits: Limits) -> tuple[InferRequest, EncodedImages]:
    """Finds out what is asked, and where the images are.

    Args:
        body: JSON, and the images behind it where they are not in it.
        header_lengths: the values of all ``Inference-Header-Content-Length`` of the request: bytes of JSON.
        limits: what is taken.

    Raises:
        Problem: the body is not as the protocol has it, or too much.
    """
    end = _header_length(header_lengths, len(body)) if header_lengths else len(body)
    text, long_strings = _set_aside(body, end, limits.images)
    asked = _parse(text)
    [tensor] = asked.inputs
    size = tensor.parameters.binary_data_size
    if (tensor.data is None) == (size is None):
        raise _wrong("inputs.0: give the images either as data, or behind the JSON with their binary_data_size")
    if (size or 0) != len(body) - end:
        raise _wrong(f"inputs.0: binary_data_size is {size or 0}, but {len(body) - end} bytes follow the JSON")
    if tensor.data is None:
        parts = _unpack(memoryview(body)[end:], limits.images)
    elif len(tensor.data) > limits.images:
        raise _too_many(limits.images)
    else:
        parts = [long_strings.pop(string) if string in long_strings else _as_in_json(string) for string in tensor.data]
    if long_strings:
        raise _misplaced()
    if tensor.shape != [len(parts)]:
        raise _wrong(f"inputs.0.shape: {tensor.shape} does not fit {len(parts)} images")
    return asked, EncodedImages(parts, base64=tensor.data is not None)


def _wrong(detail: str) -> Problem:
    return Problem(422, "invalid-parameters", detail)


def _malformed(detail: str) -> Problem:
    return Problem(400, "malformed-request", detail)


def _misplaced() -> Problem:
    return _wrong(f"strings of over {_STRING} bytes are taken in inputs.0.data only, as base64")


def _too_many(most: int) -> Problem:
    return Problem(413, "too-many-images", f"at most {most} images are taken")


def _too_large(most: int) -> Problem:
    return Problem(413, "too-many-bytes", f"at most {most} bytes are taken for an image")


def _header_length(values: Sequence[str], most: int) -> int:
    if len(values) == 1 and re.fullmatch("[0-9]{1,18}", values[0]) and 1 <= int(values[0]) <= most:
        return int(values[0])
    raise _malformed(f"one {HEADER} is needed, of at least 1 and at most the {most} bytes of the body")


def _set_aside(body: bytes, end: int, images: int) -> tuple[bytes, dict[str, memoryview]]:
    """JSON with a marker, which no client can know, for each long string; what stands in those strings by marker."""
    token, most = secrets.token_hex(8), _JSON + images * _STRING
    text, long_strings = bytearray(), dict[str, memoryview]()
    view = memoryview(body)

    def keep(start: int, stop: int) -> None:
        if len(text) + stop - start > most:
            raise Problem(413, "too-many-bytes", f"at most {most} bytes of JSON are taken, besides the images in it")
        text.extend(view[start:stop])

    position = 0
    while (opening := body.find(b'"', position, end)) >= 0:
        keep(position, opening)
        closing = _closing_quote(body, opening + 1, end)
        position = closing + 1
        if closing - opening - 1 <= _STRING:
            keep(opening, position)
            continue
        if len(long_strings) == images:
            raise _too_many(images)
        marker = f"{token}{len(long_strings)}"
        long_strings[marker] = view[opening + 1 : closing]
        text += f'"{marker}"'.encode()
    keep(position, end)
    return bytes(text), long_strings


def _closing_quote(body: bytes, start: int, end: int) -> int:
    """Where the string ends that starts here."""
    closing = start - 1
    while (closing := body.find(b'"', closing + 1, end)) >= 0:
        if body[closing - 1] != ord("\\"):
            return closing
        if closing - start > _STRING:
            raise _misplaced()  # no backslash ends what is base64
        string = body[start:closing]
        if (len(string) - len(string.rstrip(b"\\"))) % 2 == 0:
            return closing
    raise _malformed("body: Invalid JSON: a string does not end")


def _parse(text: bytes) -> InferRequest:
    try:
        return InferRequest.model_validate_json(text)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_context=False, include_input=False)[0]
    detail = f"{'.'.join(map(str, wrong['loc'])) or 'body'}: {wrong['msg']}"
    raise _malformed(detail) if wrong["type"] == "json_invalid" else _wrong(detail)


def _as_in_json(string: str) -> memoryview:
    return memoryview(json.dumps(string)[1:-1].encode())


def _unpack(data: memoryview, most: int) -> list[memoryview]:
    """BYTES elements: each has its length, a little-endian uint32, in front."""
    images: list[memoryview] = []
    position = 0
    while position + 4 <= len(data):
        if len(images) == most:
            raise _too_many(most)
        (length,) = struct.unpack_from("<I", data, position)
        images.append(data[position + 4 : position + 4 + length])
        position += 4 + length
    if position != len(data):
        raise _wrong("inputs.0: the lengths of the images do not add up")
    return images


def _copied(image: memoryview, most: int) -> bytes:
    if len(image) > most:
        raise _too_large(most)
    return bytes(image)


def _from_base64(text: memoryview, most: int) -> bytes:
    image, padded = io.BytesIO(), False
    try:
        for piece in _pieces(text):
            if padded:
                raise ValueError("padding before the end")
            image.write(base64.b64decode(piece, validate=True))
            padded = piece.endswith(b"=")
            if image.tell() > most:
                raise _too_large(most)
    except ValueError:
        raise _wrong("inputs.0.data: each image must be a base64 string") from None
    return image.getvalue()


def _pieces(text: memoryview) -> Iterator[bytes]:
    """What a JSON string says, in pieces of fours: the interpreter serves others between them, but not within one."""
    left, position = b"", 0
    while position < len(text):
        piece = bytes(text[position : position + _PIECE])
        last = position + len(piece) == len(text)
        if not last and (escape := piece.rfind(b"\\", len(piece) - 5)) >= 0:
            piece = piece[:escape]  # it may end in the next piece
        position += len(piece)
        if b"\\" in piece:
            piece = json.loads(f'"{piece.decode("ascii")}"').encode("ascii")
        piece = left + piece
        whole = len(piece) if last else len(piece) // 4 * 4
        left = piece[whole:]
        yield piece[:whole]
