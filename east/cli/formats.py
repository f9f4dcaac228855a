"""The formats in which commands write what was found, by name or by the ending of a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import UsageError

EACH = ("icdar", "hocr", "alto", "page", "png")
"""Those with a file for each image."""

DETECTED = ("json", "jsonl", "csv", *EACH, "coco", "label-studio")
"""Those that make sense of words that nobody has read; those that are not `EACH` put all images into one file."""

READ = ("text", *DETECTED, "pdf")
"""Those for words that were read, and so all; a PDF is searchable by them."""


def format_for(output: Path | None, formats: Sequence[str], *, several: bool) -> str:
    """The format that a file's ending stands for, as in `east.export.SUFFIXES`; without any the first of ``formats``.

    Raises:
        UsageError: an ending that stands for none of them, or, with ``several`` images, for one with a file for each.
    """
    if output is None or not output.suffix or output.is_dir():
        return formats[0]
    from ..export.saving import suffix_of

    suffix = ".jsonl" if output.suffix.lower() == ".jsonl" else suffix_of(output.name) or ""
    kind = suffix[1:].split(".")[0]
    form = {"txt": "text"}.get(kind, kind)
    if form not in formats:
        raise UsageError(f"--output {output}: its ending stands for no format here, so name one: --format {formats[0]}")
    if several and form in EACH:
        raise UsageError(f"--output {output}: {form} has a file for each image: --format {form} --output FOLDER")
    return form
