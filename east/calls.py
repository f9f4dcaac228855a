"""The calls under way, so that what they use is not freed meanwhile."""

from __future__ import annotations

from threading import Condition


class Calls:
    """Counts the calls under way; each is a ``with`` block. Thread-safe."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._running = 0
        self._ended = False

    def __enter__(self) -> None:
        with self._changed:
            if self._ended:
                raise ValueError("this detector is closed")
            self._running += 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._running -= 1
            self._changed.notify_all()

    def end(self) -> bool:
        """Lets no more calls begin and waits for those under way; whether nobody had ended them before."""
        with self._changed:
            first, self._ended = not self._ended, True
            self._changed.wait_for(lambda: not self._running)
            return first
