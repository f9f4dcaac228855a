"""JPEG (ITU-T T.81): segments up to the first scan, then scans of entropy-coded data until the end marker."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass
from struct import Struct
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...types import Size
from .exif import orientation
from .structure import Part, Structure, check_size, corrupt, truncated, unpack

FORM = "JPEG"

MAX_SEGMENTS = 32_768
"""Segments before the end marker: a depth map of 16 MB in XMP takes 256, and nobody writes a comment for each pixel."""

MAX_USED = 2048
"""Segments that are of use, tables mostly: encoders write up to four for each scan."""

MAX_GAPS = 256
"""Places where filling or something stray lies in front of a marker; cameras leave one or two."""

MAX_SCANS = 100
"""Scans, each of which may pass over all pixels: encoders write up to 18 (progressive CMYK). libtiff's limit too."""

SOI, EOI = b"\xff\xd8", b"\xff\xd9"

_DHT, _SOI, _EOI, _SOS, _DQT, _DAC, _DRI, _TEM = 0xC4, 0xD8, 0xD9, 0xDA, 0xDB, 0xCC, 0xDD, 0x01
_JFIF, _EXIF, _ADOBE = 0xE0, 0xE1, 0xEE
_METADATA = frozenset([*range(0xE0, 0x100), 0xDC, 0xC8])  # application data, comments, and what no decoder reads
_NAMES = {_JFIF: b"JFIF\0", _EXIF: b"Exif\0\0", _ADOBE: b"Adobe"}  # of the metadata that counts
_TABLES = frozenset([_DHT, _DQT, _DAC, _DRI])
_SEQUENTIAL, _PROGRESSIVE, _LOSSLESS, _ARITHMETIC = {0xC0, 0xC1, 0xC9}, {0xC2, 0xCA}, {0xC3}, {0xC9, 0xCA}
_UNREADABLE = {0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF, 0xDE, 0xDF}  # hierarchical, or arithmetic and lossless
_FRAMES = _SEQUENTIAL | _PROGRESSIVE | _LOSSLESS

_LENGTH, _FRAME = Struct(">H"), Struct(">BHHB")
_ENDING = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")


class _Component(NamedTuple):
    horizontal: int
    vertical: int


class _Frame(NamedTuple):
    """A frame header: the image's size and what its components are sampled at."""

    marker: int
    size: Size
    components: dict[int, _Component]

    @property
    def unit(self) -> int:
        """Samples a side of what is coded as one: a block, or a sample in lossless coding."""
        return 1 if self.marker in _LOSSLESS else 8

    def units(self, names: list[int]) -> int:
        """Data units of a scan of the components ``names``."""
        mcus, each = self.mcus(names)
        return mcus * each

    def mcus(self, names: list[int]) -> tuple[int, int]:
        """Minimum coded units of such a scan, and how many data units each of them holds (A.2)."""
        horizontal = max(c.horizontal for c in self.components.values())
        vertical = max(c.vertical for c in self.components.values())
        if len(names) > 1:
            across = _ceil(self.size.width, self.unit * horizontal)
            down = _ceil(self.size.height, self.unit * vertical)
            return across * down, sum(
                self.components[name].horizontal * self.components[name].vertical for name in names
            )
        component = self.components[names[0]]
        across = _ceil(_ceil(self.size.width * component.horizontal, horizontal), self.unit)
        down = _ceil(_ceil(self.size.height * component.vertical, vertical), self.unit)
        return across * down, 1


class Scan(NamedTuple):
    """One pass over the image.

    start, end: where its entropy-coded data lies in the file.
    units: blocks in it, or samples in lossless coding.
    restarts: how many restart markers it must hold.
    """

    start: int
    end: int
    units: int
    restarts: int


class _Segment(NamedTuple):
    """A marker segment, and how far entropy-coded data goes on behind it."""

    marker: int
    start: int
    end: int
    coded_end: int


