"""Functions compiled for shapes of images: sizes in buckets, so that there are few, and a bound on their number."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from math import prod
from threading import Lock
from typing import Any, TypeAlias

from ...types import Size

Shape: TypeAlias = tuple[int, int, int, int]
"""Of a batch of images: ``(N, H, W, 3)``."""

STEP = 128
BATCHES = (1, 2, 4, 8)
MOST_COMPILED = 32  # functions to keep for buckets; each holds the weights in its code, several times


def bucket(size: Size, exact: set[Size]) -> Size:
    """The size to run an image of ``size`` at: its own if that is in ``exact``, else rounded up to multiples of 128."""
    return size if size in exact else Size(*(-(-side // STEP) * STEP for side in size))


def batch_bucket(count: int, batches: Sequence[int] = BATCHES) -> int:
    """The smallest of ``batches`` that holds ``count`` images, at most the largest there is."""
    return min((batch for batch in batches if batch >= count), default=max(batches))


class CompiledShapes:
    """A function for each shape that images had so far: ``exact`` sizes, which may grow, and buckets for all others.

    Once there are `MOST_COMPILED` for buckets, images that fit into one of them run in the smallest that holds them:
    compiling takes seconds, and XLA keeps what it has compiled for as long as the process lives. For images that fit
    into none a function is compiled, and the one that was used least recently goes; calls may still be using it.
    """

    def __init__(self, batches: Sequence[int], exact: set[Size]) -> None:
        self._batches, self._exact = batches, exact
        self._functions: dict[Shape, Any] = {}  # the one that was used last at the end
        self._changing = Lock()
        self._compiling = Lock()

    def find(self, count: int, size: Size, compiled: Callable[[Shape], Any]) -> tuple[Shape, Any]:
        """The shape to run ``count`` images of ``size`` in, and its function, which ``compiled`` makes if need be."""
        shape, function = self._look_up(count, size)
        if function is None:
            with self._compiling:
                shape, function = self._look_up(count, size)
                if function is None:
                    function = compiled(shape)
                    self._keep(shape, function)
        return shape, function

    def _look_up(self, count: int, size: Size) -> tuple[Shape, Any]:
        height, width = bucket(size, self._exact)
        shape = (batch_bucket(count, self._batches), height, width, 3)
        with self._changing:
            function = self._functions.pop(shape, None)
            if function is None and size not in self._exact and len(self._buckets()) >= MOST_COMPILED:
                holding = [one for one in self._functions if all(a >= b for a, b in zip(one, shape, strict=True))]
                shape = min(holding, key=prod, default=shape)
                function = self._functions.pop(shape, None)
            if function is not None:
                self._functions[shape] = function
        return shape, function

    def _keep(self, shape: Shape, function: Any) -> None:
        with self._changing:
            self._functions[shape] = function
            surplus = self._buckets()[:-MOST_COMPILED]
            for one in surplus:
                del self._functions[one]
        if surplus:
            gc.collect()  # functions and their graphs refer to each other

    def _buckets(self) -> list[Shape]:
        return [shape for shape in self._functions if Size(*shape[1:3]) not in self._exact]
