"""What stands for several images: folders, patterns, PDFs, and in which order."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from east.errors import ImageDecodeError, ImageError
from east.folders import natural_order
from east.images import PdfPage, load_image
from east.images.decoding import source_of
from east.images.several import several_images
from tests.support.pdfs import scanned

BLANK = np.zeros((8, 12, 3), np.uint8)
WITHOUT_MATCH = "no such file or folder, and no file matches it as a pattern: upper and lower case count"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Images by name in no order, with what is no image."""
    for name in ("img_10.png", "img_2.png", "b/img_1.JPG", ".hidden.png", "notes.txt", "IMG_3.webp", "odd[1].png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def names(images: object, folder: Path) -> list[str]:
    found = several_images(images)  # type: ignore[arg-type]
    return [one.name if isinstance(one, PdfPage) else Path(str(one)).relative_to(folder).as_posix() for one in found]


def test_a_folder_is_its_images_in_the_order_of_their_numbers(folder: Path) -> None:
    expected = ["b/img_1.JPG", "img_2.png", "IMG_3.webp", "img_10.png", "odd[1].png"]
    assert names(folder, folder) == names(str(folder), folder) == names(f"{folder}{os.sep}", folder) == expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.png", ["img_2.png", "img_10.png", "odd[1].png"]),
        ("img_?.png", ["img_2.png"]),
        ("*", ["img_2.png", "IMG_3.webp", "img_10.png", "odd[1].png"]),
        ("**/img_*.*", ["b/img_1.JPG", "img_2.png", "img_10.png"]),
        ("*.txt", ["notes.txt"]),
        ("[in]*_2.png", ["img_2.png"]),
    ],
)
def test_a_pattern_is_the_images_that_match(pattern: str, expected: list[str], folder: Path) -> None:
    assert names(str(folder / pattern), folder) == expected


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(folder: Path) -> None:
    with pytest.raises(TypeError, match="several images and got one, a single str"):
        several_images(str(folder / "odd[1].png"))


def test_a_pattern_is_no_single_image(folder: Path) -> None:
    with pytest.raises(ImageError, match="a pattern is no image: stream or detect_batch takes the images"):
        load_image(folder / "*.png")
    with pytest.raises(ImageError, match=WITHOUT_MATCH):
        load_image(folder / "*.PNG")


def test_a_page_is_not_named_as_results_name_it(folder: Path) -> None:
    named = f"{folder}/scan.pdf#page=2"
    (folder / "scan.pdf").touch()
    with pytest.raises(ImageError, match=f"^{named}: no such file or folder: name the whole file, {folder}/scan.pdf,"):
        several_images(named)
    with pytest.raises(ImageError, match=rf"^{named}: no such file: pdf_pages\('{folder}/scan.pdf'\) gives the pages"):
        load_image(named)
    (folder / "rows.parquet").touch()
    with pytest.raises(ImageError, match=f"#3: no such file or folder: name the whole file, {folder}/rows.parquet,"):
        load_image(folder / "rows.parquet#3")
    for nothing in ("none.pdf#page=2", "img_2.png#page=2", "rows.parquet#page=2"):
        with pytest.raises(ImageError, match=f"^{folder}/{nothing}: cannot read the file: No such file"):
            load_image(folder / nothing)
    (folder / "img_2.png#page=2").touch()
    with pytest.raises(ImageDecodeError, match="empty"):
        load_image(folder / "img_2.png#page=2")


def test_a_folder_that_is_not_there_is_named() -> None:
    with pytest.raises(ImageError, match=r"^scans/: no such file or folder$"):
        several_images("scans/")


def test_pages_stand_in_the_place_of_their_pdf(folder: Path) -> None:
    pytest.importorskip("pypdfium2")
    (folder / "img_4.pdf").write_bytes(scanned([BLANK, BLANK]))
    (folder / "img_5.pdf").write_bytes(b"%PDF-1.7 damaged")
    pages = ["img_4-p0001", "img_4-p0002"]
    assert names(folder, folder)[3:6] == [*pages, "img_5.pdf"]
    assert names(folder / "img_4.pdf", folder) == pages
    assert names(str(folder / "*.pdf"), folder) == [*pages, "img_5.pdf"]
    assert names(folder / "img_5.pdf", folder) == ["img_5.pdf"]


