"""Which images the arguments of ``east detect`` mean, and what each is called."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..errors import ImageError
from ..files import is_uri
from ..options import PDF_DPI
from ..outputs import fold

if TYPE_CHECKING:
    from ..images.pdf import PdfPage


class InputImage(NamedTuple):
    """One image to read.

    Attributes:
        path: to read it from, None for standard input.
        page: of the PDF at that path, if it is one.
        name: what it is called in results, which no other image is.
        stem: path, in the folders that are written to, of the files about it, without a suffix; its own, also where
            the case of letters tells no files apart.
    """

    path: Path | None
    name: str
    stem: str
    page: PdfPage | None = None


def find_images(inputs: list[str], written: Collection[Path] = (), *, pdf_dpi: float = PDF_DPI) -> list[InputImage]:
    """The images meant by the arguments, ``img_2`` before ``img_10``.

    A folder stands for the image files in it and below it, a pattern for the files that match it, and a PDF, which is
    rendered at ``pdf_dpi``, for its pages. Left out of a folder are hidden files and folders, the folders ``written``
    to, and what an earlier call has drawn or cut out, unless there is nothing else: then that is what is meant. A file
    that is named is always taken.

    Raises, before anything is computed, ``OSError`` for a file that is missing or a folder that cannot be read,
    `ImageError` for a folder without images or a URL, and `MissingPackageError` for a PDF that is named and cannot be
    read without the extra ``pdf``.
    """
    names: dict[str, int] = {}
    stems: dict[str, int] = {}
    sources = []
    for path, wanted in (found for text in inputs for found in _expand(text, written)):
        for page in _pages(path, pdf_dpi):
            name = _unique(wanted if page is None else str(Path(wanted).with_name(page.name)), names, str)
            stem = str(Path(name).with_suffix("")) if page is None else name
            sources.append(InputImage(path, name, _unique(stem, stems, fold), page))
    return sources


def _pages(path: Path | None, dpi: float) -> list[PdfPage] | list[None]:
    """The pages of a PDF; one None for what is no PDF, or one that cannot be read and will be an error in its turn."""
    if path is None or path.suffix.lower() != ".pdf":
        return [None]
    from ..images.pdf import pdf_pages

    try:
        return pdf_pages(path, dpi=dpi) or [None]
    except ImageError:
        return [None]


def _expand(text: str, written: Collection[Path]) -> Iterator[tuple[Path | None, str]]:
    """Paths and names."""
    if text == "-":
        yield None, "stdin"
        return
    from ..images.listing import images_below, images_matching, is_pattern

    path = Path(text)
    if is_uri(text):
        raise ImageError(f"{text}: a URL is not fetched: curl {text} | east detect -")
    if is_pattern(text):
        yield from ((file, file.name) for file in images_matching(text))
        return
    if not text or not path.exists():
        raise FileNotFoundError(2, "no such file", text or "''")
    if not path.is_dir():
        yield path, path.name
        return
    for file in images_below(path, written):
        yield file, file.relative_to(path).as_posix()


def _unique(name: str, taken: dict[str, int], key: Callable[[str], str]) -> str:
    """``name``, or if it is taken ``name-2`` and so on; ``taken`` counts those given, by what ``key`` tells apart."""
    path, unique = Path(name), name
    while key(unique) in taken:
        taken[key(name)] += 1
        unique = str(path.with_name(f"{path.stem}-{taken[key(name)]}{path.suffix}"))
    taken[key(unique)] = 1
    return unique
