"""TIFF 6.0 and BigTIFF: directories of tags, one of which is the picture to read."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import ImageDecodeError
from ...types import Size
from .jpeg import MAX_SCANS
from .structure import Part, Structure, check_size, corrupt, truncated, unpack

FORM = "TIFF"

MAX_TAGS = 16_384
"""Tags in all directories that are looked at; a directory has some twenty, and a hundred in cameras' files."""

MAX_DIRECTORIES = 64
"""Directories looked at for the picture when thumbnails come first; cameras write up to ten of them."""

MAX_STRIPS = 262_144
"""Strips or tiles: a row each in four planes, or 64x64 pixels each of a thousand megapixels."""

SPARE_STRIPS = 1024
"""Strips that may be listed behind those that the picture has."""

SPARE_BYTES = 1024
"""Compressed bytes of each strip beyond four times the pixels': headers and tables, of JPEGs for one."""

SPARE_PIXELS = 2048 * 2048
"""Pixels by which tiles may cover more than four times the picture: a small one in one large tile."""

MAX_NUMBERS, MAX_MORE_NUMBERS = 64, {320: 3 << 16, 347: 1 << 16}
"""Numbers in a tag that is kept, and in the two that need more: a colour map, and JPEG tables in bytes."""

_SUBFILE, _OLD_SUBFILE, _WIDTH, _LENGTH, _BITS, _COMPRESSION, _PHOTOMETRIC = *range(254, 260), 262
_STRIPS, _ORIENTATION, _SAMPLES, _ROWS, _STRIP_BYTES, _PLANES = 273, 274, 277, 278, 279, 284
_TILE_WIDTH, _TILE_LENGTH, _TILES, _TILE_BYTES, _SUB_DIRECTORIES = 322, 323, 324, 325, 330
_KEPT = frozenset(
    [
        *(_WIDTH, _LENGTH, _BITS, _COMPRESSION, _PHOTOMETRIC, _SAMPLES, _PLANES),
        *(266, 292, 293, 317, 320, 332, 338, 339),  # order of bits, fax, predictor, colour map, samples' meanings
        *(347, *range(512, 522), 529, 530, 531, 532),  # JPEG and YCbCr
    ]
)
_REDUCED, _MASK, _OLD_REDUCED = 1, 4, 2
_UNCOMPRESSED, _OLD_JPEG, _JPEG = 1, 6, 7
_SEPARATE = 2
_RAW_SAMPLES = (32803, 34892)
_UNSIGNED = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}


class _Tag(NamedTuple):
    kind: int
    number: int
    field: bytes


_Directory = dict[int, _Tag]


class _File:
    """A TIFF's bytes, in its byte order and offset size."""

    def __init__(self, data: bytes) -> None:
        self.bytes = data
        self.data = memoryview(data)
        self.order = "<" if data[:2] == b"II" else ">"
        self.big = 43 in data[2:4]
        self.count = Struct(self.order + ("Q" if self.big else "H"))
        self.entry = Struct(self.order + ("HHQ8s" if self.big else "HHI4s"))
        self.offset = Struct(self.order + ("Q" if self.big else "I"))
        (self.first,) = unpack(self.offset, data, 8 if self.big else 4)
        self._tags = 0

    def directory(self, offset: int) -> tuple[_Directory, int]:
        """The tags at an offset, and where the next directory is."""
        (count,) = unpack(self.count, self.data, offset)
        self._tags += count
        if self._tags > MAX_TAGS:
            raise corrupt(FORM, f"it has more than {MAX_TAGS:,} tags")
        start = offset + self.count.size
        end = start + count * self.entry.size
        if end > len(self.data):
            raise EOFError
        tags: _Directory = {}
        for tag, kind, number, field in self.entry.iter_unpack(self.data[start:end]):
            tags.setdefault(tag, _Tag(kind, number, field))
        following = unpack(self.offset, self.data, end) if end + self.offset.size <= len(self.data) else (0,)
        return tags, following[0]

    def value(self, tag: _Tag) -> Part:
        """The bytes that a tag says."""
        size = tag.number * _BYTES.get(tag.kind, 1)
        if size <= len(tag.field):
            return tag.field[:size]
        (offset,) = self.offset.unpack(tag.field)
        if offset + size > len(self.data):
            raise EOFError
        return self.data[offset : offset + size]

    def numbers(self, tag: _Tag | None, most: int) -> NDArray[np.uint64]:
        """The whole numbers that a tag says; none where it is not there."""
        if tag is None:
            return np.empty(0, np.uint64)
        if tag.kind not in _UNSIGNED or tag.number > most:
            raise corrupt(FORM, f"a tag has {tag.number:,} values of type {tag.kind}")
        return np.frombuffer(self.value(tag), self.order + _UNSIGNED[tag.kind]).astype(np.uint64)

    def number(self, tag: _Tag | None, default: int) -> int:
        """The first number that a tag says."""
        numbers = self.numbers(tag, MAX_NUMBERS)
        return int(numbers[0]) if numbers.size else default

    def shortened(self, tag: _Tag, count: int) -> _Tag:
        """A tag with its first values only."""
        short = tag._replace(number=count)
        if count * _BYTES[tag.kind] <= len(tag.field) < tag.number * _BYTES[tag.kind]:
            return short._replace(field=bytes(self.value(tag)[: len(tag.field)]))
        return short

    def alone(self, tags: _Directory) -> tuple[Part, Part, Part]:
        """The file with a directory of these tags and no other."""
        end = len(self.data) + len(self.data) % 2
        start = 16 if self.big else 8
        entries = b"".join(self.entry.pack(number, *tag) for number, tag in sorted(tags.items()))
        directory = self.count.pack(len(tags)) + entries + self.offset.pack(0)
        head = bytes(self.data[: start - self.offset.size]) + self.offset.pack(end)
        return head, self.data[start:], bytes(end - len(self.data)) + directory