@dataclass(frozen=True)
class JpegStructure(Structure):
    """A JPEG.

    Attributes:
        components: 1 grey, 3 colour, 4 CMYK or YCCK.
        lossless: coded sample by sample.
        arithmetic: in arithmetic coding, not Huffman's.
        ended: there is an end marker; ``parts`` leave it out.
        last: its last scan.
    """

    _: KW_ONLY
    components: int
    lossless: bool
    arithmetic: bool
    ended: bool
    last: Scan


def walk(data: bytes, max_pixels: int) -> JpegStructure:
    """Takes a JPEG apart: metadata is left out, and what follows the first image's end."""
    view = memoryview(data)
    parts: list[Part] = [SOI]
    frame: _Frame | None = None
    exif: Part | None = None
    scans: list[Scan] = []
    progress = _Progress()
    interval, ended = 0, False
    for segment in _segments(data):
        marker, body = segment.marker, view[segment.start + 4 : segment.end]
        if marker == _EOI:
            ended = True
            break
        if marker in _FRAMES | _UNREADABLE:
            if frame is not None:
                raise corrupt(FORM, "it has two frame headers")
            frame = _frame(marker, body)
            check_size(FORM, frame.size, max_pixels)
        elif marker == _DRI:
            (interval,) = unpack(_LENGTH, body, 0)
        elif marker == _SOS:
            scans.append(_scan(frame, progress, segment, body, interval))
        elif marker == _EXIF:
            exif = exif or body
        if marker not in _METADATA or (marker != _EXIF and not scans):
            parts.append(view[segment.start : segment.coded_end])
    if frame is None or not scans or not progress.begun(frame) or not (ended or progress.complete(frame)):
        raise truncated(FORM)
    passes = sum(scan.units for scan in scans) / sum(frame.units([name]) for name in frame.components)
    return JpegStructure(
        FORM,
        stored=frame.size,
        orientation=1 if exif is None else orientation(exif),
        work=frame.size.height * frame.size.width * passes,
        parts=tuple(parts),
        components=len(frame.components),
        lossless=frame.marker in _LOSSLESS,
        arithmetic=frame.marker in _ARITHMETIC,
        ended=ended,
        last=scans[-1],
    )


def has_all_restarts(data: bytes, scan: Scan) -> bool:
    """Whether a scan has the restart markers that its interval asks for."""
    found = 0
    for piece in _pieces(data, scan.start, scan.end) if scan.restarts else ():
        found += int(np.count_nonzero((piece[:-1] == 0xFF) & (piece[1:] & 0xF8 == 0xD0)))
    return found >= scan.restarts


class _Progress:
    """Which coefficients of which components have come, and to which bit."""

    def __init__(self) -> None:
        self._missing_bits: dict[int, list[int]] = {}

    def add(self, frame: _Frame, names: list[int], first: int, last: int, bits: int) -> int:
        """Takes a scan in, and tells the fewest bits that one of its data units takes."""
        if frame.marker not in _PROGRESSIVE:
            first, last, bits = 0, 63, 0
        for name in names:
            missing = self._missing_bits.setdefault(name, [255] * 64)
            missing[first : last + 1] = [bits & 15] * len(missing[first : last + 1])
        if frame.marker in _ARITHMETIC or first > 0:
            return 0  # arithmetic coding goes below a bit, and a run of empty blocks is coded as one
        return 2 if frame.marker in _SEQUENTIAL else 1  # a Huffman code each for the difference and the block's end

    def begun(self, frame: _Frame) -> bool:
        """Whether no component is missing altogether."""
        return all(name in self._missing_bits and self._missing_bits[name][0] < 255 for name in frame.components)

    def complete(self, frame: _Frame) -> bool:
        """Whether nothing is left for a further scan."""
        return not any(any(self._missing_bits[name]) for name in frame.components)


