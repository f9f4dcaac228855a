"""What lies behind URIs is read no further than an image can be long."""

from __future__ import annotations

import io
from typing import Any

import pytest

from east.batch.places import read_image
from east.errors import ImageTooLargeError

fsspec = pytest.importorskip("fsspec")
pytest.importorskip("pyarrow")

MOST = 3_000_000


class Endless(io.RawIOBase):
    """A stream of zeros, as a web server may send it, which counts those that are taken."""

    taken = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        Endless.taken += len(buffer)
        return len(buffer)


class Streams(fsspec.AbstractFileSystem):  # type: ignore[misc, name-defined]
    """A file system of files whose size nobody knows, and in which nobody can go back."""

    protocol = "streams"

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        return {"name": path, "size": None, "type": "file"}

    def open(self, path: str, mode: str = "rb", **_: Any) -> Any:
        class Stream(io.BytesIO):
            def seek(self, *_: int) -> int:
                raise ValueError("a stream does not go back")

        return Stream(b"1" * MOST) if path == "short" else Endless()


@pytest.fixture(autouse=True, scope="module")
def _streams() -> None:
    fsspec.register_implementation("streams", Streams, clobber=True)


def test_of_what_tells_no_size_one_byte_too_many_is_read_at_most() -> None:
    assert read_image("streams://short", MOST) == b"1" * MOST
    with pytest.raises(ImageTooLargeError, match="more than 2,999,999 bytes"):
        read_image("streams://short", MOST - 1)
    with pytest.raises(ImageTooLargeError, match="more than 3,000,000 bytes"):
        read_image("streams://endless", MOST)
    assert Endless.taken == MOST + 1


@pytest.mark.parametrize("size", [0, 1, MOST])
def test_what_tells_its_size_is_read_whole_or_not_at_all(size: int) -> None:
    fsspec.filesystem("memory").pipe("/places/a.png", b"1" * size)
    assert read_image("memory://places/a.png", size) == b"1" * size
    if size:
        with pytest.raises(ImageTooLargeError, match="the image file is too large"):
            read_image("memory://places/a.png", size - 1)


def test_a_file_without_an_end_that_says_it_is_empty_is_read_in_blocks() -> None:
    with pytest.raises(ImageTooLargeError):
        read_image("file:///dev/zero", 64 << 20)  # byte by byte it would take minutes and gigabytes
