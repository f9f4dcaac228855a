"""What a forked process inherits of loaded networks: memory, but none of the threads that belong to it.

Their libraries wait for those threads when a network is destroyed, so in such a process nothing of it ever is.
"""

from __future__ import annotations

import ctypes
import os
import sys
from weakref import WeakSet

from .base import Runtime

_loaded: WeakSet[Runtime] = WeakSet()


def outlives_a_fork(runtime: Runtime) -> Runtime:
    """Keeps all that a runtime holds for good in every process that is forked from this one."""
    _loaded.add(runtime)
    return runtime


def _keep() -> None:
    for runtime in _loaded:
        for part in (runtime, *vars(runtime).values()):
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(part))


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_keep)
