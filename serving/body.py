"""Request bodies: read into memory, counted as they arrive, never written to disk."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from .problems import Problem, shown
from .settings import Limits

IMAGE_FIELDS = ("image", "file")

_BOUNDARY_LETTERS = 70
_FALSE_DELIMITERS = 100
_AROUND_BYTES = 32 * 1024
_PIECE_BYTES = 16 * 1024


async def read_images(request: Request, limits: Limits, hold: Callable[[int], None], *, batch: bool) -> list[bytes]:
    """Reads the images of a request: a raw body, or the fields ``image`` and ``file`` of a multipart one.

    Beside others an image may be empty; that is its own problem.

    Args:
        request: nothing of its body has been read.
        limits: what is taken.
        hold: told of every chunk's size before it is kept; it raises when there is no room.
        batch: whether the operation takes several images; if not, the one of its path and ``/batch`` does.

    Raises:
        Problem: the body is not what is taken.
        ClientDisconnect: it will never be whole.
    """
    header = request.headers.get("content-type", "application/octet-stream")
    kind, options = parse_options_header(header)
    if kind == b"multipart/form-data":
        try:
            form = Form(options.get(b"boundary", b""), limits, None if batch else f"{request.url.path}/batch")
            await _receive(request, limits, hold, limits.body_bytes, form.feed)
            return form.finish()
        except FormParserError:
            raise Problem(400, "malformed-multipart", "the multipart body cannot be parsed") from None
    if not kind.startswith(b"image/") and kind != b"application/octet-stream":
        taken = "image/*, application/octet-stream or multipart/form-data"
        raise Problem(415, "unsupported-type", f"content-type {shown(header)!r} is not taken: send {taken}")
    body = bytearray()
    await _receive(request, limits, hold, limits.image_bytes, body.extend)
    return _some_image([body])


async def read_bytes(request: Request, limits: Limits, hold: Callable[[int], None]) -> bytes:
    """Reads a whole body of whatever type. Raises like `read_images`."""
    body = io.BytesIO()  # which gives its bytes away without copying them
    await _receive(request, limits, hold, limits.body_bytes, body.write)
    return body.getvalue()


async def _receive(
    request: Request, limits: Limits, hold: Callable[[int], None], most: int, feed: Callable[[bytes], object]
) -> None:
    coding = ", ".join(request.headers.getlist("content-encoding")).lower()
    if coding not in {"", "identity"}:
        raise Problem(415, "unsupported-coding", f"send the body as it is, without content-encoding {shown(coding)!r}")
    too_many = Problem(413, "too-many-bytes", f"at most {most} bytes are taken")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > most:
        raise too_many

    async def receive() -> None:
        received = 0
        async for chunk in request.stream():
            received += len(chunk)
            if received > most:
                raise too_many
            hold(len(chunk))
            feed(chunk)

    try:
        await asyncio.wait_for(receive(), limits.body_seconds)
    except asyncio.TimeoutError:
        detail = f"the body did not arrive within {limits.body_seconds:g} seconds"
        raise Problem(408, "slow-body", detail, headers={"Connection": "close"}) from None


def _some_image(images: list[bytearray]) -> list[bytes]:
    if not any(images):
        raise Problem(400, "empty-image", "the image has no bytes")
    return [bytes(image) for image in images]


class Form:
    """A multipart body as it comes in; only image fields are expected.

    What is not image is little: the parser walks padding, and what begins like a delimiter, byte by byte. How many
    headers a part has and how long each may be, the parser limits.

    Args:
        boundary: between its parts.
        limits: what is taken.
        elsewhere: the path of the operation that takes several images, where this one does not.
    """

    def __init__(self, boundary: bytes, limits: Limits, elsewhere: str | None = None) -> None:
        self._limits = limits
        self._elsewhere = elsewhere
        self._images: list[bytearray] = []
        self._parts = 0
        self._bytes = self._image_bytes = 0
        self._delimiter = b"\r\n--" + boundary
        self._delimiters = 0
        self._header = bytearray()
        self._value = bytearray()
        self._disposition = b""
        self._ended = False
        if not 1 <= len(boundary) <= _BOUNDARY_LETTERS:
            raise FormParserError("RFC 2046 wants 1 to 70 letters")
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._part_begins,
                "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
                "on_header_end": self._header_ends,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._part_data,
                "on_end": self._end,
            },
        )

    def feed(self, data: bytes) -> None:
        self._delimiters += data.count(self._delimiter)
        if self._delimiters > self._limits.parts + _FALSE_DELIMITERS:
            raise FormParserError("the boundary is part of the content")
        for start in range(0, len(data), _PIECE_BYTES):
            self._bytes += self._parser.write(data[start : start + _PIECE_BYTES])
            if self._bytes - self._image_bytes > _AROUND_BYTES:
                raise FormParserError("too much around the images")

    def finish(self) -> list[bytes]:
        if not self._ended:
            raise FormParserError("the body ends too early")
        if not self._images:
            raise Problem(422, "missing-image", "no form field 'image' in the body")
        return _some_image(self._images)

    def _part_begins(self) -> None:
        self._parts += 1
        self._disposition = b""
        if self._parts > self._limits.parts:
            raise Problem(413, "too-many-parts", f"at most {self._limits.parts} parts are taken")

    def _header_ends(self) -> None:
        if self._header.lower() == b"content-disposition":
            if self._disposition:
                raise FormParserError("two names for one part")
            self._disposition = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _headers_finished(self) -> None:
        name = parse_options_header(self._disposition)[1].get(b"name", b"").decode("utf-8", "replace")
        if name not in IMAGE_FIELDS:
            detail = f"form field {shown(name)!r} is not known: images go in 'image', options in the query"
            raise Problem(422, "unknown-field", detail)
        if self._images and self._elsewhere is not None:
            raise Problem(422, "several-images", f"one image is taken here; send several to {self._elsewhere}")
        if len(self._images) == (most := self._limits.images):
            raise Problem(413, "too-many-images", f"at most {most} images are taken")
        self._images.append(bytearray())

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        image = self._images[-1]
        if len(image) + end - start > self._limits.image_bytes:
            raise Problem(413, "too-many-bytes", f"at most {self._limits.image_bytes} bytes are taken for an image")
        image += data[start:end]
        self._image_bytes += end - start

    def _end(self) -> None:
        self._ended = True
