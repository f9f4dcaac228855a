"""Where Numba finds what was compiled when a container image was made: see ``deploy/Dockerfile``."""

from __future__ import annotations

from pathlib import Path

from numba.core.caching import UserProvidedCacheLocator


class ReadOnlyCacheLocator(UserProvidedCacheLocator):  # type: ignore[misc]
    """The folder ``NUMBA_CACHE_DIR``, also where nothing can be written: Numba itself then compiles at each start.

    For ``NUMBA_CACHE_LOCATOR_CLASSES``, where Numba takes a name.
    """

    def ensure_cache_path(self) -> None:
        """Raises ``OSError`` when the folder has nothing of the function's module."""
        next(Path(self.get_cache_path()).iterdir(), None)