@pytest.mark.parametrize(("place", "told"), [("empty", "no images in this folder"), ("*.gif", WITHOUT_MATCH)])
def test_nothing_is_told(place: str, told: str, folder: Path) -> None:
    (folder / "empty").mkdir()
    with pytest.raises(ImageError, match=rf"^{re.escape(str(folder / place))}: {told}"):
        several_images(folder / place)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("", "the path is empty: name an image file"),
        ("https://example.org/a.jpg", r"a URL is not fetched: pass the bytes, urllib.request.urlopen\(url\).read\(\)"),
        ("s3://bucket/a.jpg", "a URL is not fetched"),
        (".", "a folder is no image: stream or detect_batch takes the images in it"),
        ("*.jpg", f"^\\*.jpg: {WITHOUT_MATCH}"),
        ("scan.pdf#page=3", "^scan.pdf#page=3: cannot read the file: No such file"),
        (np.zeros((3, 40, 60), np.uint8), r"channels come first; array.transpose\(1, 2, 0\) puts them last"),
        (np.zeros((2, 40, 60, 3), np.uint8), "several images; detect_batch or stream takes"),
    ],
)
def test_what_is_no_image_says_in_one_line_what_to_do(source: object, told: str) -> None:
    with pytest.raises(ImageError, match=told) as refused:
        load_image(source)  # type: ignore[arg-type]
    assert "\n" not in str(refused.value)


def test_open_files_are_read_from_where_they_stand(tmp_path: Path) -> None:
    file = io.BytesIO(b"something before")
    file.seek(0, io.SEEK_END)
    Image.fromarray(BLANK + 7).save(file, "PNG")
    with pytest.raises(ImageDecodeError, match=r"nothing left to read: file.seek\(0\)"):
        load_image(file)
    file.seek(len("something before"))
    assert (load_image(file) == 7).all()
    path = tmp_path / "a.png"
    Image.fromarray(BLANK + 7).save(path)
    with path.open("rb") as opened:
        assert source_of(opened) == str(path)
        assert (load_image(opened) == 7).all()
    with pytest.raises(ImageError, match="cannot read the open file: "):
        load_image(opened)
    with path.open(encoding="latin-1") as text, pytest.raises(TypeError, match=r"must be binary.*open\(path, 'rb'\)"):
        load_image(text)  # type: ignore[arg-type]


def test_names_are_sorted_as_people_sort_them() -> None:
    paths = ["a10/b.png", "a2/z.png", "a2/b10.png", "A2/b9.png", "a.png", "07.png", "7.png", "x.png"]
    ordered = sorted(map(Path, paths), key=natural_order)
    assert [path.as_posix() for path in ordered] == [
        "07.png", "7.png", "A2/b9.png", "a2/b10.png", "a2/z.png", "a10/b.png", "a.png", "x.png",
    ]  # fmt: skip


def test_a_generator_may_use_its_arrays_and_buffers_again() -> None:
    array, data, picture = np.zeros((4, 6, 3), np.uint8), bytearray(2), Image.new("L", (6, 4))

    def frames() -> Iterator[Any]:
        for level in range(3):
            array[:] = level
            data[:] = bytes([level]) * 2
            picture.paste(level, (0, 0, 6, 4))
            yield from (array, data, memoryview(data), picture)

    found: list[Any] = list(several_images(frames()))
    for level in range(3):
        one, two, three, four = found[4 * level : 4 * level + 4]
        assert (one == level).all()
        assert two == three == bytes([level, level])
        assert four.getextrema() == (level, level)


def test_what_stays_as_it_is_is_not_copied(folder: Path) -> None:
    array = np.zeros((4, 6, 3), np.uint8)
    assert next(several_images([array])) is array
    Image.new("L", (6, 4)).save(folder / "img_2.png")
    with Image.open(folder / "img_2.png") as file:
        assert next(several_images(iter([file]))) is file  # which nobody has decoded yet
