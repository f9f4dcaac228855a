"""Which image files a folder or a pattern stands for."""

from __future__ import annotations

import errno
import glob
import logging
import re
from collections.abc import Collection
from pathlib import Path, PurePath

from ..errors import ImageError
from ..extras import install, is_installed
from ..files import IMAGE_SUFFIXES
from ..folders import files_below, is_litter, natural_order
from .pdf import SUFFIX as PDF
from .signature import is_signed

_PART = re.compile(r"(.+)#(?:page=)?[0-9]+")

_log = logging.getLogger(__name__)


def is_pattern(text: str) -> bool:
    """Whether a text is a pattern for names of files, and not the name of one."""
    return glob.has_magic(text) and not Path(text).exists()


def whole_of(name: str) -> str | None:
    """The file of which a name, such as results have, is a part: ``scan.pdf`` of ``scan.pdf#page=3``."""
    part = _PART.fullmatch(name)
    return part and part[1]


def why_missing(name: str) -> str:
    """What to tell of a name, a pattern or a part of a file that stands for nothing."""
    if whole := whole_of(name):
        return f"no such file or folder: name the whole file, {whole}, which stands for all that is in it"
    if glob.has_magic(name):
        told = "no file matches it as a pattern: upper and lower case count, and **/ stands for any folders"
        return f"no such file or folder, and {told}"
    return "no such file or folder"


def missing(name: str) -> FileNotFoundError:
    """The error of such a name."""
    return FileNotFoundError(errno.ENOENT, why_missing(name), name or "''")


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
    drawn = {file for file in files if is_signed(file)}
    if 0 < len(drawn) < len(files):
        _log.info("%s: %d pictures that an earlier call has drawn or cut out are left out", folder, len(drawn))
        files = [file for file in files if file not in drawn]
    return sorted(files, key=natural_order)


def images_matching(pattern: str) -> list[Path]:
    """The files that a pattern stands for, as in a shell, ``**`` for folders below; in the order of `images_below`.

    Of ``scans/*`` those that are no images by their names are left out, unless there are no others.

    Raises `ImageError` where none match.
    """
    files = [Path(name) for name in glob.glob(pattern, recursive=True)]  # noqa: PTH207
    files = [file for file in files if file.is_file() and not is_litter(file.name)]
    if not files:
        raise ImageError(f"{pattern}: {why_missing(pattern)}")
    images = [file for file in files if file.suffix.lower() in IMAGE_SUFFIXES or _is_pdf(file)]
    return sorted(images or files, key=natural_order)


def unreadable_pdfs(place: object, files: Collection[PurePath]) -> frozenset[PurePath]:
    """The PDFs among the files found at a place, which is warned of; none where what reads them is installed."""
    left = frozenset() if is_installed("pypdfium2") else frozenset(filter(_is_pdf, files))
    if left:
        _log.warning("%s: %d PDFs are left out; reading them needs pypdfium2: %s", place, len(left), install("pdf"))
    return left


def _is_pdf(path: PurePath) -> bool:
    return path.suffix.lower() == PDF