def walk(data: bytes, max_pixels: int) -> Structure:
    """Takes a TIFF apart: kept is the picture that is read, with the tags that its pixels need.

    It is the first page that is not marked as a reduced one or as a mask; without one the first such sub-directory of
    a page; without one the first page.
    """
    file = _File(data)
    if file.big and file.order == ">":
        raise corrupt(FORM, "BigTIFFs in big-endian order cannot be read")
    tags = _picture(file)
    size = Size(file.number(tags.get(_LENGTH), 0), file.number(tags.get(_WIDTH), 0))
    check_size(FORM, size, max_pixels)
    if file.number(tags.get(_PHOTOMETRIC), 0) in _RAW_SAMPLES:
        raise ImageDecodeError("the TIFF image holds a camera's raw samples: develop it to a picture first")
    kept = {number: tag for number, tag in tags.items() if number in _KEPT}
    for number, tag in kept.items():
        if tag.number > MAX_MORE_NUMBERS.get(number, MAX_NUMBERS):
            raise corrupt(FORM, f"its tag {number} has {tag.number:,} values")
        file.value(tag)
    located, work = _located(file, tags, size)
    orientation = file.number(tags.get(_ORIENTATION), 1)
    return Structure(
        FORM,
        stored=size,
        orientation=orientation if orientation in range(1, 9) else 1,
        work=work,
        parts=file.alone({**kept, **located}),
    )


def _picture(file: _File) -> _Directory:
    """The directory of the picture to read."""
    seen: set[int] = set()
    marked: list[_Directory] = []
    following = file.first
    while following and following not in seen and len(seen) < MAX_DIRECTORIES:
        seen.add(following)
        tags, following = file.directory(following)
        if _is_full(file, tags):
            return tags
        marked.append(tags)
    for tags in marked:
        for offset in file.numbers(tags.get(_SUB_DIRECTORIES), MAX_DIRECTORIES).tolist():
            if offset not in seen and len(seen) < MAX_DIRECTORIES:
                seen.add(offset)
                child, _ = file.directory(offset)
                if _is_full(file, child):
                    return child
    if not marked:
        raise corrupt(FORM, "it has no directory")
    return marked[0]


def _is_full(file: _File, tags: _Directory) -> bool:
    reduced = file.number(tags.get(_SUBFILE), 0) & (_REDUCED | _MASK)
    return not reduced and file.number(tags.get(_OLD_SUBFILE), 0) != _OLD_REDUCED


class _Grid(NamedTuple):
    """How a picture is cut into tiles; strips are tiles of its width.

    height, width: of a tile, in pixels.
    down, across, planes: how many there are.
    last_height: rows that the last ones have data for.
    """

    height: int
    width: int
    down: int
    across: int
    planes: int
    last_height: int

    @property
    def tiles(self) -> int:
        return self.down * self.across * self.planes

    @property
    def pixels(self) -> int:
        return self.down * self.height * self.across * self.width


