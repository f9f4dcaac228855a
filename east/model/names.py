"""Checking variables against the shapes a network wants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from ..errors import CheckpointError

LISTED = 5


def check_variables(
    values: Mapping[str, NDArray[Any]], shapes: Mapping[str, tuple[int, ...]], source: str = "the given variables"
) -> None:
    """Checks that ``values`` has every name of ``shapes`` in its shape.

    Raises `CheckpointError` naming the first few that are missing or mis-shaped, and how many there are.
    """
    wrong = [
        f"{name} is missing" if name not in values else f"{name} is {values[name].shape}, not {shape}"
        for name, shape in shapes.items()
        if name not in values or tuple(values[name].shape) != shape
    ]
    if wrong:
        raise CheckpointError(f"{source}: {len(wrong)} of {len(shapes)} variables do not fit: {listing(wrong)}")


def listing(items: list[str]) -> str:
    """The first few items, and how many more."""
    shown = "; ".join(items[:LISTED])
    return shown if len(items) <= LISTED else f"{shown}; and {len(items) - LISTED} more"
