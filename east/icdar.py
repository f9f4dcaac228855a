"""The text files of ICDAR2015 task 4.1: ground truths and results, one word a line.

A line is ``x1,y1,x2,y2,x3,y3,x4,y4`` in integer pixels, clockwise, followed by the transcription in a
ground truth and by an optional confidence in a result. What is accepted is what the competition's own
evaluation accepts, no more and no less: its quirks are kept and named here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .errors import FormatError

DONT_CARE = "###"

_POINTS = ",".join([r"\s*(-?[0-9]+)\s*"] * 8)
_GROUND_TRUTH = re.compile(_POINTS + r",(?P<rest>.*)$")
_RESULT = re.compile(_POINTS + "$")
# The official pattern lets any character stand where the decimal point should: "0.5", "12" and "1e2" pass.
_RESULT_CONFIDENCE = re.compile(_POINTS + r",\s*(?P<rest>[01].?[0-9]*)\s*$")
_QUOTED = re.compile(r'\s*"(?P<text>.*)"\s*$')
_LIMIT = 2**31


@dataclass(frozen=True, eq=False)
class GroundTruth:
    """The words of one image.

    quads: int32 ``(N, 4, 2)``, corners ``(x, y)`` in pixels, in the file's order.
    transcriptions: one per quad; ``###`` marks a word that is not to be counted.
    """

    quads: NDArray[np.int32]
    transcriptions: tuple[str, ...]

    @property
    def dont_care(self) -> NDArray[np.bool_]:
        """``(N,)``, true where the word is not to be counted."""
        return np.array([text == DONT_CARE for text in self.transcriptions], dtype=np.bool_)


@dataclass(frozen=True, eq=False)
class Detected:
    """What a method found in one image, by falling confidence where it gave confidences.

    quads: int32 ``(M, 4, 2)``, corners ``(x, y)`` in pixels.
    confidences: float64 ``(M,)``, or None.
    """

    quads: NDArray[np.int32]
    confidences: NDArray[np.float64] | None = None

    @classmethod
    def ranked(cls, quads: NDArray[np.int32], confidences: NDArray[np.float64]) -> Detected:
        """Puts quads in the order of falling confidence, ties as ``numpy.argsort`` leaves them (so does the
        official evaluation).
        """
        order = np.argsort(-confidences)
        return cls(quads[order], confidences[order])


def parse_ground_truth(data: bytes, name: str) -> GroundTruth:
    """Reads one ground-truth file.

    data: its bytes, UTF-8 with or without a byte-order mark, LF or CRLF.
    name: named in errors.
    Raises FormatError for a malformed or counter-clockwise line.
    """
    quads, texts = [], []
    for number, line in _lines(data):
        match = _GROUND_TRUTH.match(line)
        if match is None:
            raise _refusal(name, number, line, "expected x1,y1,x2,y2,x3,y3,x4,y4,transcription with integer points")
        quads.append(_quad(match, name, number, line))
        texts.append(_unquoted(match["rest"]))
    return GroundTruth(_stacked(quads), tuple(texts))


def parse_detected(data: bytes, name: str, *, confidences: bool) -> Detected:
    """Reads one result file.

    data: its bytes.
    name: named in errors.
    confidences: whether each line must end with a confidence, or must not.
    Raises FormatError for a malformed or counter-clockwise line.
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


def _lines(data: bytes) -> Iterator[tuple[int, str]]:
    """Numbered lines without carriage returns; only a truly empty line is skipped, one of blanks is not."""
    for number, line in enumerate(data.decode("utf-8-sig", errors="replace").split("\n"), 1):
        if text := line.replace("\r", ""):
            yield number, text


def _quad(match: re.Match[str], name: str, number: int, line: str) -> list[int]:
    points = [float(text) for text in match.groups()[:8]]
    if any(not -_LIMIT <= value < _LIMIT for value in points):
        raise _refusal(name, number, line, "a coordinate does not fit 32 bits")
    values = [int(value) for value in points]
    xs, ys = values[0::2], values[1::2]
    if sum((xs[i] - xs[i - 1]) * (ys[i] + ys[i - 1]) for i in range(4)) > 0:
        raise _refusal(name, number, line, "the points are not clockwise (x to the right, y downwards)")
    return values


def _stacked(quads: list[list[int]]) -> NDArray[np.int32]:
    return np.array(quads, dtype=np.int32).reshape(-1, 4, 2)


def _unquoted(text: str) -> str:
    """A transcription in double quotes loses them and its backslash escapes."""
    match = _QUOTED.match(text)
    return match["text"].replace("\\\\", "\\").replace('\\"', '"') if match else text


def _refusal(name: str, number: int, line: str, reason: str) -> FormatError:
    shown = line if len(line) <= 120 else line[:117] + "..."
    return FormatError(f"{name}, line {number}: {reason}; got {shown!r}")
