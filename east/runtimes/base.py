"""What every runtime is: images in, maps out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import GraphError
from ..options import EVALUATION_SIZE
from ..postprocess import select_candidates
from ..types import Candidates, Maps, Precision, Size

Images: TypeAlias = Sequence[NDArray[np.uint8]] | NDArray[np.uint8]
"""Images of one size, uint8 RGB ``(H, W, 3)`` each, one by one or stacked."""


@dataclass(frozen=True)
class Availability:
    """What this machine can do with a runtime.

    Attributes:
        precisions: those that work here; none when the runtime does not work at all.
        missing: what is missing for the rest, and how to get it, in words.
        faster: those of them that are faster here than FP32, the fastest first.
    """

    precisions: tuple[Precision, ...]
    missing: str = ""
    faster: tuple[Precision, ...] = ()


def size_of_all(sides: tuple[int | None, int | None], asked: Size | None) -> Size | None:
    """The one size that all images are resized to: the one asked for, or the one that a graph was made for.

    Args:
        sides: height and width that the graph takes, None for one that may be any.
        asked: `DetectorOptions.fixed_size`.

    Raises:
        GraphError: the graph takes another size than was asked for, leaves it half open, or takes no multiples of 32.
    """
    height, width = sides
    shown = f"{height or 'HEIGHT'}x{width or 'WIDTH'}"
    if any(side is not None and side % 32 for side in sides):
        raise GraphError(
            f"this graph takes images of {shown} only, and sides have to be multiples of 32: export another"
        )
    if asked is not None and any(side not in (None, one) for side, one in zip(sides, asked, strict=True)):
        raise GraphError(f"this graph takes images of {shown} only, not of {asked}: give --input-size {shown}")
    if asked is not None or (height is None and width is None):
        return asked
    if height is None or width is None:
        raise GraphError(f"this graph takes images of {shown} only: choose the other side by --input-size {shown}")
    return Size(height, width)


class Runtime(ABC):
    """A network loaded and ready to run on this machine. Thread-safe.

    Attributes:
        name: the runtime's name, as the user writes it.
        precision: what was asked for.
        arithmetic: what the convolutions really compute in: ``f32``, ``tf32``, ``bf16``, ``f16`` or ``i8``.
        device: the processor it runs on, in words.
        batch: how many images at once it is fastest with.
        parallel: how many calls at once.
        large: pixels of a call above which others should not wait for it.
        shared: whether its callers do not wait for each other, and a large call must leave something to small ones.
        batches: the batch sizes it prepares for; others are filled up to one of these.
        model_bytes: size of the model it loaded, as it is or would be on disk.
        size: the only size of images it will be given, None where each has its own; see `size_of_all`.
    """

    name: str
    precision: Precision
    arithmetic: str
    device: str
    batch: int = 1
    parallel: int = 1
    large: int = 2 * EVALUATION_SIZE.height * EVALUATION_SIZE.width
    batches: Sequence[int] = (1,)
    model_bytes: int = 0
    shared: bool = False
    size: Size | None = None

    @abstractmethod
    def infer(self, images: NDArray[np.uint8]) -> Maps:
        """Runs the network on ``images``, uint8 RGB ``(N, H, W, 3)``, H and W multiples of 32."""

    def candidates(self, images: Images, score_threshold: float) -> list[Candidates]:
        """Runs the network on images of one size and keeps, of each, the pixels that score above the threshold."""
        maps = self.infer(np.stack(list(images)) if len(images) > 1 else images[0][np.newaxis])
        return [select_candidates(s, g, score_threshold) for s, g in zip(*maps, strict=True)]

    def warm_up(self, size: Size, batch: int = 1) -> None:
        """Compiles and allocates for images of ``size``, so that no later call pays for it."""
        self.infer(np.zeros((batch, *size, 3), np.uint8))

    def close(self) -> None:  # noqa: B027
        """Frees what the runtime holds; it must not be used afterwards."""
