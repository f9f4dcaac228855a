"""Files that may lie anywhere: paths of this machine by the standard library, URIs by PyArrow or fsspec."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from secrets import token_hex
from typing import IO, Any, NamedTuple
from urllib.parse import urlencode

from ..extras import missing_package
from ..files import is_uri, written_whole
from ..images.decoding import read_whole
from ..images.listing import fixed_part, missing

_IN_CLASS = re.compile(r"[\\\[\]&~|^]|(?<=-)-")  # what means more to `re` within brackets than in a shell
_NOTHING = re.compile(r"(?!)")


class Entry(NamedTuple):
    """A file that was found: where it is, and its bytes."""

    place: str
    size: int


def normal(place: str) -> str:
    """One spelling of a place: a path from the root, without ``..``; links are not followed."""
    path = place.removeprefix("file://")
    return place if is_uri(path) else os.path.abspath(path)  # noqa: PTH100 -- Path.resolve follows links


def join(folder: str, name: str) -> str:
    """A place within a folder."""
    return f"{folder.rstrip('/')}/{name}" if is_uri(folder) else str(Path(folder, name))


def read(place: str) -> bytes:
    """The bytes of a file. Raises ``OSError``."""
    if not is_uri(place):
        return Path(place).read_bytes()
    system, path = _system(place)
    with system.open_input_stream(path) as file:
        content: bytes = file.read()
    return content


def read_image(place: str, most: int) -> bytes:
    """The bytes of an image file or a PDF. Raises ``OSError``; `ImageTooLargeError` for more than ``most``."""
    with open_random(place) as file:
        return read_whole(file, most)


def open_random(place: str) -> IO[bytes]:
    """A file to read parts of. Raises ``OSError``."""
    if not is_uri(place):
        return Path(place).open("rb")
    system, path = _system(place)
    opened: IO[bytes] = system.open_input_file(path)
    return opened


def write_whole(place: str, content: bytes) -> None:
    """Writes a file that is there whole or not at all: aside first, then renamed; parent folders are made.

    Raises ``OSError``.
    """
    if not is_uri(place):
        with written_whole(Path(place)) as file:
            file.write(content)
        return
    system, path = _system(place)
    folder, name = posixpath.split(path)
    system.create_dir(folder, recursive=True)
    aside = posixpath.join(folder, f".{token_hex(8)}.{name}.part")
    with system.open_output_stream(aside) as file:
        file.write(content)
    system.move(aside, path)


def remove(place: str) -> None:
    """Removes a file. Raises ``OSError``."""
    if is_uri(place):
        system, path = _system(place)
        system.delete_file(path)
    else:
        Path(place).unlink()


def names_in(folder: str) -> list[str]:
    """The names of the files in a folder; none where there is no such folder. Raises ``OSError``."""
    if not is_uri(folder):
        here = Path(folder)
        return sorted(one.name for one in here.iterdir() if one.is_file()) if here.is_dir() else []
    from pyarrow.fs import FileSelector

    system, path = _system(folder)
    found = system.get_file_info(FileSelector(path, allow_not_found=True))
    return sorted(one.base_name for one in found if one.is_file)


def find(uri: str) -> tuple[str, list[Entry]]:
    """The files that a URI means, by name: a file itself, all below a folder, or those that a pattern fits.

    Returns:
        the URI itself, or the folder that a pattern starts from; and the files.

    Raises:
        OSError: there is nothing, or it cannot be listed.
    """
    from pyarrow.fs import FileSelector, FileType

    system, path = _system(uri)
    info = system.get_file_info(path)
    if info.type == FileType.File:  # whatever its name looks like
        return uri, [Entry(uri, info.size)]
    start, pattern = uri, None
    if info.type == FileType.NotFound:
        start = fixed_part(uri)
        if start == uri:
            raise missing(uri, _is_file)
        system, path = _system(start)
        pattern = _compiled(path + uri[len(start) :])
    found = system.get_file_info(FileSelector(path, recursive=True, allow_not_found=True))
    files = sorted((info.path, info.size) for info in found if info.type == FileType.File)
    return start, [
        Entry(start.rstrip("/") + name[len(path.rstrip("/")) :], size)
        for name, size in files
        if pattern is None or pattern.fullmatch(name)
    ]


def _is_file(uri: str) -> bool:
    from pyarrow.fs import FileType

    system, path = _system(uri)
    return bool(system.get_file_info(path).type == FileType.File)


def _compiled(pattern: str) -> re.Pattern[str]:
    """A pattern of a whole path: ``*`` and ``?`` stay within a folder, ``**/`` passes any number of them.

    A class that can hold nothing, ``[z-a]``, makes it one that fits nothing.
    """

    def parts() -> Iterator[str]:
        for part in re.split(r"(\*\*/|\*\*|\*|\?|\[!?\]?[^\]/]*\])", pattern):
            known = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
            if part in known:
                yield known[part]
            elif part.startswith("[") and part[1:-1] not in ("", "!"):
                inside = _IN_CLASS.sub(r"\\\g<0>", part[1:-1])
                yield f"[^{inside[1:]}]" if inside.startswith("!") else f"[{inside}]"
            else:
                yield re.escape(part)

    try:
        return re.compile("".join(parts()))
    except re.error:
        return _NOTHING


def _system(uri: str) -> tuple[Any, str]:
    """A PyArrow file system, and the path in it."""
    scheme = uri.partition("://")[0]
    try:
        return _by_pyarrow(uri) or (_by_fsspec(scheme.lower()), _stripped(uri))
    except ModuleNotFoundError as error:
        raise missing_package(error, f"{scheme}:// ") from error
    except ValueError as error:
        raise ValueError(f"{uri}: {error}") from error


def _by_pyarrow(uri: str) -> tuple[Any, str] | None:
    from pyarrow.fs import FileSystem
    from pyarrow.lib import ArrowInvalid

    scheme, _, rest = uri.partition("://")
    bucket, slash, key = rest.partition("/")
    try:  # a key is no part of what is parsed: it may hold what a URI has to escape
        system, path = _parsed(f"{scheme}://{bucket}{'/' if scheme == 'file' else ''}{_endpoint(scheme)}", FileSystem)
    except ArrowInvalid as error:
        if "Unrecognized filesystem type" in str(error):
            return None
        raise ValueError(str(error)) from error
    return system, f"{path.rstrip('/')}/{key}" if slash else path


def _endpoint(scheme: str) -> str:
    """Where an S3 is that is not Amazon's, as a query: PyArrow does not ask the environment, others do."""
    url = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if scheme != "s3" or not url:
        return ""
    protocol, _, host = url.rstrip("/").rpartition("://")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    return "?" + urlencode({"endpoint_override": host, "scheme": protocol or "https", "region": region})


@cache
def _parsed(root: str, system: Any) -> tuple[Any, str]:
    found: tuple[Any, str] = system.from_uri(root)
    return found


@cache
def _by_fsspec(scheme: str) -> Any:
    import fsspec
    from pyarrow.fs import FSSpecHandler, PyFileSystem

    return PyFileSystem(FSSpecHandler(fsspec.filesystem(scheme)))


def _stripped(uri: str) -> str:
    import fsspec

    return str(fsspec.get_filesystem_class(uri.partition("://")[0].lower())._strip_protocol(uri))
