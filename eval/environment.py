"""What a figure was measured with."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

_LIBRARIES = ("tensorflow", "openvino", "nncf", "keras", "numpy", "opencv-python-headless", "numba", "shapely")


def environment() -> dict[str, str]:
    """Python, platform, and the versions of the libraries that matter, by name."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
