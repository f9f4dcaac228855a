"""Multipart bodies that cost more than they are worth."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest
from python_multipart.exceptions import FormParserError

from serving.body import Form
from serving.problems import Problem
from serving.settings import Limits

PART = b"--x\r\nContent-Disposition: form-data; name=image\r\n"
PIECE = 16 * 1024


def read(body: bytes, piece: int = PIECE, boundary: bytes = b"x", most: int = 16) -> list[bytes]:
    form = Form(boundary, Limits(images=most))
    for start in range(0, len(body), piece):
        form.feed(body[start : start + piece])
    return form.finish()


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    ("body", "images"),
    [
        (PART + b"\r\nabc\r\n--x--", [b"abc"]),
        (PART + b"\r\nabc\r\n--x--\r\nepilogue", [b"abc"]),
        (b"\r\n" + PART + b"\r\nabc\r\n--x \t\r\n" + PART[5:] + b"\r\ndef\r\n--x--\r\n", [b"abc", b"def"]),
        (PART + b"Content-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\n\r\n--y--\r\n--x--", [b"--y\r\n\r\n--y--"]),
        (PART.replace(b"image", b"image; filename*=utf-8''%2f; filename=\"a;name=b\"") + b"\r\nabc\r\n--x--", [b"abc"]),
        (PART + b"\r\n\r\n" + PART + b"\r\nabc\r\n--x--", [b"", b"abc"]),
        (PART + b"\r\nabc\r\n-\r\n--\r\n--y\r\n--x--", [b"abc\r\n-\r\n--\r\n--y"]),
    ],
)  # fmt: skip
def test_strange_but_sound_forms_are_read(body: bytes, images: list[bytes], piece: int) -> None:
    assert read(body, piece) == images


ENDLESS: dict[str, Callable[[], bytes]] = {
    "name of a header": lambda: b"--x\r\n" + b"a" * 2_000_000,
    "header": lambda: b"--x\r\nA: " + b"a" * 2_000_000,
    "headers": lambda: b"--x\r\n" + b"a: b\r\n" * 400_000,
    "preamble": lambda: b"\r\n" + b"\n" * 2_000_000,
    "padding": lambda: PART + b"\r\n\r\n--x" + b" " * 2_000_000,
    "almost delimiters": lambda: PART + b"\r\n" + b"\r\n--xA" * 40_000,
    "epilogue": lambda: PART + b"\r\nabc\r\n--x--" + bytes(2_000_000),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_what_is_not_image_has_an_end(name: str) -> None:
    body = ENDLESS[name]()
    form = Form(b"x", Limits())
    tracemalloc.start()
    for fed in range(0, len(body), PIECE):
        try:
            form.feed(body[fed : fed + PIECE])
        except FormParserError:
            break
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert fed < 100_000
    assert most < 200_000


def test_parts_without_images_have_an_end() -> None:
    with pytest.raises(Problem) as caught:
        read((PART + b"\r\n\r\n") * 100)
    assert caught.value.code == "too-many-images"


def test_batches_of_one_image() -> None:
    image = PART + b"\r\nabc\r\n"
    assert read(image + b"--x--", most=1) == [b"abc"]
    with pytest.raises(Problem) as caught:
        read(image + image + b"--x--", most=1)
    assert caught.value.code == "too-many-images"


def test_part_with_two_names() -> None:
    with pytest.raises(FormParserError, match="two names"):
        read(PART + b"content-disposition: form-data; name=evil\r\n\r\nabc\r\n--x--")
