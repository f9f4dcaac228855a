"""OpenCV's own threads, of which it has one set for the whole process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import cv2

_lock = Lock()
_inside = 0
_before = 1


@contextmanager
def one_opencv_thread() -> Iterator[None]:
    """Has OpenCV work in the threads that call it, alone, until the last of those who want that has left.

    Its threads, spinning while they wait for work, take the processor from others that decode images.
    """
    global _inside, _before  # noqa: PLW0603 as OpenCV's own setting is
    with _lock:
        if not _inside:
            _before = cv2.getNumThreads()
            cv2.setNumThreads(1)
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                cv2.setNumThreads(_before)
