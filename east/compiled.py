"""How functions are compiled by Numba here, and what is done until they are.

Numba takes ten to thirty seconds for all of them, once on a machine. Python itself computes the same, bit for bit, some
hundred times slower: of one photograph, in half a second. So a thread compiles, and what is called before it is ready
is interpreted, up to about as long as compiling takes.

Numba renews a cached function when the function's own file changes, and would miss a change in another file: so a
compiled function calls those of its own file, or such as never change. For the two ways to agree it is written so that
Python rounds as Numba does: ``np.hypot``, since ``math.hypot`` is Python's own; ``float`` around what float32 values
come to before they meet others.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from functools import update_wrapper
from threading import Condition, Lock, Thread, current_thread, main_thread
from typing import Any, Final, TypeVar, cast

import numba
import numpy as np
from numba import types
from numba.core import event
from numba.extending import register_jitable

Function = TypeVar("Function", bound=Callable[..., Any])

_log = logging.getLogger(__name__)

_ITEMS: Final = 20_000
"""As many items, in all calls of a function together, are sooner interpreted, 0.15 ms each, than it is compiled."""

_PAIRS: Final = 1_000_000
"""Likewise of pairs, 3 us each, where it compares each with each."""


class _Turn:
    """A lock that none takes again before one who waits for it."""

    def __init__(self) -> None:
        self.reset()

    def __enter__(self) -> None:
        with self._next:
            self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def reset(self) -> None:
        """As in a child process, where nobody has it or waits for it."""
        self._next, self._lock = Lock(), Lock()


_turn = _Turn()  # of what is compiled, and of processes that fork


def inner(function: Function) -> Function:
    """Lets compiled functions call a function, which Numba then compiles into them."""
    return cast(Function, register_jitable(nogil=True)(function))


def entry(result: Any, *arguments: Any, pairs: bool = False) -> Callable[[Function], Function]:
    """Makes a function an `Entry`, compiled for one signature.

    Args:
        result: Numba's type of what it returns.
        arguments: those of what it takes; the first is an array of the items that it is about.
        pairs: whether its time grows with the square of their number.
    """

    def decorate(function: Function) -> Function:
        return cast(Function, Entry(function, result(*arguments), pairs))

    return decorate


def array(dtype: Any, dimensions: int) -> Any:
    """The type of an array, contiguous, that is only read."""
    return types.Array(dtype, dimensions, "C", readonly=True)


class Entry:
    """A function that Python calls: compiled, with the result cached on disk where possible, or interpreted until then.

    Attributes:
        function: what is compiled.
        interpreted: how much it was so far, as a share of what takes as long as compiling it.
    """

    def __init__(self, function: Callable[..., Any], signature: Any, pairs: bool) -> None:
        update_wrapper(self, function)
        self.function = function
        self._signature = signature
        self._pairs = pairs
        self.interpreted = 0.0
        self._compiled: Any = None
        _background.add(self)

    def __call__(self, *arguments: Any) -> Any:
        if self._compiled is None:
            return self._before_compiled(*arguments)
        return self._compiled(*arguments)

    @property
    def ready(self) -> bool:
        """Whether it is compiled."""
        return self._compiled is not None

    @property
    def stats(self) -> Any:
        """What Numba counted of it: whether it was found compiled."""
        return self.compile().stats

    def compile(self) -> Any:
        """Compiles it, unless it is."""
        if self._compiled is None:
            with _turn:
                if self._compiled is None:
                    self._compiled = self._made()
        return self._compiled

    def _made(self) -> Any:
        try:
            return numba.njit(self._signature, nogil=True, cache=True)(self.function)
        except Exception:  # no writable place for the cache, a full disk, files that a power cut left empty
            return numba.njit(self._signature, nogil=True)(self.function)

    def _before_compiled(self, *arguments: Any) -> Any:
        items = len(arguments[0])
        self.interpreted += items * items / _PAIRS if self._pairs else items / _ITEMS
        if self.interpreted > 1 or _background.finds(self):
            return self.compile()(*arguments)
        with np.errstate(all="ignore"):
            return self.function(*arguments)


class _Background(event.Listener):  # type: ignore[misc]
    """The thread that compiles, for as long as there is something to compile and the process is to live."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._waiting: list[Entry] = []
        self._changed = Condition()
        self._thread: Thread | None = None
        self._cold = False  # whether anything had to be compiled, and not only to be fetched

    def add(self, entry: Entry) -> None:
        """Takes notice of a function."""
        with self._changed:
            self.entries.append(entry)
            self._waiting.append(entry)

    def start(self) -> None:
        """Begins, unless it is under way."""
        with self._changed:
            if self._thread is None and self._waiting and main_thread().is_alive():
                self._thread = Thread(target=self._run, name="compiling")  # not to be cut off while LLVM is at work
                self._thread.start()

    def finds(self, entry: Entry) -> bool:
        """Waits until a function has been fetched from the cache, and tells whether it could be."""
        with self._changed:
            self.start()
            self._changed.wait_for(lambda: entry.ready or self._cold or self._thread is None)
            return entry.ready

    def on_start(self, event: Any) -> None:
        """Numba found something missing in the cache."""
        with self._changed:
            self._cold = True
            self._changed.notify_all()

    def on_end(self, event: Any) -> None:
        pass

    def reset(self) -> None:
        """As in a child process, where there is no such thread."""
        self._changed, self._thread = Condition(), None

    def _run(self) -> None:
        try:
            with event.install_listener("numba:compile", self):
                while self._step() and main_thread().is_alive():
                    pass
        except Exception:
            _log.warning("what decodes the maps could not be compiled and stays slow", exc_info=True)
        finally:
            with self._changed:
                if self._thread is current_thread():
                    self._thread = None
                self._changed.notify_all()

    def _step(self) -> bool:
        """Compiles what has cost most so far; False where nothing is left, after which another thread may start."""
        with self._changed:
            if not self._waiting:
                self._thread = None
                return False
            entry = max(self._waiting, key=lambda waiting: waiting.interpreted)  # the first of equals
            self._waiting.remove(entry)
        entry.compile()
        with self._changed:
            self._changed.notify_all()
        return True


_background = _Background()


def compile_in_background() -> None:
    """Begins to compile, or to fetch from the cache, all that has been imported."""
    _background.start()


def compile_all() -> None:
    """Compiles all that has been imported before it returns."""
    for one in list(_background.entries):
        one.compile()


def _in_child() -> None:
    _turn.reset()
    _background.reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_turn.__enter__, after_in_parent=_turn.__exit__, after_in_child=_in_child)
