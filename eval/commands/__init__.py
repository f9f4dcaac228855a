"""The command line of the evaluation: one module per command, none of them heavy to import."""

from __future__ import annotations

from typing import Any

from east.flags import option_type


def add_choice(group: Any, name: str, metavar: str, default: list[str] | None, told: str) -> None:
    """Adds a flag to a parser or group that takes several values of the detector's option of that name."""
    group.add_argument(f"--{name}", nargs="+", default=default, type=option_type(name), metavar=metavar, help=told)
