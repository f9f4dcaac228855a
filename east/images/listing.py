"""Which image files a folder or a pattern stands for."""

from __future__ import annotations

import errno
import glob
import logging
import os
import re
from collections.abc import Callable, Collection
from pathlib import Path, PurePath

from ..errors import ImageError
from ..extras import install, is_installed
from ..files import IMAGE_SUFFIXES
from ..folders import files_below, is_litter, natural_order
from .pdf import SUFFIX as PDF
from .signature import is_signed

_PART = re.compile(r"(.+\.pdf)#page=[0-9]+|(.+\.(?:parquet|pq))#[0-9]+", re.IGNORECASE)
_WILD = re.compile(r"[*?\[]")

_log = logging.getLogger(__name__)


def is_pattern(text: str) -> bool:
    """Whether a text is a pattern for names of files, and not the name of one."""
    return glob.has_magic(text) and not Path(text).exists()


def fixed_part(place: str) -> str:
    """The folder that a pattern starts from, or a place itself that is none."""
    wild = _WILD.search(place)
    return place if wild is None else place[: wild.start()].rpartition("/")[0]


def whole_of(name: str, is_file: Callable[[str], bool] = os.path.isfile) -> str | None:
    """The file of which a name, such as results have, is a part: ``scan.pdf`` of ``scan.pdf#page=3``, if it is there.

    ``is_file`` says whether one is.
    """
    part = _PART.fullmatch(name)
    whole = part and (part[1] or part[2])
    return whole if whole and is_file(whole) else None


def why_missing(name: str, is_file: Callable[[str], bool] = os.path.isfile) -> str:
    """What to tell of a name, a pattern or a part of a file that stands for nothing."""
    if whole := whole_of(name, is_file):
        all_of_it = "which stands for all its pages" if whole.lower().endswith(PDF) else "whose rows east batch takes"
        return f"no such file or folder: name the whole file, {whole}, {all_of_it}"
    if glob.has_magic(name):
        told = "no file matches it as a pattern: upper and lower case count, and **/ stands for any folders"
        return f"no such file or folder, and {told}"
    return "no such file or folder"


def missing(name: str, is_file: Callable[[str], bool] = os.path.isfile) -> FileNotFoundError:
    """The error of such a name."""
    return FileNotFoundError(errno.ENOENT, why_missing(name, is_file), name or "''")


def images_below(folder: Path, left_out: Collection[Path] = ()) -> list[Path]:
    """The image files in a folder and below it, ``img_2`` before ``img_10``; PDFs too, where they can be read.

    Left out are hidden files and folders, the folders ``left_out``, and pictures that this program has drawn or cut
    out, unless there is nothing else: then that is what is meant.

    Raises:
        ImageError: there are none.
        OSError: the folder cannot be read.
    """
    files = files_below(folder, IMAGE_SUFFIXES | {PDF}, left_out)
    left = unreadable_pdfs(folder, files)
    files = [file for file in files if file not in left]
    if not files:
        raise ImageError(f"{folder}: no images in this folder ({', '.join(sorted(IMAGE_SUFFIXES))})")
    return sorted(without_drawn(folder, files), key=natural_order)


def images_matching(pattern: str) -> list[Path]:
    """The files that a pattern stands for, as in a shell, ``**`` for folders below; in the order of `images_below`.

    Of ``scans/*`` those that are no images by their names are left out, unless there are no others.

    Raises `ImageError` where none match.
    """
    files = files_matching(pattern)
    if not files:
        raise ImageError(f"{pattern}: {why_missing(pattern)}")
    images = [file for file in files if file.suffix.lower() in IMAGE_SUFFIXES or _is_pdf(file)]
    return sorted(images or files, key=natural_order)


def files_matching(pattern: str) -> list[Path]:
    """All files that a pattern stands for, in no order; hidden ones, and what is in hidden folders it found, aside."""
    named = len(Path(fixed_part(pattern)).parts)
    files = [Path(name) for name in glob.glob(pattern, recursive=True)]  # noqa: PTH207 -- which takes absolute ones, too
    return [file for file in files if file.is_file() and not any(map(is_litter, file.parts[named:]))]


def without_drawn(folder: object, files: list[Path]) -> list[Path]:
    """The files found in a folder but for pictures that this program has drawn or cut out, unless all are."""
    drawn = {file for file in files if is_signed(file)}
    if not 0 < len(drawn) < len(files):
        return files
    _log.info("%s: %d pictures that an earlier call has drawn or cut out are left out", folder, len(drawn))
    return [file for file in files if file not in drawn]


def unreadable_pdfs(place: object, files: Collection[PurePath]) -> frozenset[PurePath]:
    """The PDFs among the files found at a place, which is warned of; none where what reads them is installed."""
    left = frozenset() if is_installed("pypdfium2") else frozenset(filter(_is_pdf, files))
    if left:
        _log.warning("%s: %d PDFs are left out; reading them needs pypdfium2: %s", place, len(left), install("pdf"))
    return left


def _is_pdf(path: PurePath) -> bool:
    return path.suffix.lower() == PDF