def _grid(file: _File, tags: _Directory, size: Size) -> _Grid:
    """The tiles, of which there must not be many more than the picture's pixels call for."""
    tiled = _TILE_WIDTH in tags
    if tiled:
        height, width = (file.number(tags.get(number), 0) for number in (_TILE_LENGTH, _TILE_WIDTH))
    else:
        height, width = min(file.number(tags.get(_ROWS), size.height), size.height), size.width
    if min(height, width) < 1:
        raise corrupt(FORM, "its tiles or strips have no pixels")
    down, across = -(-size.height // height), -(-size.width // width)
    planes = file.number(tags.get(_SAMPLES), 1) if file.number(tags.get(_PLANES), 1) == _SEPARATE else 1
    grid = _Grid(height, width, down, across, planes, height if tiled else size.height - (down - 1) * height)
    if grid.pixels > 4 * size.height * size.width + SPARE_PIXELS or grid.tiles > MAX_STRIPS:
        raise corrupt(FORM, f"{grid.tiles:,} tiles of {height}x{width} are out of proportion to a picture of {size}")
    return grid


def _located(file: _File, tags: _Directory, size: Size) -> tuple[_Directory, float]:
    """The tags that say where the pixels are, in strips or in tiles, and the pixels in them, filling included."""
    compression = file.number(tags.get(_COMPRESSION), _UNCOMPRESSED)
    tiled = _TILE_WIDTH in tags
    places = _TILES if tiled and _TILES in tags else _STRIPS
    lengths = _TILE_BYTES if tiled and _TILE_BYTES in tags else _STRIP_BYTES
    geometry = (_TILE_WIDTH, _TILE_LENGTH) if tiled else (_ROWS,)
    kept = {number: tags[number] for number in (places, lengths, *geometry) if number in tags}
    if places not in tags:
        if compression == _OLD_JPEG:
            return kept, size.height * size.width  # it may be one stream that other tags point to
        raise corrupt(FORM, "it does not say where its pixels are")
    grid = _grid(file, tags, size)
    starts = _shorten(file, kept, places, grid.tiles)
    if compression == _UNCOMPRESSED:
        _check_inside(file, starts, _uncompressed(file, tags, grid))
    elif lengths in kept:
        sizes = _shorten(file, kept, lengths, grid.tiles)
        _check_inside(file, starts, sizes)
        if int(sizes.sum()) > 2 * len(file.data):  # equal tiles may be stored once
            raise corrupt(FORM, "its strips lie over each other")
        if int(sizes.sum()) > 4 * _raw_bytes(file, tags, grid) + SPARE_BYTES * (grid.tiles + 64):
            raise corrupt(FORM, "its compressed strips are far larger than its pixels")
        if compression in (_JPEG, _OLD_JPEG):
            return kept, grid.pixels * _jpeg_passes(file, starts, sizes)
    elif compression == _JPEG:
        raise corrupt(FORM, "it does not say how long its JPEGs are")
    return kept, grid.pixels


def _raw_bytes(file: _File, tags: _Directory, grid: _Grid) -> int:
    """Bytes of all pixels where nothing is compressed, more or less."""
    bits = file.numbers(tags.get(_BITS), MAX_NUMBERS).tolist() or [1]
    return grid.pixels * file.number(tags.get(_SAMPLES), 1) * int(bits[0]) // 8


def _uncompressed(file: _File, tags: _Directory, grid: _Grid) -> NDArray[np.uint64]:
    """Bytes of each tile where nothing is compressed."""
    bits = file.numbers(tags.get(_BITS), MAX_NUMBERS).tolist() or [1]
    samples = 1 if grid.planes > 1 else file.number(tags.get(_SAMPLES), 1)
    row = -(-grid.width * bits[0] * samples // 8)
    if grid.height * row > len(file.data):
        raise truncated(FORM)
    sizes = np.full((grid.planes, grid.down * grid.across), grid.height * row, np.uint64)
    sizes[:, -1] = grid.last_height * row
    return sizes.ravel()


def _check_inside(file: _File, starts: NDArray[np.uint64], sizes: NDArray[np.uint64]) -> None:
    length = len(file.data)
    if max(int(starts.max()), int(sizes.max())) > length or int((starts + sizes).max()) > length:
        raise truncated(FORM)


def _shorten(file: _File, tags: _Directory, number: int, count: int) -> NDArray[np.uint64]:
    """Leaves a tag with one value for each strip, and tells them."""
    values = file.numbers(tags[number], count + SPARE_STRIPS)
    if len(values) < count:
        raise truncated(FORM)
    tags[number] = file.shortened(tags[number], count)
    return values[:count]


def _jpeg_passes(file: _File, places: NDArray[np.uint64], sizes: NDArray[np.uint64]) -> float:
    """How many scans the JPEGs in strips have on average."""
    pairs = zip(places.tolist(), sizes.tolist(), strict=True)
    scans = sum(file.bytes.count(b"\xff\xda", place, place + size) for place, size in pairs)
    if scans > MAX_SCANS * len(places):
        raise corrupt(FORM, f"its JPEGs have {scans:,} scans")
    return max(1.0, scans / len(places))
