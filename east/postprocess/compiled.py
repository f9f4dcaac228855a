"""How functions are compiled by Numba here.

Numba renews a cached function when the function's own file changes, and would miss a change in another file: so a
compiled function calls those of its own file, or such as never change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
from numba import types

Function = TypeVar("Function", bound=Callable[..., Any])


def inner(function: Function) -> Function:
    """Compiles a function into its compiled callers."""
    return cast(Function, numba.njit(nogil=True)(function))


def entry(result: Any, *arguments: Any) -> Callable[[Function], Function]:
    """Compiles a function that Python calls, now, for one signature; the result is cached on disk where possible."""

    def decorate(function: Function) -> Function:
        signature = result(*arguments)
        try:
            return cast(Function, numba.njit(signature, nogil=True, cache=True)(function))
        except Exception:  # no writable place for the cache, a full disk, or files that a power cut left empty
            return cast(Function, numba.njit(signature, nogil=True)(function))

    return decorate


def array(dtype: Any, dimensions: int) -> Any:
    """The type of an array, contiguous, that is only read."""
    return types.Array(dtype, dimensions, "C", readonly=True)
