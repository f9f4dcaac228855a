"""Files that are there whole or not at all, and named when they cannot be read or written."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from east.files import sha256_file, written_whole


def test_replaces_a_file_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    for content in (b"first", b"second"):
        before = path.read_bytes() if path.exists() else None
        with written_whole(path) as file:
            file.write(content)
            file.flush()
            assert (path.read_bytes() if path.exists() else None) == before
        assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


def test_an_error_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before")

    def fail() -> None:
        with written_whole(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "links" / "link"
    link.parent.mkdir()
    link.symlink_to(target)
    for content in (b"first", b"second"):
        with written_whole(link) as file:
            file.write(content)
        assert link.is_symlink()
        assert target.read_bytes() == content
    assert list(link.parent.iterdir()) == [link]


def test_standard_output_is_where_the_shell_sent_it(tmp_path: Path) -> None:
    script = "import sys; from pathlib import Path; from east.files import sha256_file, written_whole\n"
    script += "with written_whole(Path(sys.argv[1])) as file: file.write(b'found')"
    device, output = tmp_path / "stdout", tmp_path / "output"
    device.symlink_to("/proc/self/fd/1")  # what /dev/stdout is
    with output.open("wb") as stdout:
        subprocess.run([sys.executable, "-c", script, str(device)], stdout=stdout, check=True)
    assert output.read_bytes() == b"found"
    assert device.is_symlink()


def test_any_name_a_file_may_have(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)
    with written_whole(path) as file:
        file.write(b"long")
    assert path.read_bytes() == b"long"


def test_errors_name_the_file_that_was_asked_for(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "folder", tmp_path / ("n" * 256), Path("/proc/file")):
        with pytest.raises(OSError) as failed, written_whole(path):  # noqa: PT011
            pass
        assert failed.value.filename == str(path)


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    read: list[bytes] = []
    reader = Thread(target=lambda: read.append(path.read_bytes()))
    reader.start()
    with written_whole(path) as file:
        file.write(b"through")
    reader.join()
    assert read == [b"through"]
    assert path.is_fifo()


def test_a_full_disk_is_told_with_the_name_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with pytest.raises(OSError, match="No space left") as error, written_whole(path):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert error.value.filename == str(path)


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs Linux' /proc")
def test_a_file_that_cannot_be_hashed_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").symlink_to("/proc/self/mem")
    with pytest.raises(OSError, match="Input/output error") as error:
        sha256_file(tmp_path / "file")
    assert error.value.filename == str(tmp_path / "file")
