"""Pages of PDFs are images; what is wrong with a PDF is told in one line."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from east.errors import ImageDecodeError, ImageError, ImageTooLargeError, MissingPackageError
from east.images import PdfPage, listing, load_image, pdf_pages, several
from tests.support.pdfs import locked, scanned, without_pages

pytest.importorskip("pypdfium2")


def page(level: int, height: int = 60, width: int = 90) -> NDArray[np.uint8]:
    """A grey picture with a dark stripe at its left."""
    picture = np.full((height, width, 3), level, np.uint8)
    picture[:, :20] = 20
    return picture


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    path = tmp_path / "scan.v2.pdf"
    path.write_bytes(scanned([page(100), page(150, 40, 80), page(200)]))
    return path


def test_pages_are_rendered_at_the_resolution_asked_for(scan: Path) -> None:
    pages = pdf_pages(scan, dpi=72)
    assert [one.name for one in pages] == ["scan.v2-p0001", "scan.v2-p0002", "scan.v2-p0003"]
    assert pages[2].source == f"{scan}#page=3"
    pixels = [load_image(one) for one in pages]
    assert [one.shape for one in pixels] == [(60, 90, 3), (40, 80, 3), (60, 90, 3)]
    for one, level in zip(pixels, (100, 150, 200), strict=True):
        assert one.dtype == np.uint8
        assert one.flags.c_contiguous
        assert np.abs(one[:, 30:].astype(int) - level).max() < 8
        assert np.abs(one[:, :12].astype(int) - 20).max() < 8
    assert load_image(pdf_pages(scan)[0]).shape == (167, 250, 3)


def test_bytes_and_files_of_one_page_are_one_image(tmp_path: Path) -> None:
    data = scanned([page(100)])
    (tmp_path / "one.pdf").write_bytes(data)
    pixels = load_image(data)
    assert pixels.shape == (167, 250, 3)
    np.testing.assert_array_equal(load_image(tmp_path / "one.pdf"), pixels)
    np.testing.assert_array_equal(load_image(PdfPage(data, 1)), pixels)


def test_a_pdf_of_several_pages_is_no_single_image(scan: Path) -> None:
    with pytest.raises(ImageError, match=r"scan.v2.pdf: a PDF of 3 pages is no single image: stream takes its path"):
        load_image(scan)


def test_threads_render_at_the_same_time(scan: Path) -> None:
    pages = pdf_pages(scan, dpi=72) * 10
    with ThreadPoolExecutor(4) as pool:
        pixels = list(pool.map(load_image, pages))
    assert [int(np.median(one)) // 50 for one in pixels] == [int(np.median(load_image(one))) // 50 for one in pages]


@pytest.mark.parametrize(
    ("change", "kind", "told"),
    [
        (lambda data: data[:9], ImageDecodeError, "the PDF is damaged: "),
        (lambda data: b"%PDF-1.7", ImageDecodeError, "the PDF is damaged: "),
        (locked, ImageError, "the PDF needs a password: save it without one$"),
    ],
)
def test_what_is_wrong_with_a_pdf_is_told(change, kind: type[ImageError], told: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    data = change(scanned([page(100)]))
    path = tmp_path / "bad.pdf"
    path.write_bytes(data)
    with pytest.raises(kind, match=told):
        load_image(data)
    with pytest.raises(kind, match=rf"^{path}: {told}") as refused:
        pdf_pages(path)
    assert "\n" not in str(refused.value)
    with pytest.raises(kind, match=rf"bad\.pdf: {told}"):
        load_image(path)


def test_a_damaged_file_is_not_read_whole_to_see_whether_it_is_empty(tmp_path: Path) -> None:
    (tmp_path / "empty ä.pdf").write_bytes(without_pages())
    with pytest.raises(ImageError, match="the PDF has no pages"):
        pdf_pages(tmp_path / "empty ä.pdf")
    with (tmp_path / "huge.pdf").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ImageDecodeError, match="the PDF is damaged"):
        pdf_pages(tmp_path / "huge.pdf")


def test_an_empty_file_is_told_to_be_empty(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").touch()
    for document in (tmp_path / "a.pdf", b""):
        with pytest.raises(ImageDecodeError, match=r"the PDF is empty: 0 bytes$"):
            pdf_pages(document)


def test_errors_are_of_their_own_document() -> None:
    whole = scanned([page(100)])
    others = [b"", b"%PDF-1.7", whole[:9], locked(whole), whole]
    for other in others:
        with suppress(ImageError):
            pdf_pages(other)
        with pytest.raises(ImageError, match=r"^the PDF has no pages$"):
            pdf_pages(without_pages())
        with pytest.raises(ImageDecodeError, match=r"^the PDF is damaged: "):
            pdf_pages(b"%PDF-1.7")
        with pytest.raises(ImageError, match=r"^the PDF needs a password"):
            pdf_pages(locked(whole))


def test_limits_hold_before_a_page_is_rendered(scan: Path) -> None:
    [first, *_] = pdf_pages(scan, dpi=7200)
    with pytest.raises(ImageTooLargeError, match=rf"^{scan}#page=1: .*6000x9000"):
        load_image(first, max_pixels=1_000_000)
    with pytest.raises(ValueError, match="dpi must be between 1 and 10000, got 0"):
        pdf_pages(scan, dpi=0)
    with pytest.raises(ImageError, match=rf"^{scan}#page=7: there is no page 7, the PDF has 3$"):
        load_image(PdfPage(str(scan), 7))
    with pytest.raises(ImageError, match=r"missing.pdf: cannot read the file: No such file"):
        pdf_pages(scan.with_name("missing.pdf"))


def test_without_the_library_a_pdf_says_which_extra_has_it(
    scan: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for module in (listing, "east.extras"):
        monkeypatch.setattr(
            f"{module if isinstance(module, str) else module.__name__}.is_installed", lambda name: False
        )
    told = r"reading a PDF needs pypdfium2: pip install 'east-text-detector\[pdf\]'$"
    with pytest.raises(MissingPackageError, match=told):
        several.several_images(scan)
    with pytest.raises(ImageError, match=told):
        load_image(scan)
    (scan.parent / "a.png").touch()
    with caplog.at_level(logging.WARNING):
        assert list(several.several_images(scan.parent)) == [scan.parent / "a.png"]
    assert "1 PDFs are left out; reading them needs pypdfium2" in caplog.text
