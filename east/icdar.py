"""The text files of ICDAR2015 task 4.1: ground truths and results, one word a line.

A line is ``x1,y1,x2,y2,x3,y3,x4,y4`` in integer pixels, clockwise, followed by the transcription in a
ground truth and by an optional confidence in a result. What is accepted is what the competition's own
evaluation accepts, no more and no less: its quirks are kept and named here. Only training reads more leniently.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .errors import FormatError
from .geometry import clockwise, side_lengths

DONT_CARE = "###"
"""The transcription of a word that is not to be counted, nor to be learnt."""

_SHORTEST_SIDE = 5.0

_DECIMAL = r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
_POINTS = ",".join([r"\s*(-?[0-9]+)\s*"] * 8)
_GROUND_TRUTH = re.compile(_POINTS + r",(?P<rest>.*)$")
_LENIENT_GROUND_TRUTH = re.compile(_POINTS.replace("-?[0-9]+", _DECIMAL) + r",(?P<rest>.*)$")
_RESULT = re.compile(_POINTS + "$")
# The official pattern lets any character stand where the decimal point should: "0.5", "12" and "1e2" pass.
_RESULT_CONFIDENCE = re.compile(_POINTS + r",\s*(?P<rest>[01].?[0-9]*)\s*$")
_QUOTED = re.compile(r'\s*"(?P<text>.*)"\s*$')
_LIMIT = 2**31


@dataclass(frozen=True, eq=False)
class GroundTruth:
    """The words of one image.

    Attributes:
        quads: int32 ``(N, 4, 2)``, corners ``(x, y)`` in pixels, in the file's order; float32 if read leniently.
        transcriptions: one per quad; `DONT_CARE` marks a word that is not to be counted.
    """

    quads: NDArray[Any]
    transcriptions: tuple[str, ...]

    @property
    def dont_care(self) -> NDArray[np.bool_]:
        """Bool ``(N,)``, true where the word is not to be counted."""
        return np.array([text == DONT_CARE for text in self.transcriptions], dtype=np.bool_)


@dataclass(frozen=True, eq=False)
class Detected:
    """What a method found in one image, by falling confidence where it gave confidences.

    Attributes:
        quads: int32 ``(M, 4, 2)``, corners ``(x, y)`` in pixels.
        confidences: float64 ``(M,)``, or None.
    """

    quads: NDArray[np.int32]
    confidences: NDArray[np.float64] | None = None

    @classmethod
    def ranked(cls, quads: NDArray[np.int32], confidences: NDArray[np.float64]) -> Detected:
        """Puts quads in the order of falling confidence, ties as ``numpy.argsort`` leaves them, as officially."""
        order = np.argsort(-confidences)
        return cls(quads[order], confidences[order])


def parse_ground_truth(data: bytes, name: str, *, lenient: bool = False) -> GroundTruth:
    """Reads one ground-truth file.

    Args:
        data: its bytes, UTF-8 with or without a byte-order mark, LF or CRLF.
        name: named in errors.
        lenient: training's rule. Coordinates may have decimals, lines may be blank or have blanks around them,
            counter-clockwise quads are turned, and transcriptions keep their quotes and backslashes.

    Raises:
        FormatError: for a malformed line, or a counter-clockwise one that is not read leniently.
    """
    pattern, wanted = _GROUND_TRUTH, "x1,y1,x2,y2,x3,y3,x4,y4,transcription with integer points"
    if lenient:
        pattern, wanted = _LENIENT_GROUND_TRUTH, "eight coordinates and a transcription"
    quads, texts = [], []
    for number, line in _lines(data, lenient=lenient):
        match = pattern.match(line)
        if match is None:
            raise _refusal(name, number, line, f"expected {wanted}")
        quads.append(_quad(match, name, number, line, lenient=lenient))
        texts.append(match["rest"] if lenient else _unquoted(match["rest"]))
    return GroundTruth(clockwise(_stacked(quads, np.float32)) if lenient else _stacked(quads), tuple(texts))


def parse_detected(data: bytes, name: str, *, confidences: bool) -> Detected:
    """Reads the bytes of one result file; each line must end with a confidence, or must not.

    Raises `FormatError` for a malformed or counter-clockwise line of the file of that ``name``.
    """
    pattern = _RESULT_CONFIDENCE if confidences else _RESULT
    quads, values = [], []
    for number, line in _lines(data):
        match = pattern.match(line)
        if match is None:
            wanted = "x1,y1,x2,y2,x3,y3,x4,y4" + (",confidence (0 to 1)" if confidences else "")
            raise _refusal(name, number, line, f"expected {wanted} with integer points and nothing else")
        quads.append(_quad(match, name, number, line))
        if confidences:
            try:
                values.append(float(match["rest"]))
            except ValueError:
                raise _refusal(name, number, line, f"the confidence {match['rest']!r} is not a number") from None
    if not confidences:
        return Detected(_stacked(quads))
    return Detected.ranked(_stacked(quads), np.array(values, dtype=np.float64))


def has_confidence(data: bytes) -> bool | None:
    """Whether the first line of a result file has a ninth value; None for a file without lines."""
    return next((line.count(",") >= 8 for _, line in _lines(data)), None)


def reportable(quads: NDArray[Any]) -> NDArray[np.bool_]:
    """Which of the quads ``(M, 4, 2)`` a result holds, bool ``(M,)``: those with no side under 5 pixels."""
    return np.asarray(side_lengths(quads).min(axis=1, initial=np.inf) >= _SHORTEST_SIDE)


def format_lines(quads: NDArray[Any], last: Iterable[str] | None = None, *, end: str = "\n") -> str:
    """Writes the lines of a ground truth or of a result.

    Args:
        quads: ``(N, 4, 2)``, in pixels; rounded to whole ones. The protocol demands clockwise corners, so a sliver
            that rounding turns over is turned back.
        last: the ninth value of each line: its transcription or its confidence.
        end: of every line.
    """
    whole = np.asarray(quads, np.float64).round().clip(-_LIMIT, _LIMIT - 1).reshape(-1, 8)
    lines = [",".join(map(str, _clockwise([int(value) for value in corners]))) for corners in whole.tolist()]
    if last is not None:
        lines = [f"{line},{text}" for line, text in zip(lines, last, strict=True)]
    return "".join(line + end for line in lines)


def _lines(data: bytes, *, lenient: bool = False) -> Iterator[tuple[int, str]]:
    """Numbered lines without carriage returns; only a truly empty line is skipped, unless leniently one of blanks."""
    text = data.decode("utf-8-sig", errors="replace")
    for number, line in enumerate(text.splitlines() if lenient else text.split("\n"), 1):
        if line := line.strip() if lenient else line.replace("\r", ""):
            yield number, line


def _quad(match: re.Match[str], name: str, number: int, line: str, *, lenient: bool = False) -> list[float]:
    points = [float(text) for text in match.groups()[:8]]
    if any(not -_LIMIT <= value < _LIMIT for value in points):
        raise _refusal(name, number, line, "a coordinate does not fit 32 bits")
    if not lenient and _twice_area([int(value) for value in points]) < 0:
        raise _refusal(name, number, line, "the points are not clockwise (x to the right, y downwards)")
    return points


def _clockwise(corners: list[int]) -> list[int]:
    """``x1, y1, … x4, y4``, in the other direction from the same first corner if they are counter-clockwise."""
    x1, y1, x2, y2, x3, y3, x4, y4 = corners
    return corners if _twice_area(corners) >= 0 else [x1, y1, x4, y4, x3, y3, x2, y2]


def _twice_area(corners: list[int]) -> int:
    """Positive when clockwise; exact at any size, as floating-point numbers are not."""
    x1, y1, x2, y2, x3, y3, x4, y4 = corners
    return (x3 - x1) * (y4 - y2) - (x4 - x2) * (y3 - y1)


def _stacked(quads: list[list[float]], dtype: DTypeLike = np.int32) -> NDArray[Any]:
    return np.array(quads, dtype).reshape(-1, 4, 2)


def _unquoted(text: str) -> str:
    """A transcription in double quotes loses them and its backslash escapes."""
    match = _QUOTED.match(text)
    return match["text"].replace("\\\\", "\\").replace('\\"', '"') if match else text


def _refusal(name: str, number: int, line: str, reason: str) -> FormatError:
    shown = line if len(line) <= 120 else line[:117] + "..."
    return FormatError(f"{name}, line {number}: {reason}; got {shown!r}")
