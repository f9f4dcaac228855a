"""BMP: a fixed header, a palette, rows."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from struct import Struct

from ...types import Size
from .structure import Structure, check_size, corrupt, truncated, unpack

FORM = "BMP"

_FILE, _OS2, _WINDOWS = Struct("<2sIHHI"), Struct("<HHHH"), Struct("<iiHHI")
_HEADERS = frozenset([40, 52, 56, 64, 108, 124])
_RAW, _RLE8, _RLE4, _MASKS = range(4)
_DEPTHS = {_RAW: (1, 4, 8, 16, 24, 32), _RLE8: (8,), _RLE4: (4,), _MASKS: (16, 24, 32)}


@dataclass(frozen=True)
class BmpStructure(Structure):
    """A BMP.

    Attributes:
        run_length: its rows are run-length coded.
    """

    _: KW_ONLY
    run_length: bool


def walk(data: bytes, max_pixels: int) -> BmpStructure:
    """Measures a BMP; nothing in it needs to be left out."""
    *_, start = unpack(_FILE, data, 0)
    length = int.from_bytes(data[14:18], "little")
    if length == 12:
        width, height, _, depth = unpack(_OS2, data, 18)
        compression = _RAW
    elif length in _HEADERS:
        width, height, _, depth, compression = unpack(_WINDOWS, data, 18)
    elif len(data) < 18:
        raise truncated(FORM)
    else:
        raise corrupt(FORM, f"it has a header of {length:,} bytes")
    size = Size(abs(height), width)
    check_size(FORM, size, max_pixels)
    if depth not in _DEPTHS.get(compression, ()):
        raise corrupt(FORM, f"it has {depth} bits a pixel in compression {compression}")
    run_length = compression in (_RLE8, _RLE4)
    rows = 0 if run_length else size.height * ((size.width * depth + 31) // 32 * 4)
    if max(start, 14 + length) + rows > len(data):
        raise truncated(FORM)
    return BmpStructure(
        FORM, stored=size, work=size.height * size.width, parts=(memoryview(data),), run_length=run_length
    )
