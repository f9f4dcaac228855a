"""What marks the pictures that this program drew, so that it knows its own output when it comes upon it."""

from __future__ import annotations

import zlib
from pathlib import Path

_NAME = b"east-text-detector"
_COMMENT = b"\xff\xfe" + (len(_NAME) + 2).to_bytes(2, "big") + _NAME
_TEXT = b"tEXtSoftware\0" + _NAME
_CHUNK = (len(_TEXT) - 4).to_bytes(4, "big") + _TEXT + zlib.crc32(_TEXT).to_bytes(4, "big")
_JPEG, _PNG = b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n"
_AFTER_IHDR = 33


def signed(picture: bytes) -> bytes:
    """A JPEG or PNG file as OpenCV encodes it, with the name of this program: in a comment, or as its software."""
    if picture.startswith(_PNG):
        return picture[:_AFTER_IHDR] + _CHUNK + picture[_AFTER_IHDR:]
    behind = 4 + int.from_bytes(picture[4:6], "big")  # the JFIF segment, which has to come first
    return picture[:behind] + _COMMENT + picture[behind:]


def is_signed(path: Path) -> bool:
    """Whether a file is one of `signed`, by its first bytes; not where it cannot be read."""
    try:
        with path.open("rb") as file:
            start = file.read(_AFTER_IHDR + len(_CHUNK))
    except OSError:
        return False
    if start.startswith(_PNG):
        return start[_AFTER_IHDR:] == _CHUNK
    behind = 4 + int.from_bytes(start[4:6], "big")
    return start.startswith(_JPEG) and start[behind:].startswith(_COMMENT)
