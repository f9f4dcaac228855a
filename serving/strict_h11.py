"""h11 without what it forgives, so that no proxy takes the end of a request for something else than this server does.

A request that is refused here is still handed on, with its `Refusal`, so that it is answered, logged and counted as
all others are; nothing that comes after it on its connection is read.
"""

from __future__ import annotations

import re
from typing import Any

import h11
from h11._receivebuffer import ReceiveBuffer

from .problems import Refusal, shown

HEAD_BYTES = 16 * 1024
TARGET_BYTES = 8 * 1024
FIELDS = 100
PARAMETERS = 100

_CHUNK_LINE_BYTES = 256
_FREE_CHUNKS = 200
_BYTES_PER_CHUNK = 128

_NOT_A_LINE = re.compile(rb"(?<!\r)\n|\r(?!\n|\Z)|\n[ \t]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_REQUEST_LINE = re.compile(rb"([-!#$%&'*+.^_`|~0-9A-Za-z]+) ([\x21-\x7e]+)(?: HTTP/([0-9.]+)$)?")
_HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[-A-Za-z0-9._~!$&'()*+,;=%]*)(:[0-9]*)?")
_VERSIONS = {b"1.0", b"1.1"}
_CODES = {
    400: "malformed-http",
    414: "target-too-long",
    431: "header-too-large",
    501: "unsupported-transfer-coding",
    505: "unsupported-version",
}


class _StrictLines(ReceiveBuffer):
    """Received bytes whose lines end with CRLF, are not folded, have no control characters, and an end."""

    first_line = b""

    def maybe_extract_lines(self) -> list[bytearray] | None:
        """Takes a header, or the trailer of a chunked body, up to its empty line; None as long as that is missing."""
        data = self._data
        self.first_line = bytes(data[:TARGET_BYTES]).partition(b"\r\n")[0]
        if data.startswith(b"\r\n"):
            self._extract(2)
            return []
        seen = self._multiple_lines_search
        end = data.find(b"\r\n\r\n", max(0, seen - 3))
        size = len(data) if end < 0 else end + 4
        if _NOT_A_LINE.search(data, max(0, seen - 1), min(size, HEAD_BYTES)):
            raise h11.LocalProtocolError("a control character, a folded line, or a line that does not end with CRLF")
        if len(self.first_line) == TARGET_BYTES:
            raise h11.LocalProtocolError(f"the request line has over {TARGET_BYTES} bytes", 414)
        if size > HEAD_BYTES:
            raise h11.LocalProtocolError(f"the header has over {HEAD_BYTES} bytes", 431)
        if end < 0:
            self._multiple_lines_search = size
            return None
        lines = self._extract(size)[:-4].split(b"\r\n")
        if len(lines) > FIELDS + 1:
            raise h11.LocalProtocolError(f"the header has over {FIELDS} fields", 431)
        return lines

    def maybe_extract_next_line(self) -> bytearray | None:
        """Takes the line in front of a chunk."""
        line = super().maybe_extract_next_line()
        so_far = self._data if line is None else line
        if len(so_far) > _CHUNK_LINE_BYTES or _NOT_A_LINE.search(so_far):
            raise h11.LocalProtocolError("a chunk's size and extensions are too long, or not a line")
        return line


class StrictConnection(h11.Connection):
    """The server's side of an HTTP/1.1 connection.

    Attributes:
        refusal: why nothing more is read; None while all is well.
        unread: what is known of a request whose header could not be read, as entries of an ASGI scope.
    """

    def __init__(self) -> None:
        super().__init__(h11.SERVER, HEAD_BYTES)
        self._receive_buffer = self._lines = _StrictLines()
        self.refusal: Refusal | None = None
        self.unread: dict[str, Any] = {}
        self._chunks = self._chunked_bytes = 0

    def receive_data(self, data: bytes) -> None:
        """Keeps what was received, unless it is of no use any more."""
        if not self._is_over:
            super().receive_data(data)

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """The next event; never raises for what the peer sent, see ``refusal``."""
        if self._is_over:
            return h11.NEED_DATA
        begins = self.their_state is h11.IDLE
        event: Any = None
        try:
            event = super().next_event()
            if isinstance(event, h11.Request):
                _check(event)
                self._chunks = self._chunked_bytes = 0
            elif isinstance(event, h11.Data):
                self._count(event)
        except h11.RemoteProtocolError as error:
            error.__traceback__ = None  # whose frames hold the error, and this connection
            if not begins:
                self.refusal = Refusal(400, _CODES[400], f"the body is not sent by HTTP/1.1: {shown(str(error))}")
                return h11.NEED_DATA
            self._refuse(error)
            if event is None:
                event = h11.Request(method="GET", target="/", headers=[("Host", "")])
        return event  # type: ignore[no-any-return]

    @property
    def buffered(self) -> int:
        """Bytes that were received and not made events of yet."""
        return len(self._receive_buffer)

    @property
    def _is_over(self) -> bool:
        return self.refusal is not None or self.their_state in {h11.MUST_CLOSE, h11.CLOSED}

    def _refuse(self, error: h11.RemoteProtocolError) -> None:
        status, reason = error.error_status_hint, str(error)
        match = _REQUEST_LINE.match(self._lines.first_line)
        method, target, version = match.groups() if match else (None, None, None)
        if version is not None and version not in _VERSIONS:
            status, reason = 505, f"HTTP/{version.decode()} is not spoken here, but HTTP/1.1"
        path = target and target.partition(b"?")[0]
        self.unread = {
            "method": method and method.decode(),
            "path": path and path.decode(),
            "raw_path": path,
        }
        self.refusal = Refusal(status, _CODES[status], f"this is no request in HTTP/1.1: {shown(reason)}")

    def _count(self, data: h11.Data) -> None:
        """Refuses bodies in crumbs: a chunk costs as much as thousands of bytes."""
        self._chunks += data.chunk_end
        self._chunked_bytes += len(data.data)
        if self._chunks > _FREE_CHUNKS + self._chunked_bytes / _BYTES_PER_CHUNK:
            raise h11.RemoteProtocolError(f"{self._chunks} chunks for {self._chunked_bytes} bytes")


def _check(request: h11.Request) -> None:
    """Raises ``RemoteProtocolError`` for what h11 takes, and RFC 9112 forbids or lets a server refuse."""
    fields = dict(request.headers)
    if request.target.count(b"&") >= PARAMETERS:
        raise h11.RemoteProtocolError(f"the target has over {PARAMETERS} parameters", 414)
    if request.http_version not in _VERSIONS:
        raise h11.RemoteProtocolError("unknown version")
    if b"transfer-encoding" in fields and b"content-length" in fields:
        raise h11.RemoteProtocolError("both Content-Length and Transfer-Encoding")
    if b"transfer-encoding" in fields and request.http_version == b"1.0":
        raise h11.RemoteProtocolError("Transfer-Encoding in HTTP/1.0")
    if not _HOST.fullmatch(fields.get(b"host", b"")):
        raise h11.RemoteProtocolError("Host is not a host and a port")
