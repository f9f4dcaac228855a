"""GIF89a: a canvas, extensions, and frames of which the first is read."""

from __future__ import annotations

from struct import Struct

from ...types import Size
from .structure import Part, Structure, check_size, corrupt, unpack

FORM = "GIF"

MAX_BLOCKS = 65_536
"""Blocks of up to 255 bytes before the first frame: 16 MiB of comments, or some 5 MB of XMP, read as if in blocks."""

_SCREEN, _DESCRIPTOR = Struct("<6sHHBBB"), Struct("<HHHHB")
_EXTENSION, _FRAME, _END, _CONTROL = 0x21, 0x2C, 0x3B, 0xF9
_TRANSPARENT = 1


def walk(data: bytes, max_pixels: int) -> Structure:
    """Takes a GIF apart: the first frame and its transparency are kept, and what follows is not looked at."""
    _, width, height, flags, _, _ = unpack(_SCREEN, data, 0)
    position = head = _SCREEN.size + _colours(flags)
    control = b""
    blocks = 0
    while (kind := data[position]) != _FRAME:
        if kind == _END:
            raise corrupt(FORM, "it has no frame")
        start, position = position, position + 1
        blocks += 1
        if kind == _EXTENSION:
            position += 1
            while (length := data[position]) and blocks <= MAX_BLOCKS:
                position += 1 + length
                blocks += 1
            position += 1
            if data[start + 1] == _CONTROL and data[start + 2] >= 4 and data[start + 3] & _TRANSPARENT:
                control = data[start : start + 2] + b"\4" + data[start + 3 : start + 7] + b"\0"
        if blocks > MAX_BLOCKS:
            raise corrupt(FORM, f"it has more than {MAX_BLOCKS:,} blocks in front of its first frame")
    left, top, frame_width, frame_height, _ = unpack(_DESCRIPTOR, data, position + 1)
    check_size(FORM, Size(frame_height, frame_width), max_pixels)
    size = Size(max(height, top + frame_height), max(width, left + frame_width))
    check_size(FORM, size, max_pixels)
    view: Part = memoryview(data)
    return Structure(
        FORM,
        stored=size,
        work=size.height * size.width + frame_height * frame_width,
        parts=(view[:head], control, view[position:]),
    )


def _colours(flags: int) -> int:
    """Bytes of a colour table."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0
