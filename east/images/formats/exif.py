"""Which way up a picture is, by an Exif block."""

from __future__ import annotations

from struct import Struct

from .structure import Part, unpack

MAX_TAGS = 1024
"""Tags looked at in the first directory; cameras write some twenty."""

_TAG = 0x0112
_SHORT, _LONG = 3, 4


def orientation(block: Part) -> int:
    """EXIF orientation, 1 to 8, by the block's first directory; 1 where there is none or it cannot be made out."""
    view = memoryview(block)
    if bytes(view[:6]) == b"Exif\0\0":
        view = view[6:]
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(bytes(view[:4]))
    if order is None:
        return 1
    try:
        (start,) = unpack(Struct(order + "I"), view, 4)
        (count,) = unpack(Struct(order + "H"), view, start)
    except EOFError:
        return 1
    entries = view[start + 2 :][: 12 * min(count, MAX_TAGS)]
    for tag, kind, number, value in Struct(order + "HHI4s").iter_unpack(entries[: len(entries) // 12 * 12]):
        if tag == _TAG:
            if kind not in (_SHORT, _LONG) or number != 1:
                return 1
            (found,) = Struct(order + ("H" if kind == _SHORT else "I")).unpack_from(value)
            return int(found) if found in range(1, 9) else 1
    return 1
