"""The command line of the evaluation: one module per command, none of them heavy to import."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from east.flags import argument_type, option_type


def add_choice(group: Any, name: str, metavar: str, default: list[str] | None, told: str) -> None:
    """Adds a flag to a parser or group that takes several values of the detector's option of that name."""
    group.add_argument(f"--{name}", nargs="+", default=default, type=option_type(name), metavar=metavar, help=told)


def add_data(parser: argparse.ArgumentParser) -> None:
    """Adds the flags that say which images: ``--data``, ``--gt`` and ``--subset``."""
    data = parser.add_argument_group("data")
    data.add_argument(
        "--data",
        type=Path,
        default=os.environ.get("ICDAR2015_DIR") or None,
        metavar="DIR",
        help="folder with img_N.jpg and gt_img_N.txt (default: ICDAR2015_DIR)",
    )
    data.add_argument("--gt", type=Path, metavar="PATH", help="folder or zip of the ground truths, if elsewhere")
    data.add_argument(
        "--subset",
        type=argument_type(_subset),
        metavar="NUMBERS",
        help="images to take of them, such as 801-1000 or 1,5,10-20",
    )


def _subset(text: str) -> str:
    from ..dataset import parse_subset

    parse_subset(text)
    return text
