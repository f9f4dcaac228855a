"""The process that decodes: one image after another, each under limits of its own.

It is told what to do over a socket: a line of JSON, then the image; a line of JSON goes back, and what it made of the
image, unless there was room for that in memory that both see. An image that takes more than its limits ends this
process, and no other.
"""

from __future__ import annotations

import io
import json
import os
import resource
import signal
import socket
import time
from collections.abc import Sequence
from io import BufferedRWPair
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from east.crops import crop_word
from east.draw import draw_boxes
from east.errors import ImageDecodeError, ImageError, ImageTooLargeError
from east.images.decoding import load_image
from east.images.sizing import resize
from east.types import Size

from .decoder_memory import mapped

_STATM = Path("/proc/self/statm")


def main(channel: int, niceness: int, rooms: Sequence[int]) -> None:
    """Works until nobody is there any more.

    Args:
        channel: descriptor of the socket.
        niceness: how far to give way to other processes, 0 to 19.
        rooms: descriptors of the memory for what it makes, see `serving.decoder_memory`.
    """
    cv2.setNumThreads(1)
    os.nice(niceness)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    memory = list(map(mapped, rooms))
    with socket.socket(fileno=channel) as connection, connection.makefile("rwb") as lines:
        _say(lines, {})  # ready
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # image libraries write there what is in an image
        while line := lines.readline():
            job = json.loads(line)
            data = lines.read(job["bytes"])
            quads = lines.read(job.get("quads", 0) * 32)
            _limit(job["cpu_seconds"], job["memory_bytes"])
            result = memoryview(b"")
            try:
                if job["do"] == "prepare":
                    room = None if job["room"] is None else memory[job["room"]]
                    answer, result = _prepare(data, job["max_pixels"], Size(*job["network_size"]), room)
                elif job["do"] == "cut-out":
                    answer, result = _cut_out(data, job["max_pixels"], np.frombuffer(quads, np.float32), job["padding"])
                else:
                    answer, result = _draw(data, job["max_pixels"], np.frombuffer(quads, np.float32), job["format"])
            except ImageError as error:
                answer = {"error": _kind(error), "detail": str(error)}
            except (MemoryError, cv2.error):  # of OpenCV's, those about memory are all that get here
                answer = {"error": "memory"}
            except Exception:  # of an encoder that does not take what was drawn
                answer = {"error": "crash"}
            _limit(0, None)
            _say(lines, answer | {"bytes": len(result)})
            if job["room"] is None:
                connection.sendall(result)


def _say(lines: BufferedRWPair, what: dict[str, Any]) -> None:
    lines.write(json.dumps(what).encode() + b"\n")
    lines.flush()


def _limit(cpu_seconds: float, memory_bytes: int | None) -> None:
    """Bounds processor time and memory from here on; what is over the first ends the process by SIGPROF."""
    signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if memory_bytes is None or not _STATM.exists():
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
        return
    now = int(_STATM.read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + memory_bytes, hard))


def _prepare(
    data: bytes, max_pixels: int, network: Size, room: NDArray[np.uint8] | None
) -> tuple[dict[str, Any], memoryview]:
    """An image for the network, in the room if there is one."""

    def place(size: Size) -> NDArray[np.uint8]:
        length = 3 * size.height * size.width
        return (np.empty(length, np.uint8) if room is None else room[:length]).reshape(*size, 3)

    start = time.perf_counter()
    upright = load_image(data, max_pixels=max_pixels)
    decoded = time.perf_counter()
    resized = resize(upright, network, place)
    seconds = [decoded - start, time.perf_counter() - decoded]
    answer = {"size": upright.shape[:2], "milliseconds": [1e3 * value for value in seconds]}
    return answer, resized.data.cast("B")


def _draw(data: bytes, max_pixels: int, quads: NDArray[np.float32], form: str) -> tuple[dict[str, Any], memoryview]:
    drawn = Image.fromarray(draw_boxes(load_image(data, max_pixels=max_pixels), quads.reshape(-1, 4, 2)))
    buffer = io.BytesIO()
    drawn.save(buffer, form, compress_level=1, quality=90)  # PNG knows no quality, and JPEG no level
    return {}, buffer.getbuffer()


def _cut_out(
    data: bytes, max_pixels: int, quads: NDArray[np.float32], padding: float
) -> tuple[dict[str, Any], memoryview]:
    upright = load_image(data, max_pixels=max_pixels)
    crops = [crop_word(upright, quad, padding=padding) for quad in quads.reshape(-1, 4, 2)]
    pixels = bytearray().join(crop.tobytes() for crop in crops)
    return {"sizes": [crop.shape[:2] for crop in crops]}, memoryview(pixels)


def _kind(error: ImageError) -> str:
    """Which of the errors an image can have it is, by a name that the other side knows."""
    known = {ImageDecodeError: "undecodable", ImageTooLargeError: "too-large"}
    return next((name for kind, name in known.items() if isinstance(error, kind)), "unusable")
