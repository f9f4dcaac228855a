"""Images are decoded by processes of their own: none can stop, fill or kill the service, or keep others waiting.

What an image may cost follows from its header. A process that needs more is ended, its image refused, and another
takes its place. Small images have processes that large ones never get, and large ones one that gives way to the rest
and that the first of them starts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from east.errors import ImageDecodeError, ImageError, ImageTooLargeError
from east.images.header import ImageHeader
from east.images.preparation import PreparedImage
from east.types import Size, Timings

from .decoder_process import DecoderProcess, EndedError, check
from .lane import Lane
from .memory import BYTES_PER_PIXEL
from .metrics import Metrics
from .problems import CostlyImageError

MIB: Final = 2**20
_LARGE: Final = 16e6
"""Pixels that a decoder passes over from which an image is large."""

_PIXELS_PER_BYTE: Final = 2.0
"""What a byte of the file may take a decoder, in pixels."""

_SECONDS: Final = 1.0
_SECONDS_PER_PIXEL: Final = 0.5e-6
_MOST_SECONDS: Final = 20.0
"""Processor time of an image: some ten times what slow formats take on a slow processor, within reason."""

_BYTES: Final = 96 * MIB
"""Memory of an image, beside what its pixels take."""

_SLOWEST: Final = 1e-7
"""Seconds a pixel, as far as the order of those who wait is concerned."""

_LEFT_SECONDS: Final = 1.0
"""What a process may go on with when nobody waits for it any more: more than a new one takes to start."""

_COSTLY: Final = {
    "time": "decoding this image takes more processor time than an image of its size may",
    "memory": "decoding this image takes more memory than an image of its size may",
    "crash": "this image cannot be decoded: the decoder crashed over it",
}
_ERRORS: Final[dict[str, type[ImageError]]] = {
    "undecodable": ImageDecodeError,
    "too-large": ImageTooLargeError,
    "unusable": ImageError,
}


@dataclass(frozen=True)
class Encoded:
    """An image as it was sent.

    Attributes:
        data: the file.
        header: what it says of itself.
    """

    data: bytes
    header: ImageHeader

    @property
    def work(self) -> float:
        """Pixels that a decoder passes over, or what takes it as long."""
        return self.header.work + _PIXELS_PER_BYTE * len(self.data)

    @property
    def large(self) -> bool:
        """Whether small images must not wait for it."""
        return self.work > _LARGE


class Decoders:
    """Decodes images, and draws on them, in processes of its own.

    Args:
        metrics: told of those that had to be ended.
        max_pixels: of an image.
        parallel: processes for small images; there is one more, for large ones.
    """

    def __init__(self, metrics: Metrics, *, max_pixels: int, parallel: int) -> None:
        self._metrics = metrics
        self._max_pixels = max_pixels
        self._small = Lane([DecoderProcess() for _ in range(parallel)])
        self._large = Lane([DecoderProcess(niceness=10)])
        self._processes = [*self._small.all, *self._large.all]
        self._exchanges: set[asyncio.Task[Any]] = set()
        metrics.decoders_waiting.set_function(lambda: self._small.waiting + self._large.waiting)
        metrics.decoder_memory.set_function(lambda: sum(process.resident for process in self._processes))

    @property
    def pids(self) -> list[int]:
        """The ids of the processes."""
        return [process.pid for process in self._processes if process.pid]

    async def start(self) -> None:
        """Starts the processes for small images. Raises ``OSError`` when they cannot be."""
        for process in self._small.all:
            process.start()
        await asyncio.gather(*(process.ready() for process in self._small.all))

    async def close(self) -> None:
        """Ends the processes, whatever they are doing."""
        for process in self._processes:
            process.kill()
        await asyncio.gather(*self._exchanges, return_exceptions=True)
        for process in self._processes:
            process.close()

    async def prepare(self, image: Encoded, network: Size, deadline: float) -> PreparedImage:
        """Decodes an image and resizes it for the network.

        Args:
            image: what is decoded.
            network: the size to bring it to.
            deadline: event-loop time after which nobody wants it.

        Raises:
            ImageError: it cannot be used; `CostlyImageError` when decoding took more than an image of its size may.
            Problem: the deadline passed before its turn came.
        """
        job = {"do": "prepare", "network_size": network}
        expected = 3 * network.height * network.width
        answer, pixels = await self._do(job, image, b"", lambda size: check(size == expected), deadline, expected)
        decode, resize = map(float, answer["milliseconds"])
        size = Size(*map(int, answer["size"]))
        return PreparedImage(pixels.reshape(*network, 3), size, Timings(decode=decode, resize=resize))

    async def draw(
        self, image: Encoded, quads: NDArray[np.float32], form: str, hold: Callable[[int], None], deadline: float
    ) -> bytes:
        """Decodes an image, draws quads on it and encodes it.

        Args:
            image: what is drawn on.
            quads: float32 ``(M, 4, 2)``, in pixels of the upright image.
            form: ``png`` or ``jpeg``.
            hold: told the size of the result before it is kept; it raises when there is no room.
            deadline: event-loop time after which nobody wants it.

        Raises: as `prepare`.
        """
        job = {"do": "draw", "quads": len(quads), "format": form}
        _, drawn = await self._do(job, image, np.ascontiguousarray(quads, np.float32).tobytes(), hold, deadline)
        return drawn.tobytes()

    async def cut_out(
        self, image: Encoded, quads: NDArray[np.float32], padding: float, hold: Callable[[int], None], deadline: float
    ) -> list[NDArray[np.uint8]]:
        """Decodes an image and cuts words out of it.

        Args:
            image: what they are cut out of.
            quads: float32 ``(M, 4, 2)``, in pixels of the upright image.
            padding: as for `east.Detections.crops`.
            hold: told the size of the result before it is kept; it raises when there is no room.
            deadline: event-loop time after which nobody wants it.

        Returns:
            the words, uint8 RGB, in the order of the quads.

        Raises: as `prepare`.
        """
        job = {"do": "cut-out", "quads": len(quads), "padding": padding}
        answer, pixels = await self._do(job, image, np.ascontiguousarray(quads, np.float32).tobytes(), hold, deadline)
        sizes = [Size(*map(int, size)) for size in answer["sizes"]]
        ends = np.cumsum([3 * size.height * size.width for size in sizes])
        check(len(sizes) == len(quads) and ends[-1:].sum() == len(pixels))
        parts = np.split(pixels, ends[:-1]) if sizes else []
        return [part.reshape(*size, 3) for part, size in zip(parts, sizes, strict=True)]

    async def _do(
        self,
        job: dict[str, Any],
        image: Encoded,
        more: bytes,
        hold: Callable[[int], None],
        deadline: float,
        expected: int = 0,
    ) -> tuple[dict[str, Any], NDArray[np.uint8]]:
        size = image.header.size
        work = image.work + size.height * size.width  # what comes after decoding, likewise
        job |= {
            "bytes": len(image.data),
            "max_pixels": self._max_pixels,
            "cpu_seconds": min(_MOST_SECONDS, _SECONDS + _SECONDS_PER_PIXEL * work),
            "memory_bytes": _BYTES + BYTES_PER_PIXEL * size.height * size.width + 3 * len(image.data),
        }
        lane = self._large if image.large else self._small
        process = await lane.get(asyncio.get_running_loop().time() + 4 * _SLOWEST * work, deadline)

        async def exchange() -> tuple[dict[str, Any], NDArray[np.uint8]]:
            try:
                return await process.ask(job, image.data, more, hold, expected)
            finally:
                lane.put(process)

        # Who leaves does not take the process along, unless it has much to do yet.
        task = asyncio.ensure_future(exchange())
        self._exchanges.add(task)
        task.add_done_callback(self._forget)
        try:
            answer, result = await asyncio.shield(task)
        except EndedError as ended:
            answer = {"error": ended.reason}
        except asyncio.CancelledError:
            asyncio.get_running_loop().call_later(_LEFT_SECONDS, process.give_up, task)
            raise
        kind = answer.get("error")
        if kind is None:
            return answer, result
        if kind in _ERRORS:
            raise _ERRORS[kind](str(answer["detail"]))
        self._metrics.decodes_killed.labels(kind).inc()
        raise CostlyImageError(_COSTLY[kind])

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._exchanges.discard(task)
        if not task.cancelled():
            task.exception()  # nobody may be left to hear of it
