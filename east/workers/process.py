"""What runs in a process beside the detector's: images are made ready for the network, and words found."""

from __future__ import annotations

import ctypes
import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, NamedTuple, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from ..compiling import compile_now
from ..errors import ImageError
from ..images.decoding import ImageInput
from ..images.preparation import prepare
from ..images.several import unusable, with_source
from ..options import DetectorOptions
from ..postprocess import ConfidenceCurve
from ..types import Size, Timings
from .channel import receive, send
from .room import Room
from .words import Sight, Words, find_words

_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1  # glibc's names of them, in numbers
_KEPT: Final = 32 << 20
"""Bytes: what is no larger is taken from memory that was used before. New memory costs a fault a page, which takes up
to as long as decoding what comes to lie there."""


class Place(NamedTuple):
    """Where in a room's memory an image lies, uint8 RGB ``(height, width, 3)``."""

    start: int
    size: Size

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.start + 3 * self.size.height * self.size.width

    def of(self, memory: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The image."""
        return memory[self.start : self.end].reshape(*self.size, 3)


class Made(NamedTuple):
    """A `PreparedImage` whose images lie in a room."""

    resized: Place
    size: Size
    timings: Timings
    upright: Place | None
    source: str

    @property
    def end(self) -> int:
        """Where they end."""
        return (self.upright or self.resized).end


class ToPrepare(NamedTuple):
    """Images to make ready for the network.

    room: the number of what they are put into; if that is new, its descriptor comes with the message.
    folder: that relative paths start from.
    keep: give the upright images back as well.
    """

    room: int
    images: Sequence[ImageInput]
    options: DetectorOptions
    folder: str | None
    keep: bool


class ToFind(NamedTuple):
    """Images of which the words are to be found."""

    sights: Sequence[Sight]
    options: DetectorOptions
    curve: ConfidenceCurve | None


class Failure(NamedTuple):
    """A job that failed altogether, and with what, in words."""

    what: str


Answer: TypeAlias = list[Made | ImageError] | list[Words | ImageError] | Failure


def main(channel: int, desk: int) -> None:
    """Works until nobody is there any more.

    Args:
        channel: descriptor of the socket over which jobs come and answers go.
        desk: of the memory in which arrays come.
    """
    cv2.setNumThreads(1)
    with suppress(OSError, AttributeError):  # another C library
        libc = ctypes.CDLL(None)
        libc.mallopt(_MMAP_THRESHOLD, _KEPT)
        libc.mallopt(_TRIM_THRESHOLD, 4 * _KEPT)
    compile_now()
    rooms: dict[int, Room] = {}
    arrays = Room(desk)
    with socket.socket(fileno=channel) as connection, suppress(EOFError, ConnectionError):
        while True:
            job, descriptors = receive(connection, arrays)
            try:
                if isinstance(job, ToPrepare):
                    for one in descriptors:
                        rooms[job.room] = Room(one)
                    answer: Answer = _prepared(job, rooms[job.room])
                else:
                    answer = [find_words(sight, job.options, job.curve) for sight in job.sights]
            except Exception as error:
                answer = Failure(repr(error))
            send(connection, answer)
    os._exit(0)  # there is nothing to tidy, and somebody waits


def _prepared(job: ToPrepare, room: Room) -> list[Made | ImageError]:
    if job.folder is not None:
        with suppress(OSError):
            os.chdir(job.folder)
    made: list[Made | ImageError] = []
    end = 0
    for image in job.images:
        one = _one(image, job, room, end)
        made.append(one)
        if isinstance(one, Made):
            end = one.end
    return made


def _one(image: ImageInput, job: ToPrepare, room: Room, start: int) -> Made | ImageError:
    def into(size: Size) -> NDArray[np.uint8]:
        place = Place(start, size)
        return place.of(room.array(place.end))

    try:
        prepared = prepare(image, job.options, into=into)
    except ImageError as error:
        return with_source(error, image)
    except Exception as error:  # of a decoder
        return with_source(unusable(error), image)
    resized, upright = Place(start, prepared.network_size), None
    if job.keep and prepared.upright is not None:
        upright = Place(resized.end, prepared.size)
        np.copyto(upright.of(room.array(upright.end)), prepared.upright)
    return Made(resized, prepared.size, prepared.timings, upright, prepared.source)