def _segments(data: bytes) -> Iterator[_Segment]:
    """The segments that matter one after the other, and the end marker where there is one.

    What is damaged behind a scan is no part of the image, and ends it.
    """
    position, used, gaps, scans = len(SOI), 0, 0, 0
    for _ in range(MAX_SEGMENTS):
        if not _ENDING.match(data, position):
            position = _next_marker(data, position)
            if position == len(data):
                return
            gaps += 1
            if gaps > MAX_GAPS:
                raise corrupt(FORM, f"it has something between its segments in more than {MAX_GAPS} places")
        marker = data[position + 1]
        if marker == _EOI:
            yield _Segment(marker, position, position + 2, position + 2)
            return
        if marker in (_SOI, _TEM):
            position += 2
            continue
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        end = position + 2 + length
        if marker < 0xC0 or length < 2 or end > len(data):
            if scans:
                return
            cut = position + 4 > len(data) or (marker >= 0xC0 and end > len(data))
            raise truncated(FORM) if cut else corrupt(FORM, "it has a damaged segment")
        if marker in _METADATA and not (marker in _NAMES and data.startswith(_NAMES[marker], position + 4)):
            position = end
            continue
        used += 1
        if used > MAX_USED:
            raise corrupt(FORM, f"it has more than {MAX_USED:,} tables and the like")
        scans += marker == _SOS
        if scans > MAX_SCANS:
            raise corrupt(FORM, f"it has more than {MAX_SCANS} scans")
        coded_end = _next_marker(data, end) if marker == _SOS else end
        yield _Segment(marker, position, end, coded_end)
        position = coded_end
    raise corrupt(FORM, f"it has more than {MAX_SEGMENTS:,} segments")


def _frame(marker: int, body: memoryview) -> _Frame:
    if marker in _UNREADABLE:
        raise corrupt(FORM, "hierarchical JPEGs, and lossless ones in arithmetic coding, cannot be read")
    bits, height, width, count = unpack(_FRAME, body, 0)
    if bits != 8:
        raise corrupt(FORM, f"it has {bits} bits a sample, and 8 can be read")
    if count not in (1, 3, 4):
        raise corrupt(FORM, f"it has {count} components, and 1, 3 or 4 can be read")
    fields = bytes(body[6:])
    if len(fields) != 3 * count:
        raise corrupt(FORM, "its frame header has the wrong length")
    sampled = zip(fields[::3], fields[1::3], strict=True)
    components = {name: _Component(sampling >> 4, sampling & 15) for name, sampling in sampled}
    if len(components) != count or not all(factor in range(1, 5) for c in components.values() for factor in c):
        raise corrupt(FORM, "its frame header names impossible components")
    return _Frame(marker, Size(height, width), components)


def _scan(frame: _Frame | None, progress: _Progress, segment: _Segment, body: memoryview, interval: int) -> Scan:
    if frame is None:
        raise corrupt(FORM, "it has a scan without a frame header")
    count = body[0]
    names = list(body[1 : 1 + 2 * count : 2])
    if len(body) != 4 + 2 * count or not names or len(set(names)) != count or not set(names) <= frame.components.keys():
        raise corrupt(FORM, "its scan header names impossible components")
    mcus, each = frame.mcus(names)
    least_bits = progress.add(frame, names, *body[-3:])
    if 8 * (segment.coded_end - segment.end) < least_bits * mcus * each:
        raise truncated(FORM)
    return Scan(segment.end, segment.coded_end, mcus * each, _ceil(mcus, interval) - 1 if interval else 0)


def _next_marker(data: bytes, start: int) -> int:
    """Where the next marker is that ends coded data, no stuffed zero, filling or restart; the end if there is none."""
    near = _ENDING.search(data, start, start + 256)
    if near:
        return near.start()
    for piece in _pieces(data, start, len(data)):
        codes = piece[1:]
        found = (piece[:-1] == 0xFF) & (codes != 0)
        if found.any():
            found &= (codes != 0xFF) & (codes & 0xF8 != 0xD0)
            if found.any():
                return start + int(found.argmax())
        start += len(codes)
    return len(data)


def _pieces(data: bytes, start: int, end: int) -> Iterator[NDArray[np.uint8]]:
    """Pieces, the last byte of each the first of the next one: small at first, then what fits a processor's cache."""
    samples, size = np.frombuffer(data, np.uint8)[:end], 1 << 12
    while start < end - 1:
        yield samples[start : start + size + 1]
        start += size
        size = min(4 * size, 1 << 16)


def _ceil(value: int, step: int) -> int:
    return -(-value // step)
