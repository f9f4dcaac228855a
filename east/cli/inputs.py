"""Which images the arguments of ``east detect`` mean, and what each is called."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..errors import EastError, ImageError
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
        name: what it is called in results: its own name, below the folder that was named, or where that is another
            picture's, too, the path as it was given.
        stem: path, in the folders that are written to, of the files about it, without a suffix; its own, also where
            the case of letters tells no files apart.
    """

    path: Path | None
    name: str
    stem: str
    page: PdfPage | None = None


class Found(NamedTuple):
    """The images meant by the arguments, and what is wrong with the arguments that stand for none."""

    images: list[InputImage]
    errors: list[Exception]


def find_images(inputs: list[str], written: Collection[Path] = (), *, pdf_dpi: float = PDF_DPI) -> Found:
    """The images meant by the arguments, ``img_2`` before ``img_10``.

    A folder stands for the image files in it and below it, a pattern for the files that match it, and a PDF, which is
    rendered at ``pdf_dpi``, for its pages. Left out of a folder are hidden files and folders, the folders ``written``
    to, and what an earlier call has drawn or cut out, unless there is nothing else: then that is what is meant. A file
    that is named is always taken.

    An argument that stands for no image does not stop the others: ``OSError`` for a file that is missing or a folder
    that cannot be read, `ImageError` for a folder without images, a pattern that no file matches or a URL, and
    `MissingPackageError` for a PDF that is named and cannot be read without the extra ``pdf``.
    """
    errors: list[Exception] = []
    found = []
    for text in inputs:
        try:
            meant = [(path, page, wanted) for path, wanted in _expand(text, written) for page in _pages(path, pdf_dpi)]
        except (EastError, OSError) as error:
            errors.append(error)
        else:
            found += [(path, page, *_names_of(path, page, wanted)) for path, page, wanted in meant]
    names = _told_apart([(short, full) for *_, short, full in found])
    stems = _own_stems([short if page is not None else str(Path(short).with_suffix("")) for _, page, short, _ in found])
    images = [
        InputImage(path, name, stem, page) for (path, page, *_), name, stem in zip(found, names, stems, strict=True)
    ]
    return Found(images, errors)


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
    from ..images.listing import images_below, images_matching, is_pattern, missing

    path = Path(text)
    if is_uri(text):
        raise ImageError(f"{text}: a URL is not fetched: curl {text} | east detect -")
    if is_pattern(text):
        yield from ((file, file.name) for file in images_matching(text))
        return
    if not text or not path.exists():
        raise missing(text)
    if not path.is_dir():
        yield path, path.name
        return
    for file in images_below(path, written):
        yield file, file.relative_to(path).as_posix()


def _names_of(path: Path | None, page: PdfPage | None, wanted: str) -> tuple[str, str]:
    """What an image is called, and what by its path."""
    if path is None or page is None:
        return wanted, str(path or "-")
    return str(Path(wanted).with_name(page.name)), str(path.with_name(page.name))


def _told_apart(names: list[tuple[str, str]]) -> list[str]:
    """Of each pair of a short and a full name the short one, unless another picture has it, too."""
    chosen = [short for short, _ in names]
    while True:
        meant: dict[str, set[str]] = defaultdict(set)
        for name, (_, full) in zip(chosen, names, strict=True):
            meant[name].add(full)
        longer = [full if len(meant[name]) > 1 else name for name, (_, full) in zip(chosen, names, strict=True)]
        if longer == chosen:
            return chosen
        chosen = longer


def _own_stems(stems: list[str]) -> list[str]:
    """Each with ``-2`` and so on where an earlier one is the same, and never as one of the others is."""
    taken, counts = {fold(stem) for stem in stems}, Counter[str]()
    own = []
    for stem in stems:
        counts[fold(stem)] += 1
        unique = stem
        if counts[fold(stem)] > 1:
            while fold(unique := f"{stem}-{counts[fold(stem)]}") in taken:
                counts[fold(stem)] += 1
            taken.add(fold(unique))
        own.append(unique)
    return own
