"""Results in files, each in the format that the file's name calls for."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..files import written_whole
from ..folders import is_one_of
from ..images.listing import whole_of
from .alto import to_alto
from .coco import to_coco
from .hocr import to_hocr
from .label_studio import to_label_studio
from .page_xml import to_page_xml
from .pdf import to_pdf
from .picture import encoded

if TYPE_CHECKING:
    from ..detections import Detections


def save(found: Detections, path: str | os.PathLike[str]) -> None:
    """Writes a result in the format that the ending of ``path`` calls for; see `Detections.save`."""
    target = Path(path)
    suffix = suffix_of(target.name)
    if suffix is None:
        raise ValueError(f"{os.fspath(path)!r} ends in nothing that stands for a format; use {', '.join(SUFFIXES)}")
    if found.source and is_one_of(target, [Path(whole_of(found.source) or found.source)]):
        raise ValueError(f"{os.fspath(path)!r} is the picture itself: save the result under another name")
    content = _WRITERS[suffix](found)
    with written_whole(target) as file:
        file.write(content if isinstance(content, bytes) else content.encode(errors="backslashreplace"))


def suffix_of(name: str) -> str | None:
    """Which of `SUFFIXES` a name ends in, the longest of them, in whatever case; None if in none."""
    ending = [suffix for suffix in SUFFIXES if name.lower().endswith(suffix)]
    return max(ending, key=len, default=None)


def plain_text(found: Detections) -> str:
    """What was read. Raises ``ValueError`` where nobody has."""
    return f"{found.text}\n" if found.text else ""


def as_json(value: object) -> str:
    """A value as strict JSON, a line."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n"


_WRITERS: dict[str, Callable[[Detections], str | bytes]] = {
    ".json": lambda found: found.to_json(indent=2) + "\n",
    ".csv": lambda found: found.to_csv(),
    ".txt": plain_text,
    ".icdar.txt": lambda found: found.to_icdar(),
    ".hocr": to_hocr,
    ".alto.xml": to_alto,
    ".page.xml": to_page_xml,
    ".coco.json": lambda found: as_json(to_coco([found])),
    ".label-studio.json": lambda found: as_json(to_label_studio([found])),
    ".pdf": lambda found: to_pdf([found]),
    ".png": lambda found: encoded(found.draw(), ".png"),
    ".jpg": lambda found: encoded(found.draw(), ".jpg"),
    ".jpeg": lambda found: encoded(found.draw(), ".jpg"),
}

SUFFIXES = tuple(_WRITERS)
"""The endings that `Detections.save` knows."""
