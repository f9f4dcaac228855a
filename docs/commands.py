"""Fills pages with what the program itself says, so that the reference stays true.

``{help: COMMAND}`` becomes what ``east COMMAND --help`` prints, ``{options: CLASS}`` a table of the options of a class
in `east.options`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(_ROOT))

from east import options  # noqa: E402
from east.option_fields import Leaf, leaves  # noqa: E402


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Called by MkDocs with the text of each page."""
    markdown = re.sub(r"^\{help: ([a-z0-9 ]*)\}$", _help, markdown, flags=re.MULTILINE)
    return re.sub(r"^\{options: (\w+)\}$", _options, markdown, flags=re.MULTILINE)


def _help(asked: re.Match[str]) -> str:
    command = [sys.executable, "-m", "east", *asked[1].split(), "--help"]
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1"}
    told = subprocess.run(command, cwd=_ROOT, env=environment, capture_output=True, text=True, check=True)
    return f"```text\n{told.stdout.rstrip()}\n```"


def _options(asked: re.Match[str]) -> str:
    rows = [_row(leaf) for leaf in leaves(getattr(options, asked[1])) if len(leaf.path) == 1]
    return "\n".join(["| option | default | |", "|---|---|---|", *rows])


def _row(leaf: Leaf) -> str:
    default = "" if leaf.default is None else f"`{leaf.default}`"
    told = leaf.about.help.replace("|", "\\|")
    bounds = f"; {', '.join(f'`{choice}`' for choice in leaf.choices)}" if leaf.choices else ""
    return f"| `{leaf.name}` | {default} | {told}{bounds} |"
